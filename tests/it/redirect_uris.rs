//! Where answers may go (RFC 6749 §3.1.2, RFC 9700 §4.1, RFC 8252 §7): to the registered address, letter by letter.

use exeunt::oidc::client::{ApplicationType, ClientAuthMethod};

use crate::support::ledger::{HOME, assert_stays, ledger, start_as};
use crate::support::provider::{Provider, metadata};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn start() -> (Provider, RelyingParty, Visitor) {
    start_as(ledger().await).await
}

/// Attack 1 (CVE-2023-6927, CVE-2023-6134, CVE-2024-1132, CVE-2020-15233, CVE-2020-15234), attack 2
/// (CVE-2026-28512), attack 3 (CVE-2024-52289), attack 5 (CVE-2024-21637), attack 8: whatever
/// resembles the registered address without being it.
#[actix_web::test]
async fn an_address_that_is_not_registered_is_never_gone_to() {
    let (provider, party, ada) = start().await;
    let overlong = format!("{HOME}/callback{}", "/x".repeat(5000));
    for uri in [
        "https://ledger.example/callback/",
        "https://ledger.example/callback?x=y",
        "https://ledger.example/callback#f",
        "https://ledger.example/callback/../callback",
        "https://ledger.example/%63allback",
        "https://ledger.example/%2e%2e/callback",
        "https://ledger.example//callback",
        "https://ledger.example\\callback",
        "https://ledger.example:443/callback",
        "https://ledger.example./callback",
        "https://ledger.example/Callback",
        "https://LEDGER.example/callback",
        "HTTPS://ledger.example/callback",
        "http://ledger.example/callback",
        "//ledger.example/callback",
        "https:ledger.example/callback",
        "https://ledger.example/",
        "https://ledger.example/call",
        "https://ledger.example/callbacks",
        "https://ledger.example@evil.example/callback",
        "https://evil.example/https://ledger.example/callback",
        "https://ledger.example.evil.example/callback",
        "https://ledgerXexample/callback",
        "https://sub.ledger.example/callback",
        "https://l\u{435}dger.example/callback",
        "https://ledger.example/callback\0",
        "https://ledger.example/callback\r\nx: y",
        "https://ledger.example/call\tback",
        " https://ledger.example/callback",
        "javascript:alert(1)//https://ledger.example/callback",
        "data:text/html,x",
        "vbscript:x",
        "com.example.app:/callback",
        &overlong,
    ] {
        for more in [[("prompt", "none")], [("response_mode", "form_post")]] {
            let mut all = vec![("redirect_uri", uri)];
            all.extend(more);
            let answer = ada.get(&party.authorize_url(&all)).await;
            assert_stays(&answer, uri);
            assert!(
                answer
                    .attributes("a[href]", "href")
                    .iter()
                    .all(|link| !link.contains("evil"))
            );
        }
    }
    assert_stays(
        &ada.get(&party.authorize_url(&[("redirect_uri", "")])).await,
        "none",
    );
    provider.stop().await;
}

#[actix_web::test]
async fn the_error_page_shows_what_was_received_beside_the_nearest_registered_address() {
    let (provider, party, ada) = start().await;
    let url = party.authorize_url(&[("redirect_uri", "https://ledger.example/<b>callback")]);
    let answer = ada.get(&url).await;
    assert_stays(&answer, "markup");
    let text = answer.text("main").unwrap();
    for shown in [
        "https://ledger.example/<b>callback",
        "https://ledger.example/callback",
    ] {
        assert!(text.contains(shown), "{text}");
    }
    assert!(answer.attributes("main b", "id").is_empty());
    provider.stop().await;
}

/// Attack 4 (CVE-2024-8883): a loopback address whose host or path varies along with its port.
#[actix_web::test]
async fn a_native_applications_loopback_port_may_vary_and_nothing_else() {
    let mut native = metadata(HOME);
    native.application_type = ApplicationType::Native;
    native.token_endpoint_auth_method = ClientAuthMethod::None;
    native.redirect_uris = vec![
        "http://127.0.0.1/callback".to_owned(),
        "http://[::1]/callback".to_owned(),
        "com.example.app:/callback".to_owned(),
    ];
    let provider = ledger().await.client("native", native).start().await;
    let (party, ada) = (RelyingParty::of(&provider, "native"), Visitor::default());
    let ask = |uri: &str| {
        party.authorize_url(&[
            ("redirect_uri", uri),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("prompt", "none"),
        ])
    };
    for uri in [
        "http://127.0.0.1:51004/callback",
        "http://[::1]:51004/callback",
        "com.example.app:/callback",
    ] {
        let answer = ada.get(&ask(uri)).await;
        assert!(answer.location().unwrap().starts_with(uri), "{uri}");
    }
    for uri in [
        "http://localhost:51004/callback",
        "http://127.0.0.2:51004/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:51004@evil.example/callback",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:510040/callback",
        "https://127.0.0.1:51004/callback",
    ] {
        assert_stays(&ada.get(&ask(uri)).await, uri);
    }
    provider.stop().await;
}

/// Attack 7: an unknown client, by which an open redirect would be had for nothing.
#[actix_web::test]
async fn an_unknown_client_is_refused_on_a_page_whatever_else_is_asked() {
    let (provider, party, ada) = start().await;
    for client_id in ["nobody", "", "LEDGER", "ledger\0", "' OR 1=1 --"] {
        for prompt in ["none", "login"] {
            let url = party.authorize_url(&[("client_id", client_id), ("prompt", prompt)]);
            assert_stays(&ada.get(&url).await, client_id);
        }
    }
    provider.stop().await;
}
