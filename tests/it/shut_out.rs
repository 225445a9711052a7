//! Applications that are shut out or removed while people are about to join them, and what comes after them.

use std::sync::Arc;
use std::time::Duration;

use exeunt::flows::people::{self, NotDone};
use exeunt::flows::{declare, deliver_logouts, end_session};
use exeunt::jose::HashPurpose;
use exeunt::oidc::client::{Client, KeptSecret};
use exeunt::oidc::logout::DeliveryState;
use exeunt::store::orders::OrderScope;
use exeunt::store::participants::{self, Participant};
use exeunt::store::{self, clients, deliveries};
use futures_util::future::join_all;
use tokio::sync::Notify;

use crate::support::eventually;
use crate::support::parts::session_with;
use crate::support::provider::{Provider, SECRET, metadata, provider};
use crate::support::relying_party::{Ear, RelyingParty, Reply, Tokens};
use crate::support::scene::{Application, Scene, by_server};
use crate::support::visitor::Visitor;

/// An application that no file declares, so that it can be shut out.
async fn added(provider: &Provider, ear: &Ear) -> RelyingParty {
    add(provider, ear).await.unwrap();
    RelyingParty::at(&provider.issuer, "visiting", &ear.base)
}

async fn add(provider: &Provider, ear: &Ear) -> Result<(), NotDone> {
    let flows = provider.flows();
    let client = Client {
        client_id: "visiting".to_owned(),
        secret: Some(KeptSecret::Hashed(
            flows.master.hash(HashPurpose::ClientSecret, SECRET),
        )),
        metadata: by_server(ear),
    };
    people::add_client(flows, client).await.unwrap()
}

async fn disable(provider: &Provider) {
    let disabled = people::disable_client(provider.flows(), "visiting");
    disabled.await.unwrap().unwrap();
}

/// P2, P3: attack 61, of an application: nobody joins it after everyone's part in it was counted.
#[actix_web::test]
async fn p2_of_redemptions_against_a_shutting_out_each_fails_or_the_application_is_told() {
    let scene = Scene::of(&["ledger"]).await;
    let (provider, issuer) = (&scene.provider, &scene.provider.issuer);
    let ear = Ear::open().await;
    let visiting = Application {
        party: added(provider, &ear).await,
        ear,
    };
    let (mut given, mut refused) = (0, 0);
    // It is shut out with the first, in between, and with the last.
    for place in [0, 4, 9] {
        let mut codes = Vec::new();
        for _ in 0..10 {
            let ada = Visitor::default();
            scene.applications[0].tokens(&ada, &[]).await;
            let answer = visiting.authorize_silently(&ada).await;
            codes.push(answer);
        }
        let now = Notify::new();
        let redemptions = codes.iter().enumerate().map(async |(number, code)| {
            if number == place {
                now.notify_one();
            }
            visiting.redeem(code, &[]).await
        });
        let shut = async {
            now.notified().await;
            disable(provider).await;
        };
        let (answers, ()) = tokio::join!(join_all(redemptions), shut);
        for answer in answers {
            if answer.status != 200 {
                refused += 1;
                continue;
            }
            given += 1;
            let tokens = Tokens { all: answer.json() };
            visiting.told_of(&tokens.sid(issuer).await, issuer).await;
            let answer = visiting.userinfo(&tokens.get("access_token")).await;
            assert_eq!(answer.status, 401);
        }
        let enabled = people::enable_client(provider.flows(), "visiting");
        enabled.await.unwrap().unwrap();
    }
    assert_eq!(given + refused, 30);
    scene.provider.stop().await;
}

impl Application {
    /// A code for who is signed in already.
    async fn authorize_silently(&self, visitor: &Visitor) -> String {
        let answer = visitor
            .get(&self.authorize_url(&[("prompt", "none")]))
            .await;
        answer.parameter("code").expect("there is a code")
    }
}

/// P2: whoever shuts an application out waits for those who are about to join it, and so names them.
#[actix_web::test]
async fn p2_who_holds_an_application_joins_it_before_it_is_shut_out_and_is_named() {
    let wish = provider()
        .await
        .client("ledger", metadata("https://ledger.example"));
    let (provider, _folder) = wish.open().await;
    let provider = Arc::new(provider);
    declare::apply(&provider).await.unwrap();
    let client = Client {
        client_id: "visiting".to_owned(),
        secret: None,
        metadata: metadata("https://visiting.example"),
    };
    people::add_client(&provider, client)
        .await
        .unwrap()
        .unwrap();
    let session_id = session_with(&provider, &["ledger"]).await;
    let open = async || {
        let scope = OrderScope::Client("visiting".to_owned());
        participants::count_open(provider.database.read(), &scope)
            .await
            .unwrap()
    };
    let tx = provider.database.begin().await.unwrap();
    let held = clients::hold_enabled(&tx, "visiting").await.unwrap();
    assert!(held.is_some());
    let mut shutting = tokio::spawn({
        let provider = Arc::clone(&provider);
        async move {
            people::disable_client(&provider, "visiting")
                .await
                .unwrap()
                .unwrap();
            end_session::carry_out_orders(&provider).await.unwrap();
        }
    });
    let soon = tokio::time::timeout(Duration::from_millis(300), &mut shutting);
    assert!(
        soon.await.is_err(),
        "it waits for whoever holds the application"
    );
    // They join after it was asked for, and before it counts.
    let now = provider.clock.now();
    let part = Participant {
        sid: provider.random.identifier(),
        session_id,
        client_id: "visiting".to_owned(),
        joined_at: now,
        believes_until: now,
        ended_at: None,
    };
    participants::join(&tx, &part).await.unwrap();
    store::commit(tx).await.unwrap();
    shutting.await.unwrap();
    assert_eq!(open().await, 0, "nobody is left in it");
    let told = deliveries::of_session(provider.database.read(), session_id)
        .await
        .unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].sid, part.sid);
    provider.database.clone().close().await;
}

/// P2: a name is not given away while notices would still go where it leads.
#[actix_web::test]
async fn an_application_that_is_still_to_be_told_of_keeps_its_name() {
    let scene = Scene::of(&["ledger"]).await;
    let (provider, flows) = (&scene.provider, scene.provider.flows());
    let ear = Ear::open().await;
    let visiting = added(provider, &ear).await;
    assert_eq!(add(provider, &ear).await, Err(NotDone::Exists));
    let tokens = visiting.tokens(&Visitor::default(), &[]).await;
    let sid = tokens.sid(&provider.issuer).await;
    ear.answer(Reply::Status(503));
    let removed = people::remove_client(flows, "visiting");
    removed.await.unwrap().unwrap();
    // Whether or not somebody has come to the sessions by now.
    assert_eq!(add(provider, &ear).await, Err(NotDone::StillLeaving));
    ear.wait_for(1).await;
    let waiting = scene.wait_for_state(&sid, DeliveryState::Retrying).await;
    assert_eq!(add(provider, &ear).await, Err(NotDone::StillLeaving));
    let abandoned = eventually(async || {
        deliver_logouts::abandon(flows, &[waiting.id])
            .await
            .unwrap();
        let known = scene.delivery(&sid).await;
        (known.state == DeliveryState::Abandoned).then_some(())
    });
    abandoned.await.expect("it is abandoned");
    assert_eq!(add(provider, &ear).await, Ok(()));
    let answer = visiting.userinfo(&tokens.get("access_token")).await;
    assert_eq!(answer.status, 401, "it is another application");
    scene.provider.stop().await;
}
