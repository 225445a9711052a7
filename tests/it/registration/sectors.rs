//! Sectors, and what is signed or not, of clients that register themselves.

use exeunt::config::RegistrationPolicy::Open;
use reqwest::Method;
use serde_json::json;

use super::assert_refused;
use crate::support::registrar::{HOME, Registered, ask, registering, with};
use crate::support::relying_party::verify;
use crate::support::secure_site::{Document, SecureSite};
use crate::support::visitor::Visitor;

/// Attack 77: a sector that is not the client's. The suite's modules `oidcc-registration-sector-uri` and `-sector-bad`.
#[actix_web::test]
async fn a_sector_is_believed_where_its_document_names_the_client_and_refused_where_not() {
    let site = SecureSite::open().await;
    let provider = site.trusted_by(registering(Open).await).start().await;
    let (ours, other) = (format!("{HOME}/callback"), "https://other.example/callback");
    let uri = site.publish("/sector.json", Document::of(json!([ours, other])));
    let sector = json!({ "subject_type": "pairwise", "sector_identifier_uri": uri });
    let ledger = Registered::new(&provider, &with(&sector), None).await;
    assert_eq!(ledger.get("subject_type"), "pairwise");
    assert_eq!(ledger.get("sector_identifier_uri"), uri);
    let mut elsewhere = with(&sector);
    elsewhere["redirect_uris"] = json!([other]);
    let second = Registered::new(&provider, &elsewhere, None).await;
    let alone = json!({ "subject_type": "pairwise" });
    let third = Registered::new(&provider, &with(&alone), None).await;
    let mut subs = Vec::new();
    for party in [&ledger, &second, &third] {
        let tokens = party.tokens(&Visitor::default()).await;
        subs.push(tokens.id_claims(&provider.issuer).await["sub"].clone());
    }
    assert_eq!(subs[0], subs[1]);
    assert_ne!(subs[0], subs[2]);

    let mut stranger = with(&sector);
    stranger["redirect_uris"] = json!(["https://stranger.example/callback"]);
    let answer = ask(&provider, &stranger, None).await;
    assert_refused(&answer, 400, "invalid_client_metadata");
    let told = answer.json()["error_description"].to_string();
    assert!(told.contains("sector_identifier_uri: "), "{told}");
    let plain = json!({ "sector_identifier_uri": uri.replace("https:", "http:") });
    assert_refused(
        &ask(&provider, &with(&plain), None).await,
        400,
        "invalid_client_metadata",
    );
    let inside = json!({ "sector_identifier_uri": "https://169.254.169.254/latest/meta-data" });
    let answer = ask(&provider, &with(&inside), None).await;
    assert_refused(&answer, 400, "invalid_client_metadata");
    let told = answer.json()["error_description"].to_string();
    assert!(told.contains("could not be fetched"), "{told}");

    // An update is looked at like a registration, where what the document is to say changes.
    let asked = site.asked();
    let same = ledger
        .manage(Method::PUT, Some(&ledger.update(&sector)))
        .await;
    assert_eq!(same.status, 200, "{}", same.body);
    assert_eq!(site.asked(), asked);
    let mut more = ledger.update(&sector);
    more["redirect_uris"] = json!([ours, "https://stranger.example/callback"]);
    let answer = ledger.manage(Method::PUT, Some(&more)).await;
    assert_refused(&answer, 400, "invalid_client_metadata");
    assert_eq!(site.asked(), asked + 1);
    provider.stop().await;
}

#[actix_web::test]
async fn a_client_registers_what_it_is_sent_signed_and_is_sent_it_so() {
    let provider = registering(Open).await.start().await;
    // No key of the algorithm is there before somebody registers it.
    let wanted = with(
        &json!({ "userinfo_signed_response_alg": "EdDSA", "id_token_signed_response_alg": "none" }),
    );
    let client = Registered::new(&provider, &wanted, None).await;
    let tokens = client.tokens(&Visitor::default()).await;
    assert!(tokens.get("id_token").ends_with('.'), "it is unsigned");
    let answer = client.party().userinfo(&tokens.get("access_token")).await;
    assert_eq!(answer.header("content-type"), "application/jwt");
    let (header, claims) = verify(&provider.issuer, &answer.body).await;
    assert_eq!(header["alg"], "EdDSA");
    assert_eq!(claims["aud"], client.get("client_id"));
    provider.stop().await;
}
