//! Other providers, through which people sign in.

use super::{parse, refusal};
use crate::oidc::upstream::Admits;
use crate::oidc::upstream::leaving::SignOut;

#[test]
fn upstreams_are_read_and_let_nobody_new_in_where_the_file_says_nothing() {
    let text = "[[upstreams]]\nid = 'house'\nissuer = 'https://id.house.example/'\nclient_id = 'exeunt'\nclient_secret = 'geheim'";
    let config = parse(text, &[]).unwrap();
    let upstream = &config.upstreams[0].upstream;
    assert_eq!(upstream.admits, Admits::Nobody);
    assert_eq!(
        (upstream.label.as_str(), upstream.scope.as_str()),
        ("house", "openid profile email")
    );
    assert!(upstream.refreshes_claims && upstream.domains.is_empty());
    assert_eq!(upstream.sign_out, SignOut::Offer);
    let shown = format!("{config:?}");
    assert!(!shown.contains("geheim"), "{shown}");
}

/// Attack 90: a domain is written in the one form in which it is compared.
#[test]
fn upstreams_that_will_not_do_are_told() {
    let whole = "id = 'house'\nissuer = 'https://id.house.example'\nclient_id = 'exeunt'\nclient_secret = 'geheim'\n";
    for (change, word) in [
        ("id = 'House'", "id"),
        ("issuer = 'http://id.house.example'", "issuer"),
        ("issuer = 'http://localhost:8080'", "issuer"),
        ("client_id = 'http://localhost:8080'", "client_id"),
        (
            "token_endpoint_auth_method = 'none'",
            "token_endpoint_auth_method",
        ),
        (
            "token_endpoint_auth_method = 'private_key_jwt'",
            "client_secret",
        ),
        ("scope = 'profile'", "scope"),
        ("logo = 'https://house.example/logo.png'", "logo"),
        ("domains = ['House.example']", "domains"),
        ("domains = ['house']", "domains"),
        ("first_sign_in = 'all'", "first_sign_in"),
        ("first_sign_in = 'domain'", "domains"),
        ("first_sign_in = 'claim'", "claim"),
        ("claim = 'groups'", "claim"),
        ("refresh_claims = 'never'", "refresh_claims"),
        ("claims = { shoe_size = 'shoe' }", "claims"),
        ("sign_out = 'ask'", "sign_out"),
        ("private_networks = ['attic']", "private_networks"),
        ("isuer = 'x'", "isuer"),
        ("kind = 'saml'", "kind"),
        ("kind = 'oauth2'", "userinfo_endpoint is missing"),
        ("subject_claim = 'id'", "subject_claim"),
        (
            "token_endpoint = 'https://code.example/token'",
            "token_endpoint is not for an OpenID Provider",
        ),
        ("claim_value = 'staff'", "claim_value"),
    ] {
        let key = change.split(' ').next().unwrap();
        let rest = whole
            .lines()
            .filter(|line| !line.starts_with(&format!("{key} ")));
        let text = format!(
            "[[upstreams]]\n{}\n{change}",
            rest.collect::<Vec<_>>().join("\n")
        );
        let refused = refusal(&text);
        assert!(refused.contains(word), "{change}: {refused}");
    }
}

#[test]
fn a_provider_without_id_tokens_is_read_with_its_endpoints() {
    let whole = "[[upstreams]]\nid = 'code'\nkind = 'oauth2'\nissuer = 'https://code.example'\nclient_id = 'exeunt'\n\
                 client_secret = 'geheim'\nauthorization_endpoint = 'https://code.example/authorize'\n\
                 token_endpoint = 'https://code.example/token'\nuserinfo_endpoint = 'https://api.code.example/user'\n\
                 first_sign_in = 'invited'\n";
    let read = |text: &str| parse(text, &[]).unwrap().upstreams[0].upstream.clone();
    let upstream = read(whole);
    assert_eq!(upstream.admits, Admits::Invited);
    assert_eq!(upstream.scope, "");
    let told = upstream.oauth2.unwrap();
    assert_eq!(told.subject_claim, "sub");
    assert_eq!(told.userinfo_endpoint, "https://api.code.example/user");
    let told = read(&format!("{whole}subject_claim = 'id'\nscope = 'user'"));
    assert_eq!(told.scope, "user");
    assert_eq!(told.oauth2.unwrap().subject_claim, "id");
    for (sound, unsound, word) in [
        (
            "'https://code.example/token'",
            "'http://code.example/token'",
            "token_endpoint",
        ),
        (
            "'https://code.example/token'",
            "'code.example/token'",
            "token_endpoint",
        ),
        (
            "client_secret = 'geheim'",
            "token_endpoint_auth_method = 'private_key_jwt'",
            "token_endpoint_auth_method",
        ),
    ] {
        let refused = refusal(&whole.replace(sound, unsound));
        assert!(refused.contains(word), "{unsound}: {refused}");
    }
}
