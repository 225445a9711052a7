//! As much HTML as the rehearsal's browser must understand: forms, frames and links of our own pages.

/// A form as it would be sent if nobody touched it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) action: String,
    pub(super) fields: Vec<(String, String)>,
}

impl Form {
    /// Types `value` into the field `name`.
    pub(super) fn fill(&mut self, name: &str, value: &str) {
        for (_, old) in self.fields.iter_mut().filter(|(known, _)| known == name) {
            value.clone_into(old);
        }
    }
}

/// A form with its buttons: the `id` of each, and what it adds to the fields if it has a name.
struct Whole {
    form: Form,
    buttons: Vec<(String, Option<(String, String)>)>,
}

/// The first form that has a field called `field`.
pub(super) fn form_with(page: &str, field: &str) -> Option<Form> {
    let mut forms = forms(page).into_iter().map(|whole| whole.form);
    forms.find(|form| form.fields.iter().any(|(name, _)| name == field))
}

/// The form that the button with this `id` sends, as it does.
pub(super) fn form_of(page: &str, id: &str) -> Option<Form> {
    forms(page)
        .into_iter()
        .find_map(|Whole { mut form, buttons }| {
            let (_, adds) = buttons.into_iter().find(|(known, _)| known == id)?;
            form.fields.extend(adds);
            Some(form)
        })
}

/// The forms that are closed.
fn forms(page: &str) -> Vec<Whole> {
    let mut forms = Vec::new();
    let mut open: Option<Whole> = None;
    for tag in Tags(page) {
        let field = || {
            let value = tag.attribute("value").unwrap_or_default();
            Some((tag.attribute("name")?, value))
        };
        match (tag.name.as_str(), &mut open) {
            ("form", _) => {
                open = Some(Whole {
                    form: Form {
                        action: tag.attribute("action").unwrap_or_default(),
                        fields: Vec::new(),
                    },
                    buttons: Vec::new(),
                });
            }
            ("input", Some(whole)) => whole.form.fields.extend(field()),
            ("button", Some(whole)) => {
                let id = tag.attribute("id").unwrap_or_default();
                whole.buttons.push((id, field()));
            }
            ("/form", _) => forms.extend(open.take()),
            _ => {}
        }
    }
    forms
}

/// Where the page's frames lead.
pub(super) fn frames(page: &str) -> Vec<String> {
    Tags(page)
        .filter(|tag| tag.name == "iframe")
        .filter_map(|tag| tag.attribute("src"))
        .collect()
}

/// Where the link with this `id` leads.
pub(super) fn link(page: &str, id: &str) -> Option<String> {
    Tags(page)
        .find(|tag| tag.name == "a" && tag.attribute("id").as_deref() == Some(id))?
        .attribute("href")
}

struct Tag<'a> {
    /// In lower case; `/form` closes `form`.
    name: String,
    attributes: &'a str,
}

impl Tag<'_> {
    fn attribute(&self, wanted: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            let end = rest
                .find(|c: char| c.is_ascii_whitespace() || c == '=')
                .unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let (value, after) = match after.trim_ascii_start().strip_prefix('=') {
                Some(after) => value(after.trim_ascii_start()),
                None => ("", after),
            };
            if name.eq_ignore_ascii_case(wanted) {
                return Some(unescape(value));
            }
            rest = after;
        }
    }
}

/// Splits an attribute's value, quoted or not, from what follows.
fn value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(text) = text.strip_prefix(quote) {
            return text.split_once(quote).unwrap_or((text, ""));
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace());
    text.split_at(end.unwrap_or(text.len()))
}

/// The tags of a page in order; comments are skipped.
struct Tags<'a>(&'a str);

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        loop {
            let inside = &self.0[self.0.find('<')? + 1..];
            if let Some(comment) = inside.strip_prefix("!--") {
                self.0 = comment.split_once("-->")?.1;
                continue;
            }
            let end = end_of_tag(inside)?;
            let (tag, rest) = (&inside[..end], &inside[end + 1..]);
            self.0 = rest;
            let name_end = tag.find(|c: char| c.is_ascii_whitespace());
            let (name, attributes) = tag.split_at(name_end.unwrap_or(tag.len()));
            return Some(Tag {
                name: name.to_ascii_lowercase(),
                attributes,
            });
        }
    }
}

/// The first `>` that is not within quotes.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '>' => return Some(at),
            None => {}
        }
        None
    })
}

/// Character references: numbers, and the five names that templates write.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let reference = after.split_once(';');
        match reference.and_then(|(name, after)| Some((character(name)?, after))) {
            Some((character, after)) => {
                plain.push(character);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!doctype html>
        <!-- <form action="/comment"><input name="password"></form> -->
        <form method="post" action="/cancel"><input type=hidden name=csrf value=one></form>
        <FORM method='post' action='/sign-in?a=1&amp;b=2'>
            <input type="hidden" name="interaction" value="a &gt; b &#34;c&#x27;">
            <input name="username" title="1 > 0" required><input name="password" type="password"/>
        </FORM>
        <form action="/sign-in"><input name="csrf" value="two">
            <button id="plain">Go</button><button id="upstream-house" name="upstream" value="house">There</button>
        </form>
        <a href="/elsewhere">x</a> <a id="continue" class="button" href="/on?x=1&amp;y=2">Continue</a>
        <iframe src="http://localhost:1/out?iss=i&amp;sid=s" title="t"></iframe><iframe></iframe>"#;

    #[test]
    fn the_form_with_the_field_is_found_with_its_hidden_fields_as_they_were_meant() {
        let form = form_with(PAGE, "password").unwrap();
        assert_eq!(form.action, "/sign-in?a=1&b=2");
        let fields = [
            ("interaction", "a > b \"c'"),
            ("username", ""),
            ("password", ""),
        ];
        assert_eq!(
            form.fields,
            fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn filling_a_form_changes_that_field_alone() {
        let mut form = form_with(PAGE, "password").unwrap();
        form.fill("username", "ada");
        form.fill("no such field", "x");
        assert_eq!(form.fields[1], ("username".to_owned(), "ada".to_owned()));
        assert_eq!(form.fields.len(), 3);
    }

    #[test]
    fn a_button_sends_its_form_with_what_it_adds_itself() {
        let fields = |id| form_of(PAGE, id).unwrap().fields;
        let csrf = ("csrf".to_owned(), "two".to_owned());
        let upstream = ("upstream".to_owned(), "house".to_owned());
        assert_eq!(fields("plain"), std::slice::from_ref(&csrf));
        assert_eq!(fields("upstream-house"), [csrf, upstream]);
        assert_eq!(form_of(PAGE, "upstream-stable"), None);
    }

    #[test]
    fn a_page_without_such_a_form_has_none() {
        assert_eq!(form_with(PAGE, "otp"), None);
        assert_eq!(form_with("<form><input name='otp'", "otp"), None);
    }

    #[test]
    fn frames_and_links_lead_where_they_say() {
        assert_eq!(frames(PAGE), ["http://localhost:1/out?iss=i&sid=s"]);
        assert_eq!(link(PAGE, "continue").as_deref(), Some("/on?x=1&y=2"));
        assert_eq!(link(PAGE, "back"), None);
    }

    #[test]
    fn what_only_looks_like_a_character_reference_stays() {
        assert_eq!(unescape("a&b &nbsp; &#xd800; &"), "a&b &nbsp; &#xd800; &");
    }
}
