//! `docs/conformance.md` has a table of every module of the plans, made from the plans and from the tests here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::plans::{RESPONSE_TYPES, plans, variants_of};
use crate::support::{environment, files_below, name_of, repository};

/// Modules without a test, and why. Whoever builds what they look at takes their lines away, and writes their tests.
const UNTESTED: &[(&str, &str)] = &[
    (
        "oidcc-idtoken-unsigned",
        "there is no registration endpoint yet",
    ),
    (
        "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
        "request objects are not read yet",
    ),
    (
        "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
        "request objects are not read yet",
    ),
    (
        "oidcc-ensure-request-object-with-redirect-uri",
        "request objects are not read yet",
    ),
    ("oidcc-userinfo-rs256", "userinfo is not signed yet"),
    ("oidcc-registration-jwks-uri", "`jwks_uri` is not read yet"),
    (
        "oidcc-registration-sector-uri",
        "there are no pairwise subjects yet",
    ),
    (
        "oidcc-registration-sector-bad",
        "there are no pairwise subjects yet",
    ),
    (
        "oidcc-refresh-token-rp-key-rotation",
        "`jwks_uri` is not read yet",
    ),
    (
        "oidcc-request-uri-unsigned",
        "request objects are not read yet",
    ),
    (
        "oidcc-request-uri-signed-rs256",
        "request objects are not read yet",
    ),
];

const DOCUMENT: &str = "docs/conformance.md";
const BEGIN: &str = "<!-- From here on made by the tests: see CONTRIBUTING.md. -->\n";
const END: &str = "<!-- To here. -->\n";

/// The plans' names as people say them.
const TITLES: [(&str, &str); 12] = [
    ("oidcc-config-", "Config"),
    ("oidcc-basic-", "Basic"),
    ("oidcc-implicit-", "Implicit"),
    ("oidcc-hybrid-", "Hybrid"),
    ("oidcc-formpost-basic-", "Form Post (basic)"),
    ("oidcc-formpost-implicit-", "Form Post (implicit)"),
    ("oidcc-formpost-hybrid-", "Form Post (hybrid)"),
    ("oidcc-dynamic-", "Dynamic"),
    ("oidcc-3rdparty-init-login-", "Third-party-initiated login"),
    ("oidcc-session-management-", "Session Management"),
    ("oidcc-rp-initiated-logout-", "RP-Initiated Logout"),
    ("oidcc-frontchannel-", "Front-Channel Logout"),
];

fn title_of(plan: &str) -> &'static str {
    let mut titles = TITLES.iter();
    let found = titles.find(|(begin, _)| plan.starts_with(begin));
    found.map_or("Back-Channel Logout", |(_, title)| title)
}

/// The name of the function that is a module's test.
fn function_of(module: &str) -> String {
    module.replace('-', "_").to_lowercase()
}

/// The files that have tests named as modules, by the tests' names. A test that does not open its module is none.
fn tests() -> BTreeMap<String, String> {
    let mut tests = BTreeMap::new();
    for file in files_below("tests/it/conformance", "rs") {
        let text = std::fs::read_to_string(&file).unwrap();
        for part in text.split("#[actix_web::test]\nasync fn ").skip(1) {
            let (name, rest) = part.split_once('(').unwrap();
            let body = rest.split_once("\n}").unwrap().0;
            let opens = body.split('"').any(|word| function_of(word) == name);
            if opens {
                tests.insert(name.to_owned(), name_of(&file));
            }
        }
    }
    tests
}

/// Every module, in the order in which the plans first have it.
fn modules() -> Vec<&'static str> {
    let mut modules = Vec::new();
    for plan in plans() {
        for (module, _) in plan.runs {
            if !modules.contains(&module) {
                modules.push(module);
            }
        }
    }
    modules
}

#[test]
fn every_module_of_the_plans_has_its_test_or_a_reason_to_have_none() {
    let tests = tests();
    let mut amiss = Vec::new();
    for module in modules() {
        let tested = tests.contains_key(&function_of(module));
        let excused = UNTESTED.iter().any(|(name, _)| *name == module);
        match (tested, excused) {
            (false, false) => amiss.push(format!("{module} has no test")),
            (true, true) => amiss.push(format!("{module} has a test: take its reason away")),
            _ => {}
        }
    }
    for test in tests.keys() {
        if !modules().iter().any(|module| function_of(module) == *test) {
            amiss.push(format!("{test} is named as a module that no plan has"));
        }
    }
    for (module, _) in UNTESTED {
        if !modules().contains(module) {
            amiss.push(format!("{module} is in no plan"));
        }
    }
    assert!(amiss.is_empty(), "{amiss:#?}");
}

fn table() -> String {
    let tests = tests();
    let mut table = String::from("| Module | Plans | Response types | Test |\n|---|---|---|---|\n");
    for module in modules() {
        let mut titles = Vec::new();
        for plan in plans() {
            if plan.runs.iter().any(|(name, _)| *name == module) {
                titles.push(title_of(plan.name));
            }
        }
        let variants = variants_of(module);
        let types: Vec<_> = RESPONSE_TYPES
            .into_iter()
            .filter(|known| {
                variants
                    .iter()
                    .any(|variant| variant.response_type == *known)
            })
            .map(|known| format!("`{known}`"))
            .collect();
        let types = if types.len() == RESPONSE_TYPES.len() {
            "all six".to_owned()
        } else {
            types.join(", ")
        };
        let test = match tests.get(&function_of(module)) {
            Some(file) => format!(
                "[{}](../{file})",
                file.rsplit_once('/')
                    .map_or(file.as_str(), |(_, name)| name)
            ),
            None => UNTESTED
                .iter()
                .find(|(name, _)| *name == module)
                .map_or_else(String::new, |(_, reason)| format!("none: {reason}")),
        };
        writeln!(
            table,
            "| `{module}` | {} | {types} | {test} |",
            titles.join(", ")
        )
        .unwrap();
    }
    table
}

/// `EXEUNT_TEST_UPDATE=1 cargo test --test it conformance::table` writes it anew.
#[test]
fn the_table_of_modules_in_the_documentation_is_up_to_date() {
    let path = repository().join(DOCUMENT);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table has a beginning");
    let (found, after) = rest.split_once(END).expect("the table has an end");
    let table = table();
    if environment("EXEUNT_TEST_UPDATE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert!(
            found == table,
            "{DOCUMENT} does not have the table that the tests make: see CONTRIBUTING.md"
        );
    }
}
