//! Who comes back after their end gets nothing of it back.

use exeunt::flows::people;
use exeunt::jose::HashPurpose;
use exeunt::oidc::claims::UserClaims;
use exeunt::oidc::client::{Client, KeptSecret};
use exeunt::oidc::logout::termination::Artefact;
use exeunt::oidc::logout::{Cause, DeliveryState};
use secrecy::SecretString;

use super::Stage;
use crate::support::people::sign_in_here;
use crate::support::provider::{PASSWORD, SECRET};
use crate::support::scene::by_server;
use crate::support::visitor::Visitor;

/// P3: who is gone does not come back as who they were.
#[actix_web::test]
async fn p3_a_deleted_persons_name_is_free_and_their_sub_is_never_used_again() {
    let stage = Stage::set(Cause::UserDeleted).await;
    let flows = stage.scene.provider.flows();
    stage.come(Cause::UserDeleted).await;
    let again = people::delete_user(flows, "bob").await.unwrap();
    assert_eq!(again, Err(people::NotDone::Unknown));
    let enabled = people::enable_user(flows, "bob").await.unwrap();
    assert_eq!(enabled, Err(people::NotDone::Unknown));
    let password = SecretString::from(PASSWORD);
    let added = people::add_user(flows, "bob", Some(&password), UserClaims::default());
    let bob = added.await.unwrap().unwrap();
    assert_ne!(bob.id, stage.user_id);
    let visitor = Visitor::default();
    let page = sign_in_here(&stage.scene, &visitor, "bob").await;
    assert!(
        page.text("#no-consents").is_some(),
        "another person: {page:?}"
    );
    let answer = stage
        .ledger
        .refresh(&stage.offline.get("refresh_token"))
        .await;
    assert_eq!(answer.status, 400);
    stage.scene.provider.stop().await;
}

/// P3: who is let in again gets nothing back that had ended; an application that is registered again is another.
#[actix_web::test]
async fn p3_what_is_let_in_again_gets_nothing_back() {
    for cause in [
        Cause::UserDisabled,
        Cause::ClientDisabled,
        Cause::ClientDeleted,
    ] {
        let stage = Stage::set(cause).await;
        let flows = stage.scene.provider.flows();
        stage.come(cause).await;
        let issuer = &stage.scene.provider.issuer;
        stage.ledger.told_of(&stage.sid, issuer).await;
        match cause {
            Cause::UserDisabled => people::enable_user(flows, "bob").await.unwrap().unwrap(),
            Cause::ClientDisabled => {
                people::enable_client(flows, "ledger")
                    .await
                    .unwrap()
                    .unwrap();
            }
            _ => {
                let enabled = people::enable_client(flows, "ledger").await.unwrap();
                assert_eq!(enabled, Err(people::NotDone::Unknown));
                // It has heard; that it has is on record a moment later.
                let confirmed = DeliveryState::Confirmed;
                stage.scene.wait_for_state(&stage.sid, confirmed).await;
                let secret = flows.master.hash(HashPurpose::ClientSecret, SECRET);
                let client = Client {
                    client_id: "ledger".to_owned(),
                    secret: Some(KeptSecret::Hashed(secret)),
                    metadata: by_server(&stage.ledger.ear),
                };
                people::add_client(flows, client).await.unwrap().unwrap();
            }
        }
        for artefact in [
            Artefact::Code,
            Artefact::AccessToken,
            Artefact::ExchangedToken,
            Artefact::RefreshFamily,
            Artefact::OfflineAccess,
        ] {
            assert!(
                !stage.is_of_use(cause, artefact).await,
                "{cause:?} x {artefact:?}"
            );
        }
        stage.scene.provider.stop().await;
    }
}
