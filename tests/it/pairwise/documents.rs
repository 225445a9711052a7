//! Sectors that a document names, and how it is fetched.

use exeunt::config::Config;
use exeunt::flows::sector;
use exeunt::oidc::client::ClientMetadata;
use serde_json::json;

use super::{pairwise, sub};
use crate::support::provider::provider;
use crate::support::relying_party::RelyingParty;
use crate::support::secure_site::{Document, SecureSite};
use crate::support::visitor::Visitor;

fn with_document(uri: String, bases: &[&str]) -> ClientMetadata {
    let mut metadata = pairwise(bases[0]);
    metadata.redirect_uris = bases
        .iter()
        .map(|base| format!("{base}/callback"))
        .collect();
    metadata.sector_identifier_uri = Some(uri);
    metadata
}

#[actix_web::test]
async fn clients_whose_redirect_uris_a_document_names_are_of_its_sector_and_it_is_fetched_once() {
    let site = SecureSite::open().await;
    let named = [
        "https://a.example/callback",
        "https://b.example/callback",
        "https://c.example/callback",
    ];
    let uri = site.publish("/sector.json", Document::of(json!(named)));
    let wish = provider()
        .await
        .client(
            "ab",
            with_document(uri.clone(), &["https://a.example", "https://b.example"]),
        )
        .client("c", with_document(uri, &["https://c.example"]))
        .client("a-alone", pairwise("https://a.example"));
    let provider = site.trusted_by(wish).start().await;
    assert_eq!(site.asked(), 2);
    let mut subs = Vec::new();
    for client_id in ["ab", "c", "a-alone"] {
        let party = RelyingParty::of(&provider, client_id);
        let tokens = party.tokens(&Visitor::default(), &[]).await;
        subs.push(sub(&provider, &party, &tokens).await);
    }
    assert_eq!(subs[0], subs[1]);
    assert_ne!(subs[0], subs[2]);
    // Who has not changed is not asked about again, be the site there or not.
    site.publish("/sector.json", Document::of("[]"));
    let provider = provider.restart(|_| {}).await;
    assert_eq!(site.asked(), 2);
    provider.stop().await;
}

async fn refused(site: &SecureSite, provider: &exeunt::flows::Provider, uri: &str) -> String {
    let metadata = with_document(uri.to_owned(), &["https://a.example", "https://b.example"]);
    let before = site.asked();
    let problem = sector::check(provider, &metadata)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(problem.field, "sector_identifier_uri");
    assert!(
        site.asked() <= before + 1,
        "{uri}: it was asked once at most"
    );
    problem.message
}

/// Attack 77 (CVE-2021-26715): a sector's document as a way into the operator's network. Attack 80: what was found there is
/// said to nobody.
#[actix_web::test]
async fn a_document_is_fetched_where_connections_may_go_and_nowhere_else_and_says_nothing_of_what_is_there()
 {
    let site = SecureSite::open().await;
    let wish = site.trusted_by(provider().await);
    let (open, _folder) = wish.open().await;
    let good = json!(["https://a.example/callback", "https://b.example/callback"]);
    let redirect = Document {
        status: 302,
        body: good.to_string(),
        location: site.publish("/good", Document::of(&good)),
    };
    let teapot = Document {
        status: 418,
        ..Document::of(&good)
    };
    let long = Document::of(format!("{}{good}", " ".repeat(200_000)));
    let unreachable = "the document there could not be fetched";
    for (path, document) in [
        ("/redirect", redirect),
        ("/teapot", teapot),
        ("/long", long),
    ] {
        let uri = site.publish(path, document);
        assert_eq!(refused(&site, &open, &uri).await, unreachable, "{path}");
    }
    for uri in [
        "https://localhost:1/closed",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/x",
        "https://10.0.0.1/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://2130706433/x",
        "file:///etc/passwd",
        "https://localhost:22/x",
    ] {
        assert_eq!(refused(&site, &open, uri).await, unreachable, "{uri}");
    }
    for body in [
        "root:x:0:0",
        "{\"secret\":1}",
        "[\"https://a.example/callback\", \"secret\"]",
    ] {
        let uri = site.publish("/odd", Document::of(body));
        let message = refused(&site, &open, &uri).await;
        assert!(
            !message.contains("secret") && !message.contains("root"),
            "{message}"
        );
    }
    let metadata = with_document(
        site.publish("/good", Document::of(&good)),
        &["https://a.example", "https://b.example"],
    );
    assert_eq!(sector::check(&open, &metadata).await.unwrap(), Ok(()));
}

/// Attack 77: the same, without leave to go into private networks.
#[actix_web::test]
async fn a_document_on_this_machine_is_not_fetched_unless_connections_may_go_there() {
    let site = SecureSite::open().await;
    let closed = |config: &mut Config| config.outbound.allow_private_networks.clear();
    let wish = site.trusted_by(provider().await).configure(closed);
    let (open, _folder) = wish.open().await;
    let uri = site.publish("/good", Document::of(json!(["https://a.example/callback"])));
    let metadata = with_document(uri, &["https://a.example"]);
    let problem = sector::check(&open, &metadata).await.unwrap().unwrap_err();
    assert_eq!(problem.message, "the document there could not be fetched");
    assert_eq!(site.asked(), 0);
}

#[actix_web::test]
async fn a_declared_client_whose_document_does_not_name_it_keeps_the_server_from_starting() {
    let site = SecureSite::open().await;
    let uri = site.publish(
        "/sector.json",
        Document::of(json!(["https://b.example/callback"])),
    );
    let wish = provider()
        .await
        .client("ledger", with_document(uri, &["https://a.example"]));
    let (open, _folder) = site.trusted_by(wish).open().await;
    let refusal = exeunt::flows::declare::apply(&open)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("ledger") && refusal.contains("sector_identifier_uri"),
        "{refusal}"
    );
}
