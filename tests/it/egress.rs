//! Where notices may go: what a name resolves to is looked at when the connection is made.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use exeunt::oidc::logout::DeliveryState;
use exeunt::outbound::Resolver;
use exeunt::store::deliveries::{self, Delivery};
use futures_util::future::BoxFuture;

use crate::support::eventually;
use crate::support::provider::{Provider, metadata, provider};
use crate::support::relying_party::{Ear, RelyingParty};
use crate::support::visitor::Visitor;

/// Answers with one address after another, the last one for ever.
struct Changing {
    answers: Vec<IpAddr>,
    asked: AtomicUsize,
}

impl Changing {
    fn new(answers: &[&str]) -> Arc<Self> {
        let answers = answers
            .iter()
            .map(|address| address.parse().unwrap())
            .collect();
        Arc::new(Self {
            answers,
            asked: AtomicUsize::new(0),
        })
    }
}

impl Resolver for Changing {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[asked.min(self.answers.len() - 1)];
        Box::pin(async move { Ok(vec![answer]) })
    }
}

/// Signs in and out at an application whose name `resolver` resolves, and waits until it was tried.
async fn tried(uri: &str, resolver: Arc<Changing>) -> (Provider, Delivery) {
    let mut metadata = metadata("https://ledger.example");
    metadata.backchannel_logout_uri = Some(uri.to_owned());
    let wish = provider().await.client("ledger", metadata);
    let wish = wish.seams(|seams| seams.resolver = resolver);
    let provider = wish.start().await;
    let ada = Visitor::default();
    let ledger = RelyingParty::of(&provider, "ledger");
    let tokens = ledger.tokens(&ada, &[]).await;
    ada.get(&ledger.end_session_url(&[("id_token_hint", &tokens.get("id_token"))]))
        .await;
    let delivery = eventually(async || {
        let known = deliveries::list(
            provider.flows().database.read(),
            &DeliveryState::ALL,
            None,
            10,
        )
        .await
        .unwrap();
        known.into_iter().find(|delivery| delivery.attempts > 0)
    });
    let delivery = delivery.await.expect("the delivery was tried");
    (provider, delivery)
}

/// Attack 55 (CVE-2026-55671, CVE-2026-4874): a name that leads into the operator's own network.
#[actix_web::test]
async fn a_name_that_resolves_to_an_inner_address_is_not_connected_to() {
    for address in [
        "169.254.169.254",
        "10.0.0.1",
        "::ffff:192.168.0.1",
        "fd00::1",
    ] {
        let (provider, delivery) =
            tried("https://ledger.example/bye", Changing::new(&[address])).await;
        assert_eq!(delivery.state, DeliveryState::Retrying, "{address}");
        assert_eq!(delivery.last_status, None);
        let problem = delivery.last_problem.unwrap();
        assert!(problem.starts_with("refused"), "{address}: {problem}");
        provider.stop().await;
    }
}

/// Attack 55: a name that answers differently when it is asked again (DNS rebinding).
#[actix_web::test]
async fn a_name_is_asked_once_and_what_was_checked_is_what_is_connected_to() {
    let ear = Ear::open().await;
    let port = ear.base.rsplit(':').next().unwrap();
    let resolver = Changing::new(&["127.0.0.1", "169.254.169.254"]);
    let uri = format!("http://localhost:{port}/backchannel");
    let (provider, delivery) = tried(&uri, Arc::clone(&resolver)).await;
    assert_eq!(delivery.state, DeliveryState::Confirmed);
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1);
    provider.stop().await;
}

#[actix_web::test]
async fn an_application_that_is_not_running_is_tried_again() {
    let ear = Ear::open().await;
    let uri = ear.backchannel_logout_uri();
    ear.close().await;
    let (provider, delivery) = tried(&uri, Changing::new(&["127.0.0.1"])).await;
    assert_eq!(delivery.state, DeliveryState::Retrying);
    assert_eq!(delivery.last_problem.as_deref(), Some("no connection"));
    provider.stop().await;
}
