//! What can't be registered, and what it is answered (RFC 7591 §3.2.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeunt::config::RegistrationPolicy::Open;
use exeunt::oidc::client::GrantType;
use serde_json::{Value, json};

use super::assert_refused;
use crate::support::provider::Provider;
use crate::support::registrar::{HOME, Registered, ask, least, registering, with};
use crate::support::relying_party::verify;
use crate::support::visitor::{Answer, Visitor};

async fn start() -> Provider {
    registering(Open).await.start().await
}

fn description(answer: &Answer) -> String {
    let json = answer.json();
    json["error_description"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_redirect_uri_that_will_not_do_is_named_so() {
    let provider = start().await;
    for uris in [
        json!([]),
        json!("https://ledger.example/callback"),
        json!([format!("{HOME}/callback#fragment")]),
        json!(["http://ledger.example/callback"]),
        json!(["org.example.ledger:/callback"]),
        json!(["javascript:alert(1)"]),
        json!(["https://ledger.example@evil.example/callback"]),
        json!(["/callback"]),
        json!([format!("{HOME}/callback"), "data:text/html,x"]),
        json!([7]),
    ] {
        let wanted = with(&json!({ "redirect_uris": uris }));
        let answer = ask(&provider, &wanted, None).await;
        assert_refused(&answer, 400, "invalid_redirect_uri");
        assert!(
            description(&answer).starts_with("redirect_uris: "),
            "{answer:?}"
        );
    }
    let answer = ask(&provider, &json!({}), None).await;
    assert_refused(&answer, 400, "invalid_redirect_uri");
    provider.stop().await;
}

#[actix_web::test]
async fn other_metadata_that_will_not_do_is_named_so_each_by_its_field() {
    let provider = start().await;
    for (field, value) in [
        ("client_name", json!("\u{202e}regdel")),
        ("client_name", json!(7)),
        ("application_type", json!("desktop")),
        (
            "post_logout_redirect_uris",
            json!(["http://ledger.example/"]),
        ),
        ("response_types", json!(["token"])),
        ("response_types", json!("code")),
        ("grant_types", json!(["password"])),
        ("grant_types", json!([])),
        ("token_endpoint_auth_method", json!("tls_client_auth")),
        ("jwks", json!({ "keys": [] })),
        (
            "jwks",
            json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "a", "y": "b" }] }),
        ),
        (
            "jwks",
            json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB" }] }),
        ),
        (
            "jwks",
            json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] }),
        ),
        ("scope", json!("email")),
        ("id_token_signed_response_alg", json!("HS256")),
        (
            "backchannel_logout_uri",
            json!("https://ledger.example/backchannel#fragment"),
        ),
        (
            "frontchannel_logout_uri",
            json!("https://elsewhere.example/frontchannel"),
        ),
        ("initiate_login_uri", json!("http://ledger.example/login")),
        ("client_uri", json!("javascript:alert(1)")),
        ("logo_uri", json!("data:image/svg+xml,<svg/>")),
        ("policy_uri", json!("//elsewhere.example")),
        ("tos_uri", json!(["https://ledger.example/terms"])),
        ("contacts", json!("ada@example.org")),
        ("default_max_age", json!(-1)),
        ("require_auth_time", json!("true")),
        // A protection that it would go without.
        ("id_token_encrypted_response_alg", json!("RSA-OAEP")),
        ("userinfo_encrypted_response_enc", json!("A128GCM")),
        ("request_object_encryption_alg", json!("RSA-OAEP")),
        ("dpop_bound_access_tokens", json!(true)),
        ("tls_client_certificate_bound_access_tokens", json!(true)),
        ("require_pushed_authorization_requests", json!(true)),
    ] {
        let wanted = with(&json!({ field: value }));
        let answer = ask(&provider, &wanted, None).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
        let description = description(&answer);
        assert!(
            description.starts_with(&format!("{field}: ")),
            "{field}: {value}: {description}"
        );
    }
    let twice =
        json!({ "jwks": { "keys": [{ "kty": "EC" }] }, "jwks_uri": format!("{HOME}/jwks") });
    let answer = ask(&provider, &with(&twice), None).await;
    assert_refused(&answer, 400, "invalid_client_metadata");
    assert!(description(&answer).contains("jwks_uri: stands beside jwks"));
    // What asks for no protection is fine.
    let harmless = json!({ "dpop_bound_access_tokens": false, "subject_type": "public" });
    Registered::new(&provider, &with(&harmless), None).await;
    provider.stop().await;
}

/// Attack 6, in JSON: of two members of one name two readers pick different ones.
#[actix_web::test]
async fn a_registration_that_names_a_member_twice_is_refused_however_deep_it_lies() {
    let provider = start().await;
    let url = provider.url("/register");
    let visitor = Visitor::default();
    for body in [
        r#"{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}"#,
        r#"{"redirect_uris":["https://a.example/"],"client_name":"A","client_n\u0061me":"B"}"#,
        r#"{"redirect_uris":["https://a.example/"],"x":1,"x":1}"#,
        r#"{"redirect_uris":["https://a.example/"],"jwks":{"keys":[{"kty":"EC","kty":"RSA"}]}}"#,
    ] {
        let request = visitor.client().post(&url);
        let request = request.header("content-type", "application/json");
        let answer = visitor.send(&url, request.body(body)).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
        assert!(description(&answer).contains("twice"), "{answer:?}");
    }
    provider.stop().await;
}

/// RFC 7517 §5: keys of kinds that are not known here are passed over where one that is stands beside them.
#[actix_web::test]
async fn a_registered_key_set_may_hold_keys_of_other_kinds_and_none_without_a_kind() {
    let provider = start().await;
    let known = json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let register = async |keys: Value| {
        let wanted = with(&json!({ "jwks": { "keys": keys } }));
        ask(&provider, &wanted, None).await
    };
    let answer = register(json!([{ "kty": "AKP", "alg": "ML-DSA-44" }, &known])).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    for (keys, word) in [
        (json!([{ "kty": "AKP" }]), "no key in it has the kty"),
        (json!([&known, { "kid": "x" }]), "key 2: it has no 'kty'"),
        (json!([&known, 1]), "key 2: it is not an object"),
        (
            json!([&known, { "kty": "AKP", "priv": "AA" }]),
            "private key",
        ),
    ] {
        let answer = register(keys).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
        assert!(description(&answer).contains(word), "{answer:?}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn every_problem_is_told_at_once_and_none_at_endless_length() {
    let provider = start().await;
    let wanted = with(&json!({ "scope": "email", "tos_uri": "x", "client_name": "" }));
    let answer = ask(&provider, &wanted, None).await;
    let told = description(&answer);
    for field in ["scope: ", "tos_uri: ", "client_name: "] {
        assert!(told.contains(field), "{told}");
    }
    let uris = vec!["http://elsewhere.example/".to_owned() + &"x".repeat(1000); 50];
    let answer = ask(&provider, &json!({ "redirect_uris": uris }), None).await;
    assert_refused(&answer, 400, "invalid_redirect_uri");
    assert!(description(&answer).len() < 1100);
    provider.stop().await;
}

#[actix_web::test]
async fn what_is_no_json_object_is_invalid_metadata() {
    let provider = start().await;
    let (url, visitor) = (provider.url("/register"), Visitor::default());
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for body in [
        "",
        "[]",
        "7",
        "null",
        "{",
        "{\"redirect_uris\":}",
        "{} {}",
        "\u{feff}{}",
        &deep,
    ] {
        let request = visitor.client().post(&url).body(body.to_owned());
        let request = request.header("content-type", "application/json");
        let answer = visitor.send(&url, request).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
    }
    provider.stop().await;
}

/// Attack 93: a software statement that is believed because nobody looked who made it.
#[actix_web::test]
async fn a_software_statement_is_believed_of_nobody_whoever_seems_to_have_made_it() {
    let provider = start().await;
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let statement = |algorithm: &str, claims: Value| {
        let header = part(json!({ "alg": algorithm }));
        format!("{header}.{}.c2lnbmVk", part(claims))
    };
    let claims = json!({ "iss": "https://trusted.example", "skip_consent": true });
    for algorithm in ["RS256", "ES256", "HS256"] {
        let statement = statement(algorithm, claims.clone());
        let wanted = with(&json!({ "software_statement": statement }));
        let answer = ask(&provider, &wanted, None).await;
        assert_refused(&answer, 400, "unapproved_software_statement");
    }
    for statement in [
        json!(statement("none", claims.clone())),
        json!(statement("RS256", json!({ "sub": "nobody" }))),
        json!(statement("RS256", claims).trim_end_matches("c2lnbmVk")),
        json!("no statement"),
        json!("a.b.c"),
        json!(""),
        json!(7),
        json!({ "iss": "https://trusted.example" }),
    ] {
        let wanted = with(&json!({ "software_statement": statement }));
        let answer = ask(&provider, &wanted, None).await;
        assert_refused(&answer, 400, "invalid_software_statement");
    }
    provider.stop().await;
}

/// Attack 93 (CVE-2021-27582): mass assignment: a client that writes settings of ours into its request.
#[actix_web::test]
async fn a_client_cannot_give_itself_what_only_an_administrator_gives() {
    let provider = registering(Open)
        .await
        .configure(|config| {
            let cellar = vec!["10.20.0.0/16".parse().unwrap()];
            let networks = &mut config.outbound.private_networks;
            networks.insert("cellar".to_owned(), cellar);
        })
        .start()
        .await;
    let ours = json!({
        "skip_consent": true,
        "require_pkce": true,
        "strict_assertion_audience": true,
        "access_token_audience": "https://api.example.org",
        "logout_token_subject": "sub",
        "logout_give_up_after": "1s",
        "private_networks": ["cellar"],
        "client_id": "chosen",
        "client_secret": "chosen-by-the-client-itself-and-long",
        "client_secret_hash": "0123456789012345678901234567890123456789012",
        "client_id_issued_at": 0,
        "client_secret_expires_at": 9,
        "registration_access_token": "chosen",
        "registration_client_uri": "https://elsewhere.example/",
        "declared": true,
        "disabled_at": 1,
        "metadata": { "skip_consent": true },
    });
    let mut client = Registered::new(&provider, &with(&ours), None).await;
    for (round, scope) in [("registered", "openid"), ("updated", "openid email")] {
        for (name, value) in ours.as_object().unwrap() {
            assert_ne!(client.told[name], *value, "{round}: {name}");
        }
        let ada = Visitor::default();
        let asked = client.party().sign_in(&ada, &[("scope", scope)]).await;
        assert_eq!(asked.page(), "page-consent", "{round}");
        let secret = client.told["client_secret"].clone();
        let tokens = client.tokens(&ada).await;
        let (_, access) = verify(&provider.issuer, &tokens.get("access_token")).await;
        assert_eq!(access["aud"], provider.issuer, "{round}");

        let mut wanted = client.update(&ours);
        wanted["client_id"] = client.told["client_id"].clone();
        wanted.as_object_mut().unwrap().remove("client_secret");
        let answer = client.manage(reqwest::Method::PUT, Some(&wanted)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        client.told = answer.json();
        client.told["client_secret"] = secret;
    }
    // An address in a network that it named would otherwise do.
    let inside = json!({
        "backchannel_logout_uri": "https://10.20.0.7/backchannel",
        "private_networks": ["cellar"],
    });
    let answer = ask(&provider, &with(&inside), None).await;
    assert_refused(&answer, 400, "invalid_client_metadata");
    provider.stop().await;
}

/// Attack 93: grants and response types that the policy does not give.
#[actix_web::test]
async fn what_the_policy_does_not_offer_is_not_to_be_had() {
    let provider = start().await;
    for (field, wanted) in [
        (
            "grant_types",
            json!({ "grant_types": ["authorization_code", "client_credentials"] }),
        ),
        (
            "grant_types",
            json!({ "grant_types": ["client_credentials"], "response_types": [] }),
        ),
        (
            "grant_types",
            json!({ "grant_types": ["authorization_code", "implicit"], "response_types": ["code", "id_token"] }),
        ),
        ("grant_types", json!({ "response_types": ["id_token"] })),
        ("grant_types", json!({ "response_types": ["code token"] })),
    ] {
        let answer = ask(&provider, &with(&wanted), None).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
        assert!(description(&answer).contains(field), "{answer:?}");
    }
    let client = Registered::new(&provider, &least(), None).await;
    let wanted = client.update(&json!({ "grant_types": ["client_credentials"] }));
    let answer = client.manage(reqwest::Method::PUT, Some(&wanted)).await;
    assert_refused(&answer, 400, "invalid_client_metadata");
    provider.stop().await;
}

/// Attack 93: a scope that an API takes for our word.
#[actix_web::test]
async fn only_scopes_about_people_are_to_be_had_and_never_those_of_administrators() {
    let provider = registering(Open)
        .await
        .configure(|config| config.registration.offer.grant_types = GrantType::ALL.to_vec())
        .start()
        .await;
    for scope in ["exeunt.admin", "openid exeunt.admin.read"] {
        let wanted = json!({
            "scope": scope,
            "grant_types": ["authorization_code", "client_credentials"],
        });
        let answer = ask(&provider, &with(&wanted), None).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
    }
    let wanted = json!({
        "scope": "openid payments.write email",
        "grant_types": ["authorization_code", "client_credentials"],
    });
    let client = Registered::new(&provider, &with(&wanted), None).await;
    assert_eq!(client.told["scope"], "email openid");
    for scope in ["payments.write", "exeunt.admin"] {
        let fields = [("grant_type", "client_credentials"), ("scope", scope)];
        let answer = client.token(&fields).await;
        let granted = answer.json()["scope"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(!granted.contains(scope), "{answer:?}");
    }
    provider.stop().await;
}

/// Attack 55: addresses of notices that lead to where only we can go.
#[actix_web::test]
async fn an_inner_address_for_notices_is_refused_at_once() {
    let provider = registering(Open)
        .await
        .configure(|config| config.outbound.allow_private_networks.clear())
        .start()
        .await;
    for uri in [
        "https://127.0.0.1/backchannel",
        "https://10.0.0.7/backchannel",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.7]/backchannel",
        "https://[fd00::1]/backchannel",
        "https://0x7f000001/backchannel",
    ] {
        let wanted = with(&json!({ "backchannel_logout_uri": uri }));
        let answer = ask(&provider, &wanted, None).await;
        assert_refused(&answer, 400, "invalid_client_metadata");
    }
    provider.stop().await;
}

/// Attack 77 (CVE-2021-26715): a server that fetches whatever address a stranger registers.
#[actix_web::test]
async fn registering_connects_to_none_of_the_addresses_that_it_names() {
    let provider = start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let addresses = json!({
        "redirect_uris": [format!("{base}/callback")],
        "client_uri": format!("{base}/home"),
        "logo_uri": format!("{base}/logo"),
        "policy_uri": format!("{base}/policy"),
        "tos_uri": format!("{base}/tos"),
        "backchannel_logout_uri": format!("{base}/backchannel"),
        "frontchannel_logout_uri": format!("{base}/frontchannel"),
    });
    let client = Registered::new(&provider, &addresses, None).await;
    client.manage(reqwest::Method::GET, None).await;
    let asked = listener.accept().map(|(_, address)| address);
    assert!(asked.is_err(), "{asked:?}");
    provider.stop().await;
}
