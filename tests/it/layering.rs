//! The layers look down only: no file may name what its layer must not know (ARCHITECTURE.md).

use std::fmt::Write as _;

use crate::support::{files_below, name_of};

/// A name that only some of the source may say, and where.
struct Reserved {
    name: &'static str,
    /// Beginnings of paths below `src/`.
    to: &'static [&'static str],
}

/// Names from outside the package.
const RESERVED: &[Reserved] = &[
    reserved("actix_web", &["http/", "server", "demo/"]),
    reserved("sea_orm", &["store/"]),
    reserved("sqlx", &["store/"]),
    reserved("sea_orm_migration", &[]),
    reserved("exeunt_migrations", &["store/"]),
    reserved("prometheus_client", &["metrics"]),
    reserved("utoipa", &["http/admin/"]),
    reserved("flate2", &["http/"]),
    reserved("reqwest", &["outbound/", "demo/"]),
    reserved("redis", &["outbound/"]),
    reserved("jsonwebtoken", &["jose/"]),
    reserved("rsa", &["jose/"]),
    reserved("exeunt_guard", &["jose/", "demo/"]),
    // `oidc` may take digests, as `DIGEST_ONLY` says.
    reserved("aws_lc_rs", &["jose/", "random.rs", "oidc/"]),
    reserved("std::env", &["config", "cli/", "main.rs"]),
];

const fn reserved(name: &'static str, to: &'static [&'static str]) -> Reserved {
    Reserved { name, to }
}

/// Where `aws_lc_rs` is there for digests and for comparing them alone: rules hold no keys and draw no randomness.
const DIGEST_ONLY: &str = "oidc/";
const DIGESTS: [&str; 2] = ["aws_lc_rs::digest", "aws_lc_rs::constant_time"];

/// Each layer, top to bottom, with the modules of the crate it may name beside itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("main", &[]),
    (
        "cli",
        &[
            "demo", "server", "http", "flows", "store", "jose", "outbound", "oidc", "config",
            "clock", "random",
        ],
    ),
    // The example applications are strangers to the provider; they share the words of registration.
    ("demo", &["oidc", "clock", "random"]),
    (
        "server",
        &[
            "http", "flows", "store", "jose", "outbound", "oidc", "metrics", "config", "clock",
            "random",
        ],
    ),
    (
        "http",
        &[
            "flows", "store", "jose", "outbound", "oidc", "metrics", "config", "clock", "random",
        ],
    ),
    (
        "flows",
        &[
            "store", "jose", "outbound", "oidc", "metrics", "config", "clock", "random",
        ],
    ),
    ("config", &["jose", "oidc", "clock"]),
    ("metrics", &["oidc", "clock"]),
    ("store", &["oidc", "clock", "random"]),
    ("jose", &["oidc", "clock", "random"]),
    ("outbound", &["oidc", "clock", "random"]),
    ("oidc", &["clock"]),
    ("random", &["clock"]),
    ("clock", &[]),
];

/// Longer than this without its unit tests, and a file wants to be two.
const MOST_LINES: usize = 400;

#[test]
fn every_layer_looks_down_only() {
    let files = files_below("src", "rs");
    assert!(!files.is_empty());
    let mut offences = String::new();
    for file in files {
        let name = name_of(&file);
        let text = std::fs::read_to_string(&file).unwrap();
        for offence in offences_in(name.trim_start_matches("src/"), &text) {
            writeln!(offences, "{name}: {offence}").unwrap();
        }
    }
    assert!(offences.is_empty(), "\n{offences}");
}

#[test]
fn a_file_that_names_what_it_may_not_is_caught() {
    for (file, text, caught) in [
        (
            "flows/sign_in.rs",
            "use actix_web::HttpRequest;",
            "actix_web",
        ),
        ("flows/sign_in.rs", "use actix_web as web;", "actix_web"),
        (
            "http/token.rs",
            "let rows = sea_orm::Statement::default();",
            "sea_orm",
        ),
        ("oidc/pkce.rs", "use std::{env, fmt};", "std::env"),
        ("oidc/token/code.rs", "use aws_lc_rs::rand;", "aws_lc_rs"),
        ("flows/mod.rs", "use crate::http::pages;", "crate::http"),
        (
            "store/users.rs",
            "use crate::{clock::Timestamp,\n    jose::Ring};",
            "crate::jose",
        ),
        (
            "oidc/client.rs",
            "fn now() -> crate::store::Database {}",
            "crate::store",
        ),
        ("oidc/client.rs", "use crate::*;", "crate::*"),
        (
            "flows/sign_in.rs",
            "use super::super::http::pages;",
            "crate::http",
        ),
        ("flows/mod.rs", "use super::{clock, http};", "crate::http"),
        (
            "flows/sign_in.rs",
            "use super::{redeem,\n    super::http::pages};",
            "crate::http",
        ),
        (
            "oidc/token/code.rs",
            "fn now() -> self::super::super::super::store::Database {}",
            "crate::store",
        ),
        (
            "flows/sign_in.rs",
            "mod tests {\n    use super::super::super::http;\n}",
            "crate::http",
        ),
        (
            "flows/sign_in.rs",
            "mod tests {\n    mod of_doors {\n    }\n}\n\nuse super::super::http;",
            "crate::http",
        ),
        ("clock.rs", "use super as root;", "the crate's root"),
        ("flows/mod.rs", "use crate as root;", "the crate's root"),
        ("attic/old.rs", "", "no layer"),
        ("oidc/client.rs", &"\n".repeat(MOST_LINES + 1), "lines"),
    ] {
        let offences = offences_in(file, text).join("\n");
        assert!(offences.contains(caught), "{file}: {text}: {offences}");
    }
}

#[test]
fn a_file_that_keeps_to_its_layer_is_not_accused() {
    for (file, text) in [
        ("http/token.rs", "use actix_web::{HttpRequest, web};"),
        (
            "oidc/pkce.rs",
            "use aws_lc_rs::digest;\nuse crate::oidc::error;",
        ),
        (
            "oidc/pkce.rs",
            "//! Not for `crate::store`, and not with sqlx::query.",
        ),
        (
            "flows/redeem.rs",
            "use crate::{oidc::{token, logout}, store::{codes}};",
        ),
        ("flows/redeem.rs", "let rsa = aws_lc_rs_of::rsa::KeyPair;"),
        ("oidc/upstream/tests/person.rs", "use crate::jose::Ring;"),
        ("oidc/upstream/answer.rs", "use super::super::token::code;"),
        (
            "flows/sign_in.rs",
            "use super::{Provider, redeem};\nuse super::super::store::users;",
        ),
        (
            "jose/client_jwt.rs",
            "pub(super) mod tests {\n    use super::super::tests::forge;\n    use super::*;\n}",
        ),
        ("clock.rs", "mod tests {\n    use super::*;\n}"),
    ] {
        assert_eq!(
            offences_in(file, text),
            Vec::<String>::new(),
            "{file}: {text}"
        );
    }
}

/// What is wrong with a file: `name` is its path below `src/`.
fn offences_in(name: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    // Unit tests in files of their own may reach for anything, and be as long as their tables.
    if name.ends_with("/tests.rs") || name.contains("/tests/") {
        return offences;
    }
    let layer = name.split(['/', '.']).next().unwrap_or_default();
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    for Reserved { name: reserved, to } in RESERVED {
        let may = to.iter().any(|path| name.starts_with(path));
        if !may && paths_in(&code).any(|path| begins_with(&path, reserved)) {
            offences.push(format!("names {reserved}, which is for {}", to.join(", ")));
        }
    }
    if name.starts_with(DIGEST_ONLY)
        && paths_in(&code)
            .filter(|path| begins_with(path, "aws_lc_rs"))
            .any(|path| DIGESTS.iter().all(|known| !begins_with(&path, known)))
    {
        offences.push("names more of aws_lc_rs than its digests".to_owned());
    }
    match LAYERS.iter().find(|(known, _)| *known == layer) {
        Some((_, may)) => offences.extend(
            modules_named_in(name, &code)
                .into_iter()
                .filter(|module| module != layer && !may.contains(&module.as_str()))
                .map(|module| match module.as_str() {
                    "" => "gives the crate's root another name".to_owned(),
                    module => format!("names crate::{module}, which {layer} may not know"),
                }),
        ),
        // The crate's map names every module, and is no layer.
        None if layer == "lib" => {}
        None => offences.push(format!("{layer} is no layer: give it a place in the table")),
    }
    let lines = text
        .lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .count();
    if lines > MOST_LINES {
        offences.push(format!("has {lines} lines, and {MOST_LINES} are enough"));
    }
    offences
}

/// The crate's own modules that a file names, whichever way its paths go there; empty for the crate's root itself.
fn modules_named_in(name: &str, code: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (module, code) in modules_in(name, code) {
        let paths = paths_in(&code).filter_map(|path| from_root(&path, &module));
        named.extend(paths.map(|path| path.split("::").next().unwrap_or_default().to_owned()));
    }
    named
}

/// The modules that a file has, those inside of it too: of each its path from the crate's root, and its own code.
fn modules_in(name: &str, code: &str) -> Vec<(Vec<String>, String)> {
    let path = name.trim_end_matches(".rs").trim_end_matches("/mod");
    let path: Vec<String> = path.split('/').map(str::to_owned).collect();
    let mut modules = vec![(path, String::new())];
    // Those that a line is in, the innermost last: which of `modules`, and the line that ends it.
    let mut open = vec![(0, String::new())];
    for line in code.lines() {
        let (here, end) = open.last().unwrap();
        if *here > 0 && line == end {
            open.pop();
            continue;
        }
        let Some(inner) = module_begun_by(line) else {
            modules[*here].1 += line;
            modules[*here].1 += "\n";
            continue;
        };
        let mut path = modules[*here].0.clone();
        path.push(inner.to_owned());
        let indent = &line[..line.len() - line.trim_start().len()];
        open.push((modules.len(), format!("{indent}}}")));
        modules.push((path, String::new()));
    }
    modules
}

/// The module that has its code between the brace at the end of this line and the one that stands under its beginning.
fn module_begun_by(line: &str) -> Option<&str> {
    let (before, module) = line.strip_suffix(" {")?.rsplit_once(' ')?;
    (before.split_whitespace().next_back() == Some("mod")).then_some(module)
}

/// What `path` means from the crate's root, where it stands in the module of that path; none if it begins elsewhere.
fn from_root(path: &str, module: &[String]) -> Option<String> {
    let root: &[String] = &[];
    let names: Vec<&str> = path.split("::").collect();
    let (mut outer, mut rest) = match names.as_slice() {
        ["crate", rest @ ..] => (root, rest),
        ["self", rest @ ..] => (module, rest),
        rest @ ["super", ..] => (module, rest),
        _ => return None,
    };
    while let ["super", inner @ ..] = rest {
        outer = outer.split_last().map_or(root, |(_, outer)| outer);
        rest = inner;
    }
    let outer = outer.iter().map(String::as_str);
    let names: Vec<&str> = outer.chain(rest.iter().copied()).collect();
    Some(names.join("::"))
}

/// Whether `path` is `name`, or goes on from it.
fn begins_with(path: &str, name: &str) -> bool {
    path.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path in the code that may leave its module: those with `::`, and what `use` names. A group of braces is
/// spelt out to its first level: `a::{b::c, d}` gives `a::b::c` and `a::d`.
fn paths_in(code: &str) -> impl Iterator<Item = String> {
    let mut paths = Vec::new();
    let mut rest = code;
    let mut imported = false;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        rest = &rest[start..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':' || c == '*'))
            .unwrap_or(rest.len());
        let (path, after) = rest.split_at(end);
        rest = after;
        if let (Some(stem), true) = (path.strip_suffix("::"), after.starts_with('{')) {
            paths.extend(members(after).map(|member| format!("{stem}::{member}")));
        } else if imported || path.contains("::") {
            paths.push(path.to_owned());
        }
        imported = path == "use";
    }
    paths.into_iter()
}

/// The members of the group of braces that `code` begins with.
fn members(code: &str) -> impl Iterator<Item = String> {
    let mut depth = 0;
    let mut members = vec![String::new()];
    for c in code.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => members.push(String::new()),
            c if depth == 1 && !c.is_whitespace() => members.last_mut().unwrap().push(c),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    members.into_iter().filter(|member| !member.is_empty())
}
