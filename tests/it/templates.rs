//! The templates keep to the policy that the pages are served under, and leave every escape in place.

use std::fmt::Write as _;

use crate::support::{files_below, name_of};

#[test]
fn no_template_runs_inline_or_leaves_a_value_unescaped() {
    let mut offences = String::new();
    for file in files_below("templates", "html") {
        let text = std::fs::read_to_string(&file).unwrap();
        for offence in offences_in(&text) {
            writeln!(offences, "{}: {offence}", name_of(&file)).unwrap();
        }
    }
    assert!(offences.is_empty(), "\n{offences}");
}

#[test]
fn a_template_with_an_offence_is_caught() {
    for (text, caught) in [
        ("<p>{{ name|safe }}</p>", "safe"),
        ("<p>{{ name | safe }}</p>", "safe"),
        ("{% filter safe %}x{% endfilter %}", "safe"),
        ("{% autoescape off %}", "autoescape"),
        ("<p style=\"color: red\">", "style attribute"),
        ("<style>p {}</style>", "style element"),
        ("<script>alert(1)</script>", "script"),
        ("<script\n  defer>", "script"),
        ("<button type=button onclick=\"go()\">", "onclick"),
        ("<body\n\tONLOAD='go()'>", "onload"),
        ("<a href=\"javascript:go()\">", "javascript:"),
        ("<input value={{ name }}>", "quotes"),
        ("<input value=\"a\" name= {{ name }}>", "quotes"),
        ("<input value=a{{ name }}>", "quotes"),
        ("<input {{ attributes }}>", "quotes"),
    ] {
        let offences = offences_in(text).join("\n");
        assert!(offences.contains(caught), "{text}: {offences}");
    }
}

#[test]
fn a_template_without_offence_is_not_accused() {
    for text in [
        "<p class=\"safe\">{{ name }} = {{ value }}</p>",
        "<script src=\"/static/leaving.js\" defer></script>",
        "<input value=\"{{ name }}\" {% if required %}required{% endif %}>",
        "<a href='{{ url }}?a=b&amp;on=1'>one > two {{ three }}</a>",
        "<option value=\"{{ id }}\"{% if id == chosen %} selected{% endif %}>",
        "<script defer src=\"{{ ui.asset(\"on style > js\") }}\"></script>",
        "<p {% if onward == \"a > b\" %}class=\"{% if x > 1 %}one{% endif %}\"{% endif %}>",
        "<!-- <style> --><link rel=stylesheet href=\"/static/exeunt.css\">",
    ] {
        assert_eq!(offences_in(text), Vec::<String>::new(), "{text}");
    }
}

/// What is wrong with a template.
fn offences_in(text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    for expression in between(text, "{{", "}}").chain(between(text, "{%", "%}")) {
        let words: Vec<_> = expression
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '|'))
            .filter(|word| !word.is_empty())
            .collect();
        let words = words.join(" ").replace('|', " | ");
        let words: Vec<_> = words.split_whitespace().collect();
        if words
            .windows(2)
            .any(|pair| matches!(pair, ["|" | "filter", "safe"]))
        {
            offences.push(format!("{expression}: safe leaves a value unescaped"));
        }
        if words.first() == Some(&"autoescape") {
            offences.push(format!("{expression}: autoescape stays on"));
        }
    }
    for tag in tags_in(text) {
        check_tag(&tag, &mut offences);
    }
    offences
}

/// Checks one tag, from its name to before its `>`.
fn check_tag(tag: &str, offences: &mut Vec<String>) {
    let lower = tag.to_ascii_lowercase();
    let plain = only(&lower, &[Place::Plain]);
    let mut words = plain.split([' ', '\t', '\n', '\r', '/']);
    let element = words.next().unwrap_or_default();
    let attributes: Vec<_> = words
        .map(|word| word.split('=').next().unwrap_or_default())
        .collect();
    if element == "style" {
        offences.push(format!(
            "<{tag}>: a style element, and the policy forbids it"
        ));
    }
    if element == "script" && !attributes.contains(&"src") {
        offences.push(format!(
            "<{tag}>: an inline script, and the policy forbids it"
        ));
    }
    for attribute in attributes {
        if attribute == "style" {
            offences.push(format!(
                "<{tag}>: a style attribute, and the policy forbids it"
            ));
        }
        if attribute.len() > 2 && attribute.starts_with("on") {
            offences.push(format!("<{tag}>: {attribute} is an inline script"));
        }
    }
    if lower.contains("javascript:") {
        offences.push(format!("<{tag}>: javascript: is an inline script"));
    }
    if only(tag, &[Place::Plain, Place::Mark]).contains("{{") {
        offences.push(format!(
            "<{tag}>: a value inside a tag needs quotes around it"
        ));
    }
}

/// The tags of a template that open an element, comments and the template's own marks left alone.
fn tags_in(text: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let end = end_of_tag(rest);
            tags.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
    }
    tags
}

/// Where the tag that `text` begins with ends: at the first `>` outside of quotes and of the template's own marks.
fn end_of_tag(text: &str) -> usize {
    places_in(text)
        .find(|(_, c, place)| *c == '>' && *place == Place::Plain)
        .map_or(text.len(), |(index, ..)| index)
}

/// Where a character of a tag stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Plain,
    /// In an attribute's quotes, or one of them.
    Quoted,
    /// In `{{ }}` or `{% %}` outside of quotes, but for the first brace.
    Mark,
}

/// Every character of a tag with its index and place. Quotes inside the template's own marks are not the attribute's.
fn places_in(tag: &str) -> impl Iterator<Item = (usize, char, Place)> {
    let mut quote = None;
    let mut marked = false;
    let mut previous = ' ';
    tag.char_indices().map(move |(index, c)| {
        let was_quoted = quote.is_some();
        let was_marked = marked;
        match (previous, c) {
            ('{', '{' | '%') => marked = true,
            ('}' | '%', '}') => marked = false,
            (_, '"' | '\'') if !marked && quote.is_none() => quote = Some(c),
            _ if !marked && quote == Some(c) => quote = None,
            _ => {}
        }
        previous = c;
        let place = match (was_quoted || quote.is_some(), was_marked || marked) {
            (true, _) => Place::Quoted,
            (false, true) => Place::Mark,
            (false, false) => Place::Plain,
        };
        (index, c, place)
    })
}

/// The characters of a tag that stand in one of the places.
fn only(tag: &str, places: &[Place]) -> String {
    places_in(tag)
        .filter(|(.., place)| places.contains(place))
        .map(|(_, c, _)| c)
        .collect()
}

/// Every stretch of `text` between `open` and `close`.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open)
        .skip(1)
        .filter_map(move |rest| rest.split_once(close).map(|(inside, _)| inside.trim()))
}
