//! Clients, declared and registered.

use super::{CLIENT, parse, places, refusal};
use crate::config::{Config, RegistrationPolicy};

#[test]
fn registration_is_closed_unless_it_is_said_otherwise_and_offers_only_what_can_be_had() {
    let closed = Config::load(None, std::iter::empty()).unwrap().registration;
    assert_eq!(closed.policy, RegistrationPolicy::Closed);
    let registration = |text: &str| parse(&format!("[registration]\n{text}"), &[]);
    let open = registration(
        "policy = 'open'\nresponse_types = ['code', 'id_token code']\n\
         grant_types = ['authorization_code', 'implicit']\nunused = 'off'",
    );
    let open = open.unwrap().registration;
    assert_eq!(open.policy, RegistrationPolicy::Open);
    let types = open.offer.response_types.iter();
    let types: Vec<_> = types.map(|known| known.as_str()).collect();
    assert_eq!(types, ["code", "code id_token"]);
    assert_eq!(open.unused, None);
    for (text, key) in [
        ("policy = 'ajar'", "2:10: [registration] policy"),
        (
            "response_types = ['token']",
            "2:19: [registration] response_types",
        ),
        (
            "response_types = ['id_token']",
            "2:18: [registration] response_types",
        ),
        (
            "grant_types = ['password']",
            "2:16: [registration] grant_types",
        ),
        ("grant_types = ['refresh_token']", "response_types"),
        ("unused = '1h'", "2:10: [registration] unused"),
        ("unused = 'never'", "2:10: [registration] unused"),
        ("polisy = 'open'", "2:1: [registration] polisy"),
    ] {
        let refusal = registration(text).unwrap_err().to_string();
        assert!(refusal.contains(key), "{text}: {refusal}");
    }
    let environment = [
        ("EXEUNT__REGISTRATION__POLICY", "token"),
        ("EXEUNT__REGISTRATION__GRANT_TYPES", "authorization_code"),
    ];
    let token = parse("", &environment).unwrap().registration;
    assert_eq!(token.policy, RegistrationPolicy::Token);
    assert_eq!(token.offer.grant_types.len(), 1);
}

#[test]
fn clients_that_will_not_do_are_told() {
    insta::assert_snapshot!(refusal("[[clients]]\nclient_name = 5\n[[clients]]\nclient_id = 'a b'\nredirect_uris = ['https://a.example/']\ntoken_endpoint_auth_method = 'none'"), @r#"
    exeunt.toml:1:1: [[clients]] client_id is missing. Give the application an identifier.
    exeunt.toml:1:1: [[clients]] redirect_uris does not fit: name at least one, for answers to be sent to. Write each as the application sends it, letter by letter: https, or http for this machine.
    exeunt.toml:1:1: [[clients]] token_endpoint_auth_method does not fit: this method needs a client_secret. Give a client_secret, or write "none" for an application that can't keep one.
    exeunt.toml:2:15: [[clients]] client_name is a number, not a text. Write it between quotation marks.
    exeunt.toml:4:13: [[clients]] client_id is no identifier. Write 1 to 255 letters, digits and signs of ASCII, without spaces.
    "#);
    let mistaken = CLIENT
        .replace("redirect_uris", "redirect_uri")
        .replace("QRSTUVWXYZ", "");
    let taken = CLIENT.replace(
        "'ledger'",
        "'Ledger'\nclient_secret_hash = 'x'\ntoken_endpoint_auth_method = 'x'\ncontacts = [1]",
    );
    insta::assert_snapshot!(refusal(&(mistaken + &taken)), @r#"
    exeunt.toml:3:17: client ledger: client_secret has 16 characters, which is too short. Give at least 24 random characters: openssl rand -base64 32
    exeunt.toml:4:1: client ledger: redirect_uri is not a key we know. Did you mean redirect_uris?
    exeunt.toml:6:13: client Ledger: client_id is taken, if upper and lower case are not told apart: exeunt.toml:1:1. Give each application an identifier of its own.
    exeunt.toml:7:22: client Ledger: client_secret_hash is not the hash of a secret. It has 43 characters of base64url; a secret itself goes into client_secret.
    exeunt.toml:7:22: client Ledger: client_secret_hash stands beside client_secret. Keep one of the two.
    exeunt.toml:8:30: client Ledger: token_endpoint_auth_method is none that we know: "x". Known are "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none".
    exeunt.toml:9:13: client Ledger: contacts holds a number, not a text. Write it between quotation marks.
    "#);
}

#[test]
fn a_secret_that_signs_is_there_itself_and_long_enough() {
    let signs = format!("{CLIENT}token_endpoint_auth_method = 'client_secret_jwt'\n");
    assert_eq!(
        places(&signs),
        ["exeunt.toml:3:17 client ledger: client_secret"]
    );
    let longer = signs.replace("XYZ'", "XYZabcdef'");
    assert!(parse(&longer, &[]).is_ok());
    let hashed = longer.replace(
        "client_secret = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef'",
        "client_secret_hash = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq'",
    );
    assert_eq!(
        places(&hashed),
        ["exeunt.toml:3:22 client ledger: client_secret_hash"]
    );
}

#[test]
fn metadata_that_breaks_the_rules_of_registration_is_told_at_its_field() {
    let elsewhere =
        CLIENT.replace("https:", "http:") + "backchannel_logout_uri = 'http://10.1.2.3/'\n";
    let redirect = "exeunt.toml:4:17 client ledger: redirect_uris";
    let logout = "exeunt.toml:5:26 client ledger: backchannel_logout_uri";
    assert_eq!(places(&elsewhere), [redirect, logout]);
    let inside = elsewhere + "[outbound]\nallow_private_networks = ['10.0.0.0/8']";
    assert_eq!(places(&inside), [redirect]);
    // A public client is told the reason that is its own.
    let public = inside.replace("http://ledger", "https://ledger").replace(
        "client_secret =",
        "token_endpoint_auth_method = 'none'\nclient_name =",
    );
    insta::assert_snapshot!(refusal(&public), @"exeunt.toml:6:26: client ledger: backchannel_logout_uri does not fit: plain http inside a private network is for clients that authenticate; use https. Write an https address of the application's server that can be reached from here.");
    let keyless = CLIENT.to_owned() + "jwks = { keys = [{ kty = 'EC' }] }";
    assert_eq!(places(&keyless), ["exeunt.toml:5:8 client ledger: jwks"]);
    let secretless = CLIENT.replace("client_secret =", "client_name =");
    assert_eq!(
        places(&secretless),
        ["exeunt.toml:1:1 client ledger: token_endpoint_auth_method"]
    );
}

#[test]
fn what_a_slip_would_have_said_is_not_missed_too() {
    let client = CLIENT.replace("client_secret", "client_secrt");
    assert_eq!(
        places(&client),
        ["exeunt.toml:3:1 client ledger: client_secrt"]
    );
    let client = CLIENT.replace("redirect_uris", "application_type = 'nativ'\nredirect_uris");
    let client = client.replace(
        "https://ledger.example/callback",
        "org.example.ledger:/callback",
    );
    let place = "exeunt.toml:4:20 client ledger: application_type";
    assert_eq!(places(&client), [place]);
}
