//! https in process, and authorities of one's own.

use exeunt::config::Admin;
use exeunt::oidc::logout::DeliveryState;
use exeunt::store::deliveries;
use reqwest::Client;

use crate::support::eventually;
use crate::support::https::{Pair, over_https};
use crate::support::provider::{Provider, metadata, provider};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

/// A provider at https, and a client that trusts its certificate. The application's notices go to the provider's own
/// token endpoint, which is at hand and answers them with 401.
async fn https_provider(trusted: bool) -> (Provider, Client) {
    let pair = Pair::new();
    let wish = over_https(provider().await, &pair).configure(|config| {
        let certificate = config.tls.as_ref().map(|tls| tls.certificate.clone());
        config.outbound.extra_ca_file = certificate.filter(|_| trusted);
    });
    let mut metadata = metadata("https://ledger.example");
    metadata.backchannel_logout_uri = Some(format!("{}/token", wish.issuer()));
    let provider = wish.client("ledger", metadata).start().await;
    (provider, pair.client(|builder| builder))
}

#[actix_web::test]
async fn administrators_are_served_with_the_same_certificate() {
    let (provider, client) = https_provider(true).await;
    let provider = provider
        .restart(|config| {
            let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
            config.admin = Some(Admin { listen });
        })
        .await;
    let https = provider
        .admin_url("/metrics")
        .replace("http://127.0.0.1", "https://localhost");
    let visitor = Visitor::over(client);
    assert_eq!(visitor.get(&https).await.status, 200);
    let plain = provider.admin_url("/metrics");
    assert!(Visitor::default().try_get(&plain).await.is_none());
    provider.stop().await;
}

/// Signs in and out, and answers how the one delivery went.
async fn delivered(
    provider: &Provider,
    client: Client,
    done: &[DeliveryState],
) -> deliveries::Delivery {
    let ada = Visitor::over(client);
    let ledger = RelyingParty::of(provider, "ledger");
    let answer = ledger.sign_in(&ada, &[]).await;
    let code = answer.parameter("code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &ledger.redirect_uri),
    ];
    let tokens = ledger.token_over(&ada, &fields).await.json();
    let hint = tokens["id_token"].as_str().unwrap();
    ada.get(&ledger.end_session_url(&[("id_token_hint", hint)]))
        .await;
    let known = eventually(async || {
        let known = deliveries::list(
            provider.flows().database.read(),
            &DeliveryState::ALL,
            None,
            10,
        )
        .await
        .unwrap();
        known
            .into_iter()
            .find(|delivery| done.contains(&delivery.state))
    });
    known.await.expect("the delivery was tried")
}

/// Attack 66: a cookie that another host of the domain, or plain http, could set or read.
#[actix_web::test]
async fn over_https_cookies_are_bound_to_the_host_and_the_connection() {
    let (provider, client) = https_provider(true).await;
    let answer = client
        .get(provider.url("/.well-known/openid-configuration"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let answer = client
        .get(RelyingParty::of(&provider, "ledger").authorize_url(&[]))
        .send()
        .await
        .unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-exeunt-browser="), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    assert!(answer.headers().contains_key("strict-transport-security"));
    provider.stop().await;
}

#[actix_web::test]
async fn an_application_certified_by_an_authority_of_the_operators_is_told() {
    let (provider, client) = https_provider(true).await;
    let delivery = delivered(&provider, client, &[DeliveryState::Failed]).await;
    assert_eq!(delivery.last_status, Some(401));
    provider.stop().await;
}

#[actix_web::test]
async fn an_application_whose_certificate_nobody_vouches_for_is_not_spoken_to() {
    let (provider, client) = https_provider(false).await;
    let delivery = delivered(&provider, client, &[DeliveryState::Retrying]).await;
    assert_eq!(delivery.last_status, None);
    assert_eq!(
        delivery.last_problem.as_deref(),
        Some("no trusted TLS connection")
    );
    provider.stop().await;
}
