//! Values of the wrong type in [[clients]] and [[users]]: serde says of them what it expected, and we what to do.

use super::section::Mistake;

/// What is wrong with a value of which serde says `message`: with itself, or with something `inside` it.
pub(super) fn mistake(message: &str, inside: bool) -> Mistake {
    let verb = if inside { "holds" } else { "is" };
    let (problem, expected) = message
        .split_once(", expected ")
        .unwrap_or((message, "something else"));
    if let Some(found) = problem.strip_prefix("invalid type: ") {
        let (wanted, mend) = wanted(expected);
        return Mistake::new(format!("{verb} {}, not {wanted}", kind(found)), mend);
    }
    let known = expected.strip_prefix("one of ").unwrap_or(expected);
    let known = known.replace('`', "\"");
    if let Some(found) = problem.strip_prefix("unknown variant ") {
        let found = found.replace('`', "\"");
        return Mistake::new(
            format!("{verb} none that we know: {found}"),
            format!("Known are {known}."),
        );
    }
    if let Some(found) = problem.strip_prefix("unknown field ") {
        let found = found.replace('`', "\"");
        return Mistake::new(
            format!("holds a key we do not know: {found}"),
            format!("Known are {known}."),
        );
    }
    let problem = problem.trim_start_matches("invalid value: ");
    Mistake::new(format!("does not fit: {problem}"), wanted(expected).1)
}

/// What people call a value, by serde's word for it; the value itself is left out.
fn kind(found: &str) -> &'static str {
    match found.split([' ', '`']).next().unwrap_or_default() {
        "string" => "a text",
        "integer" | "floating" => "a number",
        "boolean" => "true or false",
        "sequence" => "an array",
        "map" => "a table",
        _ => "something else",
    }
}

/// What people call a type, and how they write a value of it.
fn wanted(expected: &str) -> (&'static str, &'static str) {
    match expected.split([' ', '`']).next().unwrap_or_default() {
        "u32" => (
            "a whole number",
            "Write a whole number of seconds, not below zero, without quotation marks.",
        ),
        "i64" => (
            "a whole number",
            "Write a whole number, without quotation marks.",
        ),
        "struct" => ("a table", "Write it between { and }."),
        _ => match expected {
            "a string" => ("a text", "Write it between quotation marks."),
            "a boolean" => (
                "true or false",
                "Write true or false, without quotation marks.",
            ),
            "a sequence" => ("an array", "Write it between [ and ]."),
            "a map" => ("a table", "Write it between { and }."),
            "string or table" => ("a text", "Write it between quotation marks."),
            _ => ("what belongs here", "docs/exeunt.toml has an example."),
        },
    }
}
