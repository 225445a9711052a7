use super::*;
use crate::oidc::algorithm::ClientAlgorithm;
use crate::oidc::client::LogoutTokenSubject;
use crate::oidc::duration::{self, Lifetime};
use serde_json::{Value, json};

fn sound() -> ClientMetadata {
    ClientMetadata {
        client_name: Some("Ledger".to_owned()),
        redirect_uris: vec!["https://a.example/cb?x=1".to_owned()],
        ..ClientMetadata::default()
    }
}

/// The fields that a change to the sound metadata makes problems in, for a client with a secret.
fn problems(change: impl FnOnce(&mut ClientMetadata)) -> Vec<&'static str> {
    let mut metadata = sound();
    change(&mut metadata);
    fields(&check(&metadata, true, &Networks::default()))
}

fn fields(problems: &[Problem]) -> Vec<&'static str> {
    problems.iter().map(|problem| problem.field).collect()
}

fn redirecting(uri: &str, application_type: ApplicationType) -> bool {
    problems(|metadata| {
        metadata.application_type = application_type;
        metadata.redirect_uris = vec![uri.to_owned()];
    })
    .is_empty()
}

#[test]
fn sound_metadata_has_no_problems() {
    assert_eq!(problems(|_| ()), Vec::<&str>::new());
}

#[test]
fn every_problem_is_told_at_once() {
    let found = problems(|metadata| {
        metadata.redirect_uris.clear();
        metadata.tos_uri = Some("javascript:alert(1)".to_owned());
        metadata.scope = Some("email".to_owned());
    });
    assert_eq!(found, ["redirect_uris", "scope", "tos_uri"]);
}

#[test]
fn a_web_application_returns_by_https_or_on_this_machine() {
    for uri in [
        "https://a.example",
        "https://a.example:8443/cb",
        "http://localhost:3000/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:3/cb",
        "http://ledger.localhost:3000/",
    ] {
        assert!(redirecting(uri, ApplicationType::Web), "{uri}");
    }
}

/// Attack 2 (CVE-2026-28512): user names. Attack 5 (CVE-2024-21637): schemes that run code. Attack 8:
/// characters that another reader drops, and URIs without end.
#[test]
fn a_redirect_uri_that_could_mislead_is_refused_for_every_kind_of_application() {
    let long = format!("https://a.example/{}", "x".repeat(uri::LONGEST));
    for uri in [
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "JavaScript://a.example/%0aalert(1)",
        "file:///x",
        "https://user@a.example/cb",
        "https://:x@a.example/cb",
        "https://good.example@evil.example/",
        "http://a.example/cb",
        "https://a.example/cb#x",
        "https://a.example/cb#",
        "/cb",
        "cb",
        "",
        "//a.example/cb",
        "https:a.example/cb",
        "https:///a.example/cb",
        "https://a.example\\cb",
        "https://a.example/c b",
        "https://a.example/c\nb",
        "https://a.example/\0",
        "https://\u{430}.example/",
        "https://A.example/cb",
        "HTTPS://a.example/cb",
        "https://a.example/{x}",
        "https://",
        "http://localhost.evil.example/",
        &long,
    ] {
        for application_type in [ApplicationType::Web, ApplicationType::Native] {
            assert!(!redirecting(uri, application_type), "{uri:?}");
        }
    }
}

#[test]
fn only_a_native_application_may_use_a_scheme_and_only_one_that_is_a_domain() {
    assert!(redirecting("com.example.app:/cb", ApplicationType::Native));
    assert!(!redirecting("com.example.app:/cb", ApplicationType::Web));
    assert!(!redirecting("myapp:/cb", ApplicationType::Native));
}

#[test]
fn post_logout_redirect_uris_follow_the_same_rules() {
    let change = |uri: &'static str| {
        problems(move |metadata| metadata.post_logout_redirect_uris = vec![uri.to_owned()])
    };
    assert!(change("https://a.example/bye").is_empty());
    assert_eq!(
        change("http://a.example/bye"),
        ["post_logout_redirect_uris"]
    );
}

#[test]
fn a_secret_is_there_exactly_when_it_is_used() {
    for method in ClientAuthMethod::ALL {
        let metadata = ClientMetadata {
            token_endpoint_auth_method: method,
            jwks: Some(json!({ "keys": [{ "kty": "EC" }] })),
            ..sound()
        };
        let uses = !matches!(
            method,
            ClientAuthMethod::PrivateKeyJwt | ClientAuthMethod::None
        );
        for has_secret in [true, false] {
            let good = check(&metadata, has_secret, &Networks::default()).is_empty();
            assert_eq!(good, uses == has_secret, "{method:?} {has_secret}");
        }
    }
}

/// Attack 76 (CVE-2026-1180): keys that lie where the client can't be, or that others can put there.
#[test]
fn published_keys_lie_at_https_or_inside_and_never_beside_registered_ones() {
    let with = |jwks_uri: &str, networks: &Networks| {
        let metadata = ClientMetadata {
            token_endpoint_auth_method: ClientAuthMethod::PrivateKeyJwt,
            jwks_uri: Some(jwks_uri.to_owned()),
            ..sound()
        };
        fields(&check(&metadata, false, networks))
    };
    let inside = Networks {
        everyone: vec!["10.0.0.0/8".parse().unwrap()],
        ..Networks::default()
    };
    for (jwks_uri, anywhere, when_inside) in [
        ("https://a.example/jwks", true, true),
        ("https://a.example/jwks?x=1", true, true),
        ("http://localhost:3000/jwks", true, true),
        ("http://a.example/jwks", false, true),
        ("http://10.1.2.3/jwks", false, true),
        ("https://10.1.2.3/jwks", false, true),
        ("https://192.168.1.1/jwks", false, false),
        ("https://169.254.169.254/", false, false),
        ("https://[::1]/jwks", false, false),
        ("https://a.example/jwks#x", false, false),
        ("https://user@a.example/jwks", false, false),
        ("file:///etc/passwd", false, false),
        ("ftp://a.example/", false, false),
        ("/jwks", false, false),
        ("", false, false),
    ] {
        let good = with(jwks_uri, &Networks::default()).is_empty();
        assert_eq!(good, anywhere, "{jwks_uri}");
        assert_eq!(
            with(jwks_uri, &inside).is_empty(),
            when_inside,
            "{jwks_uri}"
        );
    }
    let both = problems(|metadata| {
        metadata.jwks = Some(json!({ "keys": [{ "kty": "EC" }] }));
        metadata.jwks_uri = Some("https://a.example/jwks".to_owned());
    });
    assert_eq!(both, ["jwks_uri"]);
}

#[test]
fn an_assertion_is_signed_in_the_way_of_its_method() {
    use ClientAlgorithm::{EdDSA, HS256, HS512, None, RS256};
    for (method, algorithm, good) in [
        (ClientAuthMethod::PrivateKeyJwt, RS256, true),
        (ClientAuthMethod::PrivateKeyJwt, EdDSA, true),
        (ClientAuthMethod::PrivateKeyJwt, HS256, false),
        (ClientAuthMethod::PrivateKeyJwt, None, false),
        (ClientAuthMethod::ClientSecretJwt, HS512, true),
        (ClientAuthMethod::ClientSecretJwt, RS256, false),
        (ClientAuthMethod::ClientSecretJwt, None, false),
        (ClientAuthMethod::ClientSecretBasic, RS256, true),
        (ClientAuthMethod::ClientSecretBasic, None, false),
    ] {
        let metadata = ClientMetadata {
            token_endpoint_auth_method: method,
            token_endpoint_auth_signing_alg: Some(algorithm),
            jwks: (method == ClientAuthMethod::PrivateKeyJwt)
                .then(|| json!({ "keys": [{ "kty": "RSA" }] })),
            ..sound()
        };
        let found = fields(&check(
            &metadata,
            method.uses_secret(),
            &Networks::default(),
        ));
        let expected: &[&str] = if good {
            &[]
        } else {
            &["token_endpoint_auth_signing_alg"]
        };
        assert_eq!(found, expected, "{method:?} {algorithm:?}");
    }
}

/// Attack 75: objects that lie where the client can't be.
#[test]
fn request_objects_lie_where_keys_may_and_may_have_a_version() {
    for (uri, good) in [
        ("https://a.example/r", true),
        (
            "https://a.example/r#GkurKxf5T0Y-mnPFCHqWOMiZi4VS138cQO_V7PZHAdM",
            true,
        ),
        ("https://a.example/r#", true),
        ("http://localhost:3000/r#1", true),
        ("http://a.example/r", false),
        ("https://10.1.2.3/r#1", false),
        ("https://a.example/r#a#b", false),
        ("https://a.example/r#a b", false),
        ("https://user@a.example/r", false),
        ("urn:x", false),
        ("#1", false),
    ] {
        let found = problems(|metadata| metadata.request_uris = vec![uri.to_owned()]);
        let expected: &[&str] = if good { &[] } else { &["request_uris"] };
        assert_eq!(found, expected, "{uri}");
    }
}

#[test]
fn request_objects_are_signed_with_what_the_client_has() {
    use ClientAlgorithm::{ES256, HS256, None, RS256};
    for (algorithm, bare, with_keys, with_secret) in [
        (None, true, true, true),
        (RS256, false, true, false),
        (ES256, false, true, false),
        (HS256, false, false, true),
    ] {
        let good = |change: fn(&mut ClientMetadata)| {
            problems(|metadata| {
                metadata.request_object_signing_alg = Some(algorithm);
                change(metadata);
            })
            .is_empty()
        };
        assert_eq!(good(|_| ()), bare, "{algorithm:?}");
        let published = |metadata: &mut ClientMetadata| {
            metadata.jwks_uri = Some("https://a.example/jwks".to_owned());
        };
        assert_eq!(good(published), with_keys, "{algorithm:?}");
        let signs = |metadata: &mut ClientMetadata| {
            metadata.token_endpoint_auth_method = ClientAuthMethod::ClientSecretJwt;
        };
        assert_eq!(good(signs), with_secret, "{algorithm:?}");
    }
}

#[test]
fn a_secret_that_signs_is_as_long_as_its_algorithm_wants() {
    use ClientAlgorithm::{HS256, HS384, HS512};
    for (algorithm, least) in [
        (None, 32),
        (Some(HS256), 32),
        (Some(HS384), 48),
        (Some(HS512), 64),
    ] {
        let mut metadata = ClientMetadata {
            token_endpoint_auth_method: ClientAuthMethod::ClientSecretJwt,
            token_endpoint_auth_signing_alg: algorithm,
            ..sound()
        };
        assert!(
            secret_problem(&metadata, least - 1).is_some(),
            "{algorithm:?}"
        );
        assert_eq!(secret_problem(&metadata, least), None, "{algorithm:?}");
        metadata.request_object_signing_alg = Some(HS512);
        assert!(secret_problem(&metadata, 63).is_some());
        metadata.token_endpoint_auth_method = ClientAuthMethod::ClientSecretPost;
        assert_eq!(secret_problem(&metadata, 1), None);
    }
}

#[test]
fn private_key_jwt_needs_public_keys_and_only_those() {
    let with = |jwks: Option<Value>| {
        let metadata = ClientMetadata {
            token_endpoint_auth_method: ClientAuthMethod::PrivateKeyJwt,
            jwks,
            ..sound()
        };
        fields(&check(&metadata, false, &Networks::default()))
    };
    assert!(
        with(Some(
            json!({ "keys": [{ "kty": "RSA", "n": "x", "e": "AQAB" }] })
        ))
        .is_empty()
    );
    for wrong in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "keys": [] }),
        json!({ "keys": [{ "kty": "EC", "d": "x" }] }),
        json!({ "keys": [{ "kty": "RSA", "p": "x" }] }),
        json!({ "keys": [{}] }),
        json!({ "keys": [1] }),
    ] {
        assert_eq!(with(Some(wrong.clone())), ["jwks"], "{wrong}");
    }
    assert_eq!(with(None), ["jwks"]);
    assert_eq!(
        with(Some(json!({ "keys": [{ "kty": "oct", "k": "x" }] }))),
        ["jwks", "jwks"]
    );
}

#[test]
fn grants_and_response_types_agree() {
    use GrantType::{AuthorizationCode, ClientCredentials, Implicit, RefreshToken};
    for (grants, responses, found) in [
        (vec![AuthorizationCode, RefreshToken], vec!["code"], vec![]),
        (vec![ClientCredentials], vec![], vec![]),
        (vec![ClientCredentials], vec!["code"], vec![]),
        (vec![], vec!["code"], vec!["grant_types"]),
        (vec![RefreshToken], vec!["code"], vec!["grant_types"]),
        (vec![AuthorizationCode], vec![], vec!["response_types"]),
        (vec![Implicit], vec!["id_token", "token id_token"], vec![]),
        (vec![Implicit], vec![], vec!["response_types"]),
        (
            vec![Implicit],
            vec!["code id_token"],
            vec!["response_types"],
        ),
        (
            vec![AuthorizationCode],
            vec!["code", "id_token"],
            vec!["response_types"],
        ),
        (
            vec![AuthorizationCode, Implicit],
            vec!["code"],
            vec!["response_types"],
        ),
        (
            vec![AuthorizationCode, Implicit],
            vec!["id_token code"],
            vec![],
        ),
        (
            vec![AuthorizationCode],
            vec!["code", "token"],
            vec!["response_types"],
        ),
    ] {
        let got = problems(|metadata| {
            metadata.grant_types.clone_from(&grants);
            metadata.response_types = responses.iter().map(|name| (*name).to_owned()).collect();
        });
        assert_eq!(got, found, "{grants:?} {responses:?}");
    }
}

#[test]
fn a_public_client_cannot_act_for_itself() {
    let metadata = ClientMetadata {
        token_endpoint_auth_method: ClientAuthMethod::None,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::ClientCredentials],
        ..sound()
    };
    assert_eq!(
        fields(&check(&metadata, false, &Networks::default())),
        ["grant_types"]
    );
}

#[test]
fn a_frame_has_the_origin_of_a_redirect_uri() {
    let with = |uri: &'static str| {
        problems(move |metadata| metadata.frontchannel_logout_uri = Some(uri.to_owned()))
    };
    for uri in [
        "https://a.example/out?tenant=1",
        "https://a.example:443/out",
    ] {
        assert!(with(uri).is_empty(), "{uri}");
    }
    for uri in [
        "https://b.example/out",
        "https://a.example:8443/out",
        "http://a.example/out",
        "https://a.example/out#x",
        "https://a.example.evil.example/",
        "javascript:alert(1)",
    ] {
        assert_eq!(with(uri), ["frontchannel_logout_uri"], "{uri}");
    }
    // Attack 60: no policy can name it, so no browser frames it.
    let by_address = problems(|metadata| {
        metadata.redirect_uris = vec!["http://[::1]/callback".to_owned()];
        metadata.frontchannel_logout_uri = Some("http://[::1]/out".to_owned());
    });
    assert_eq!(by_address, ["frontchannel_logout_uri"]);
}

fn notified_at(uri: &str, networks: &[&str], method: ClientAuthMethod) -> bool {
    let metadata = ClientMetadata {
        backchannel_logout_uri: Some(uri.to_owned()),
        token_endpoint_auth_method: method,
        ..sound()
    };
    let networks = Networks {
        everyone: networks.iter().map(|net| net.parse().unwrap()).collect(),
        ..Networks::default()
    };
    check(&metadata, method != ClientAuthMethod::None, &networks).is_empty()
}

#[test]
fn logout_tokens_travel_by_https_or_inside_an_allowed_network() {
    let confidential =
        |uri, networks: &[&str]| notified_at(uri, networks, ClientAuthMethod::ClientSecretBasic);
    let loopback = ["127.0.0.0/8", "::1/128"];
    assert!(confidential("https://a.example/out", &[]));
    assert!(confidential("http://localhost:3000/out", &[]));
    assert!(confidential("http://127.0.0.1:3000/out", &loopback));
    assert!(confidential("http://[::1]:3000/out", &loopback));
    assert!(confidential("http://ledger/out", &["10.0.0.0/8"]));
    assert!(confidential("http://10.1.2.3/out", &["10.0.0.0/8"]));
    assert!(confidential("https://10.1.2.3/out", &["10.0.0.0/8"]));

    assert!(!confidential("http://a.example/out", &[]));
    assert!(!confidential("http://10.1.2.3/out", &["192.168.0.0/16"]));
    assert!(!confidential("http://203.0.113.9/out", &["10.0.0.0/8"]));
    assert!(!confidential("ftp://a.example/out", &["10.0.0.0/8"]));
    assert!(!notified_at(
        "http://ledger/out",
        &["10.0.0.0/8"],
        ClientAuthMethod::None
    ));
    assert!(notified_at(
        "https://a.example/out",
        &[],
        ClientAuthMethod::None
    ));
}

/// Attack 55 (CVE-2026-55671, CVE-2026-4874): a back-channel URI that makes us knock on inner doors.
#[test]
fn a_backchannel_uri_that_names_an_inner_address_in_any_spelling_is_refused() {
    for uri in [
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest",
        "https://0.0.0.0/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:a00:1]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://${host}/out",
        "https://{host}/out",
        "https://u@a.example/",
        "https://a.example/#x",
    ] {
        assert!(
            !notified_at(uri, &[], ClientAuthMethod::ClientSecretBasic),
            "{uri}"
        );
    }
}

/// Attack 69: links and names that a page shows.
#[test]
fn what_people_see_is_harmless() {
    for uri in [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://a.example",
        "https://a.example/\"onclick=",
    ] {
        assert_eq!(
            problems(|metadata| metadata.logo_uri = Some(uri.to_owned())),
            ["logo_uri"],
            "{uri}"
        );
        assert_eq!(
            problems(|metadata| metadata.policy_uri = Some(uri.to_owned())),
            ["policy_uri"],
            "{uri}"
        );
        assert_eq!(
            problems(|metadata| metadata.client_uri = Some(uri.to_owned())),
            ["client_uri"],
            "{uri}"
        );
    }
    for name in ["", " ", "a\nb", "a\u{202e}b", &"x".repeat(129)] {
        assert_eq!(
            problems(|metadata| metadata.client_name = Some(name.to_owned())),
            ["client_name"],
            "{name:?}"
        );
        assert_eq!(
            problems(|metadata| metadata.contacts = vec![name.to_owned()]),
            ["contacts"],
            "{name:?}"
        );
    }
}

#[test]
fn a_scope_is_well_formed_and_has_openid_where_people_sign_in() {
    let with =
        |scope: &'static str| problems(move |metadata| metadata.scope = Some(scope.to_owned()));
    assert!(with("openid ledger:read").is_empty());
    assert_eq!(with("ledger:read"), ["scope"]);
    assert_eq!(with("openid \""), ["scope"]);
}

#[test]
fn an_audience_is_an_absolute_uri() {
    let with = |audience: &'static str| {
        problems(move |metadata| metadata.access_token_audience = Some(audience.to_owned()))
    };
    assert!(with("https://api.example").is_empty());
    assert!(with("urn:ledger:api").is_empty());
    assert_eq!(with("api"), ["access_token_audience"]);
}

#[test]
fn the_scopes_of_administrators_are_for_programs_whose_tokens_are_for_us() {
    let with = |scope: &'static str, grants: &[GrantType], audience: Option<&str>| {
        problems(|metadata| {
            metadata.scope = Some(scope.to_owned());
            metadata.grant_types = grants.to_vec();
            metadata.access_token_audience = audience.map(str::to_owned);
        })
    };
    let programs = [GrantType::ClientCredentials];
    assert!(with("exeunt.admin", &programs, None).is_empty());
    assert!(with("exeunt.admin.read", &programs, None).is_empty());
    let people = [GrantType::AuthorizationCode];
    assert_eq!(with("openid exeunt.admin", &people, None), ["scope"]);
    let elsewhere = Some("https://api.example");
    assert_eq!(with("exeunt.admin.read", &programs, elsewhere), ["scope"]);
    assert!(with("reports", &programs, elsewhere).is_empty());
}

#[test]
fn a_named_network_is_for_those_who_name_it() {
    let networks = Networks {
        everyone: Vec::new(),
        named: [("cellar".to_owned(), vec!["10.0.0.0/8".parse().unwrap()])].into(),
    };
    let of = |names: &[&str]| {
        let metadata = ClientMetadata {
            backchannel_logout_uri: Some("http://10.1.2.3/out".to_owned()),
            private_networks: names.iter().map(|name| (*name).to_owned()).collect(),
            ..sound()
        };
        fields(&check(&metadata, true, &networks))
    };
    assert_eq!(of(&["cellar"]), Vec::<&str>::new());
    assert_eq!(of(&[]), ["backchannel_logout_uri"]);
    assert_eq!(
        of(&["attic"]),
        ["backchannel_logout_uri", "private_networks"]
    );
}

#[test]
fn a_client_that_needs_sid_is_not_told_of_sub_alone() {
    let subject = |required| {
        problems(|metadata| {
            metadata.logout_token_subject = LogoutTokenSubject::Sub;
            metadata.backchannel_logout_session_required = required;
        })
    };
    assert_eq!(subject(false), Vec::<&str>::new());
    assert_eq!(subject(true), ["logout_token_subject"]);
}

#[test]
fn a_notice_is_not_given_up_at_once_nor_tried_for_ever() {
    let after = |text: &str| {
        problems(|metadata| {
            metadata.logout_give_up_after = Some(Lifetime(duration::parse(text).unwrap()));
        })
    };
    for sound in ["1s", "24h", "30d"] {
        assert_eq!(after(sound), Vec::<&str>::new(), "{sound}");
    }
    for unsound in ["0s", "999ms", "31d"] {
        assert_eq!(after(unsound), ["logout_give_up_after"], "{unsound}");
    }
}
