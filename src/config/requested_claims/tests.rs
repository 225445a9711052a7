use std::path::Path;

use serde_json::json;

use super::super::settings;
use crate::config::{Config, ConfigErrors};

const HOUSE: &str = "[[upstreams]]\nid = 'house'\nissuer = 'https://id.house.example'\nclient_id = 'exeunt'\n\
                     client_secret = 'geheim'\n";

fn parse(more: &str) -> Result<Config, ConfigErrors> {
    let text = format!("{HOUSE}{more}");
    settings::parse(Path::new("exeunt.toml"), &text, std::iter::empty())
}

fn asked(more: &str) -> Option<serde_json::Value> {
    let upstream = parse(more).unwrap().upstreams[0].upstream.clone();
    let parameter = upstream.request_claims.parameter(None)?;
    Some(serde_json::from_str(&parameter).unwrap())
}

#[test]
fn a_table_says_what_json_would() {
    assert_eq!(asked(""), None);
    assert_eq!(asked("request_claims = {}"), None);
    assert_eq!(asked("request_claims = { userinfo = {} }"), None);
    let expected = json!({
        "userinfo": { "email": { "essential": true }, "nickname": null, "https://house.example/staff": { "value": true } },
        "id_token": { "acr": { "essential": true, "values": ["gold", "silver"] }, "level": { "values": [2, 0.5, [1], { "a": "b" }] } },
    });
    let on_one_line = "request_claims = { userinfo = { email = { essential = true }, nickname = {}, \
                       'https://house.example/staff' = { value = true } }, id_token = { acr = { essential = true, \
                       values = ['gold', 'silver'] }, level = { values = [0x2, 0.5, [1], { a = 'b' }] } } }";
    assert_eq!(asked(on_one_line).as_ref(), Some(&expected));
    let in_tables = "[upstreams.request_claims.userinfo]\nemail.essential = true\nnickname = {}\n\
                     'https://house.example/staff'.value = true\n[upstreams.request_claims.id_token.acr]\n\
                     essential = true\nvalues = ['gold', 'silver']\n[upstreams.request_claims.id_token.level]\n\
                     values = [2, 0.5, [1], { a = 'b' }]\n";
    assert_eq!(asked(in_tables).as_ref(), Some(&expected));
}

#[test]
fn what_will_not_do_is_told_with_its_place() {
    for (written, told) in [
        (
            "request_claims = 'email'",
            "exeunt.toml:6:18: upstream house: request_claims is neither an object nor null",
        ),
        (
            "request_claims = { id_tokens = {} }",
            "exeunt.toml:6:32: upstream house: request_claims.id_tokens is neither userinfo nor id_token",
        ),
        (
            "request_claims = { userinfo = ['email'] }",
            "exeunt.toml:6:31: upstream house: request_claims.userinfo is neither an object nor null",
        ),
        (
            "[upstreams.request_claims.userinfo]\nemail = true",
            "exeunt.toml:7:9: upstream house: request_claims.userinfo.email is neither an object nor null",
        ),
        (
            "request_claims = { userinfo = { email = { essential = 'yes' } } }",
            "request_claims.userinfo.email has an essential that is neither true nor false",
        ),
        (
            "request_claims = { userinfo = { email = { wanted = true } } }",
            "request_claims.userinfo.email has \"wanted\": known are essential, value and values",
        ),
        (
            "request_claims = { id_token = { acr = { values = [] } } }",
            "request_claims.id_token.acr has values, and there is none",
        ),
        (
            "request_claims = { id_token = { acr = { values = 'gold' } } }",
            "request_claims.id_token.acr has values that are no array",
        ),
        (
            "request_claims = { id_token = { acr = { value = 'gold', values = ['gold'] } } }",
            "request_claims.id_token.acr has value and values: they exclude each other",
        ),
        (
            "request_claims = { id_token = { acr = { essential = true, values = ['gold', 1] } } }",
            "request_claims.id_token.acr has values, and they are not all texts",
        ),
        (
            "request_claims = { userinfo = { sub = { value = 'ada' } } }",
            "request_claims.userinfo.sub is told always",
        ),
        (
            "request_claims = { userinfo = { '' = {} } }",
            "request_claims.userinfo names a claim that is none",
        ),
        (
            "request_claims = { userinfo = { birthdate = { value = 1815-12-10 } } }",
            "exeunt.toml:6:55: upstream house: request_claims holds a date or time without quotation marks",
        ),
        (
            "request_claims = { userinfo = { level = { value = inf } } }",
            "request_claims holds a number that JSON does not have",
        ),
        (
            "request_claims = { userinfo = { level = { value = 9223372036854775808 } } }",
            "request_claims holds a number that is too large",
        ),
        (
            "request_claims = { userinfo = { email = {}, email = {} } }",
            "exeunt.toml:6:",
        ),
        (
            "kind = 'oauth2'\nrequest_claims = { userinfo = { email = {} } }",
            "exeunt.toml:7:18: upstream house: request_claims is for an OpenID Provider",
        ),
    ] {
        let refused = parse(written).unwrap_err().to_string();
        assert!(refused.contains(told), "{written}: {refused}");
    }
    let long = format!(
        "request_claims = {{ userinfo = {{ level = {{ value = '{}' }} }} }}",
        "x".repeat(2048)
    );
    let refused = parse(&long).unwrap_err().to_string();
    assert!(refused.contains("2048 at most will do"), "{refused}");
}

#[test]
fn everything_that_will_not_do_is_told_at_once() {
    let refused = parse(
        "[upstreams.request_claims.userinfo]\nemail = 1\nsub = {}\n[upstreams.request_claims.id_token]\n\
         acr = { essential = 1, value = 1, more = 1 }",
    );
    let refused = refused.unwrap_err().0;
    let lines: Vec<String> = refused
        .iter()
        .map(|error| error.place.to_string())
        .collect();
    assert_eq!(
        lines,
        [
            "exeunt.toml:7:9",
            "exeunt.toml:8:7",
            "exeunt.toml:10:7",
            "exeunt.toml:10:7",
            "exeunt.toml:10:7"
        ],
        "{refused:?}"
    );
    assert!(
        refused
            .iter()
            .all(|error| error.mend.contains("essential = true"))
    );
}
