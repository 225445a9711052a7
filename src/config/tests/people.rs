//! People, and what goes for them as for clients.

use super::{CLIENT, EXAMPLE, HASH, parse, places, refusal};

#[test]
fn people_who_will_not_do_are_told() {
    insta::assert_snapshot!(refusal("[[users]]\nname = 'x'\n[[users]]\nusername = ' x'"), @r#"
    exeunt.toml:1:1: [[users]] username is missing. Give the person a name to sign in with.
    exeunt.toml:4:12: [[users]] username is no name. Write 1 to 255 bytes, without spaces at the ends and without control characters.
    "#);
    insta::assert_snapshot!(refusal("[[users]]\nusername = 'Ada'\npassword = 'geheim'\nemail = 1\nmail = 'x'\n[[users]]\nusername = 'ＡDA'"), @r#"
    exeunt.toml:3:12: user Ada: password has 6 characters, which is too short. Give at least 8.
    exeunt.toml:4:9: user Ada: email is a number, not a text. Write it between quotation marks.
    exeunt.toml:5:1: user Ada: mail is not a key we know. Did you mean email?
    exeunt.toml:7:12: user ＡDA: username is taken, if upper and lower case are not told apart: exeunt.toml:1:1. Give each person a name of their own.
    "#);
    let text = format!(
        "[[users]]\nusername = 'a'\npassword_hash = '{}'\n[[users]]\nusername = 'b'\npassword_hash = 'geheim'\n\
         [[users]]\nusername = 'c'\npassword_hash = '{}'\n",
        HASH.replace("argon2id", "argon2i"),
        &HASH[..60]
    );
    let expected = ["3:17 user a", "6:17 user b", "9:17 user c"];
    let expected = expected.map(|place| format!("exeunt.toml:{place}: password_hash"));
    assert_eq!(places(&text), expected);
    let long = format!(
        "[[users]]\nusername = 'a'\npassword = '{}'",
        "x".repeat(1025)
    );
    insta::assert_snapshot!(refusal(&long), @"exeunt.toml:3:12: user a: password has 1025 bytes, which is too long. Give at most 1024.");
}

#[test]
fn one_mistake_of_a_client_or_a_person_hides_no_other() {
    let text = "[[clients]]\nclient_id = 'wiki'\nclient_secret = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'\n\
                redirect_uris = 'https://wiki.example/callback'\npost_logout_redirect_uris = ['http://wiki.example/']\n\
                frontchannel_logout_uri = 'https://wiki.example/out'\nlogo_uri = 'javascript:alert(1)'\n\
                skip_consent = 'yes'\ndefault_max_age = -1\ncontacts = ['ada', 5]\nscop = 'profile'\n\
                grant_types = ['device']\nresponse_types = []\njwks = 'x'\n\
                [[users]]\nusername = 'ada'\npassword = 'short'\nemail_verified = 'yes'\naddress = 'London'\nname = ['Ada']\n\
                [[users]]\nusername = 'bob'\naddress = { town = 'London', country = 5 }\n";
    insta::assert_snapshot!(refusal(text), @r#"
    exeunt.toml:4:17: client wiki: redirect_uris is a text, not an array. Write it between [ and ].
    exeunt.toml:5:29: client wiki: post_logout_redirect_uris does not fit: "http://wiki.example/": plain http is for this machine alone; use https. Write each as the application sends it, letter by letter: https, or http for this machine.
    exeunt.toml:7:12: client wiki: logo_uri does not fit: must be https or http. Write the address of a page or a picture, or leave it away.
    exeunt.toml:8:16: client wiki: skip_consent is a text, not true or false. Write true or false, without quotation marks.
    exeunt.toml:9:19: client wiki: default_max_age does not fit: integer `-1`. Write a whole number of seconds, not below zero, without quotation marks.
    exeunt.toml:10:20: client wiki: contacts holds a number, not a text. Write it between quotation marks.
    exeunt.toml:11:1: client wiki: scop is not a key we know. Did you mean scope?
    exeunt.toml:12:16: client wiki: grant_types holds none that we know: "device". Known are "authorization_code", "refresh_token", "client_credentials", "implicit".
    exeunt.toml:14:8: client wiki: jwks does not fit: a JWKS is an object with an array "keys". Write its public keys: { keys = [{ kty = "EC", ... }] }.
    exeunt.toml:17:12: user ada: password has 5 characters, which is too short. Give at least 8.
    exeunt.toml:18:18: user ada: email_verified is a text, not true or false. Write true or false, without quotation marks.
    exeunt.toml:19:11: user ada: address is a text, not a table. Write it between { and }.
    exeunt.toml:20:8: user ada: name is an array, not a text. Write it between quotation marks.
    exeunt.toml:23:40: user bob: address holds a number, not a text. Write it between quotation marks.
    "#);
}

/// Attack 97: a server that others reach, with a secret that they know.
#[test]
fn secrets_that_stand_in_an_example_are_refused_but_on_ones_own_machine() {
    let documents = [
        EXAMPLE,
        include_str!("../../../README.md"),
        include_str!("../../../docs/compose/exeunt.toml"),
        include_str!("../../../docs/conformance.md"),
        include_str!("../../../docs/applications.md"),
        include_str!("../../../docs/operating.md"),
    ];
    let examples: Vec<(&str, &str)> = documents
        .iter()
        .flat_map(|document| document.lines())
        .filter_map(|line| line.trim_start_matches('#').split_once(" = \""))
        .filter(|(key, _)| matches!(*key, "client_secret" | "secret" | "password"))
        .filter_map(|(key, rest)| Some((key, rest.split_once('"')?.0)))
        // What the shell or the reader fills in is no example.
        .filter(|(_, example)| !example.starts_with("$(") && *example != "...")
        .collect();
    assert!(examples.len() > 5, "{examples:?}");
    for (key, example) in examples {
        let table = match key {
            "password" => format!("[[users]]\nusername = 'ada'\npassword = '{example}'\n"),
            "secret" => format!("[[services]]\nidentifier = 'urn:a'\nsecret = '{example}'\n"),
            _ => CLIENT.replace("ABCDEFGHIJKLMNOPQRSTUVWXYZ", example),
        };
        for issuer in ["https://id.example", "https://localhost.id.example"] {
            let refused = refusal(&format!("issuer = '{issuer}'\n{table}"));
            assert!(refused.contains("is an example"), "{example}: {refused}");
            assert!(!refused.contains(example), "{refused}");
        }
        for issuer in [
            "http://localhost:8080",
            "https://localhost",
            "http://id.localhost:1",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            let read = parse(&format!("issuer = '{issuer}'\n{table}"), &[]);
            assert!(read.is_ok(), "{issuer} {example}: {read:?}");
        }
    }
    insta::assert_snapshot!(refusal("issuer = 'https://id.example'\n[[clients]]\nclient_id = 'a'\nclient_secret = 'changeme-changeme-changeme'\n\
         redirect_uris = ['https://a.example/']\n[[users]]\nusername = 'ada'\npassword = 'Password1'"), @r"
    exeunt.toml:4:17: client a: client_secret is an example, or as easily guessed; that does on one's own machine alone. Give at least 24 random characters: openssl rand -base64 32
    exeunt.toml:8:12: user ada: password is an example, or as easily guessed; that does on one's own machine alone. Give another.
    ");
}
