//! What the configuration file declares: applied at every start, and never against what was done since.

use exeunt::config::{Config, Credential, DeclaredClient, Place};
use exeunt::flows::people;
use exeunt::oidc::client::{Client, ClientAuthMethod, ClientMetadata};
use exeunt::oidc::logout::DeliveryState;
use exeunt::server::{self, Seams};
use exeunt::store::{clients, deliveries, users};
use futures_util::future::join_all;
use secrecy::SecretString;
use serde_json::Value;

use crate::support::eventually;
use crate::support::ledger::{add_grace, ledger, open, sign_in_as};
use crate::support::parts::session_with;
use crate::support::provider::{PASSWORD, Provider, metadata, provider, start_node};
use crate::support::relying_party::{Ear, RelyingParty, Reply, Tokens};
use crate::support::visitor::Visitor;

const ANOTHER: &str = "the difference engine";

async fn gets_in(provider: &Provider, username: &str, password: &str) -> bool {
    let (party, visitor) = (RelyingParty::of(provider, "ledger"), Visitor::default());
    let page = open(&visitor, &party.authorize_url(&[])).await;
    let answer = sign_in_as(&visitor, &page, username, password).await;
    answer.parameter("code").is_some()
}

fn declare_password(config: &mut Config, password: &str) {
    config.users[0].password = Some(Credential::Plain(SecretString::from(password)));
}

#[actix_web::test]
async fn applying_it_again_changes_nothing() {
    let provider = ledger().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &[("scope", "openid profile")]).await;
    let token = tokens.get("access_token");
    let before = party.userinfo(&token).await;
    let provider = provider.restart(|_| {}).await;
    let after = party.userinfo(&token).await;
    assert_eq!(after.status, 200);
    // `updated_at` is among the claims.
    assert_eq!(after.json(), before.json());
    let silent = party.authorize_url(&[("prompt", "none")]);
    assert!(ada.get(&silent).await.parameter("code").is_some());
    provider.stop().await;
}

#[actix_web::test]
async fn a_password_that_was_changed_since_is_not_set_back() {
    let provider = ledger().await.start().await;
    let password = SecretString::from(ANOTHER);
    let changed = people::reset_password(provider.flows(), "ada", &password).await;
    changed.unwrap().unwrap();
    let provider = provider.restart(|_| {}).await;
    assert!(!gets_in(&provider, "ada", PASSWORD).await);
    assert!(gets_in(&provider, "ada", ANOTHER).await);
    provider.stop().await;
}

#[actix_web::test]
async fn a_password_that_changes_in_the_file_is_set_and_ends_the_sessions_of_the_old_one() {
    let provider = ledger().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let token = party.tokens(&ada, &[]).await.get("access_token");
    let provider = provider
        .restart(|config| declare_password(config, ANOTHER))
        .await;
    assert!(!gets_in(&provider, "ada", PASSWORD).await);
    assert!(gets_in(&provider, "ada", ANOTHER).await);
    assert_eq!(party.userinfo(&token).await.status, 401);
    let silent = ada.get(&party.authorize_url(&[("prompt", "none")])).await;
    assert_eq!(silent.parameter("error").unwrap(), "login_required");
    provider.stop().await;
}

#[actix_web::test]
async fn who_was_shut_out_stays_so_even_with_another_password_in_the_file() {
    let provider = ledger().await.start().await;
    people::disable_user(provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    let provider = provider.restart(|_| {}).await;
    assert!(!gets_in(&provider, "ada", PASSWORD).await);
    let provider = provider
        .restart(|config| declare_password(config, ANOTHER))
        .await;
    assert!(!gets_in(&provider, "ada", ANOTHER).await);
    provider.stop().await;
}

/// The `sub` of grace, who signs in; none where she can't.
async fn sub_of_grace(provider: &Provider) -> Option<Value> {
    let (party, visitor) = (RelyingParty::of(provider, "ledger"), Visitor::default());
    let page = open(&visitor, &party.authorize_url(&[])).await;
    let answer = sign_in_as(&visitor, &page, "grace", PASSWORD).await;
    let answer = party.redeem(&answer.parameter("code")?, &[]).await;
    let tokens = Tokens { all: answer.json() };
    Some(tokens.id_claims(&provider.issuer).await["sub"].clone())
}

/// P3: a person who is gone does not come back because a file that was read before is read again.
#[actix_web::test]
async fn p3_who_was_deleted_stays_so_until_the_file_has_let_them_go() {
    let provider = ledger().await.configure(add_grace).start().await;
    let before = sub_of_grace(&provider).await;
    assert!(before.is_some());
    let deleted = people::delete_user(provider.flows(), "Grace").await;
    deleted.unwrap().unwrap();
    assert_eq!(sub_of_grace(&provider).await, None);
    let mut provider = provider;
    for _ in 0..2 {
        provider = provider
            .restart(|config| config.users[1].claims.name = Some("Grace Hopper".to_owned()))
            .await;
        assert_eq!(sub_of_grace(&provider).await, None);
    }
    let provider = provider
        .restart(|config| config.users.truncate(1))
        .await
        .restart(add_grace)
        .await;
    let after = sub_of_grace(&provider).await;
    assert!(after.is_some());
    assert_ne!(after, before, "somebody new");
    assert!(gets_in(&provider, "ada", PASSWORD).await);
    provider.stop().await;
}

/// P3: the command that deleted them was given no file, or another one than the server.
#[actix_web::test]
async fn p3_a_declared_person_who_was_deleted_without_the_file_stays_so() {
    let provider = ledger().await.configure(add_grace).start().await;
    let mut config = provider.config.clone();
    config.users.clear();
    let command = server::open(config, Seams::default()).await.unwrap();
    let deleted = people::delete_user(&command, "grace").await;
    deleted.unwrap().unwrap();
    command.database.close().await;
    let provider = provider.restart(|_| {}).await;
    assert_eq!(sub_of_grace(&provider).await, None);
    provider.stop().await;
}

/// Nodes that start together on a new database make each person once.
#[actix_web::test]
async fn nodes_that_start_together_declare_nobody_twice() {
    let mut shared = None;
    let wish = ledger()
        .await
        .configure(add_grace)
        .configure(|config| shared = Some(config.clone()));
    let config = shared.unwrap();
    let nodes = join_all((0..3).map(|_| start_node(&config, Seams::default()))).await;
    let (provider, _folder) = wish.open().await;
    let known = users::list(provider.database.read()).await.unwrap();
    let names: Vec<&str> = known.iter().map(|user| user.username.as_str()).collect();
    assert_eq!(names, ["ada", "grace"]);
    for node in nodes {
        node.unwrap().stop().await;
    }
}

/// P2 and P7: notices of an application that was removed never go to another one of its name.
#[actix_web::test]
async fn p2_a_declared_client_does_not_inherit_the_notices_of_one_that_was_removed() {
    let (old, new) = (Ear::open().await, Ear::open().await);
    let provider = ledger().await.start().await;
    let mut metadata = metadata(&old.base);
    metadata.backchannel_logout_uri = Some(old.backchannel_logout_uri());
    let wiki = Client {
        client_id: "wiki".to_owned(),
        secret: None,
        metadata: ClientMetadata {
            token_endpoint_auth_method: ClientAuthMethod::None,
            ..metadata
        },
    };
    let declared = DeclaredClient {
        client_id: "wiki".to_owned(),
        secret: None,
        metadata: ClientMetadata {
            backchannel_logout_uri: Some(new.backchannel_logout_uri()),
            ..wiki.metadata.clone()
        },
        place: Place::Program,
    };
    let added = people::add_client(provider.flows(), wiki).await;
    added.unwrap().unwrap();
    old.answer(Reply::Status(500));
    let session_id = session_with(provider.flows(), &["wiki"]).await;
    let removed = people::remove_client(provider.flows(), "wiki").await;
    removed.unwrap().unwrap();
    old.wait_for(1).await;

    // A server that starts leaves it out: what is left of the old one is still the old one's.
    let provider = provider
        .restart(|config| config.clients.push(declared.clone()))
        .await;
    let db = provider.flows().database.read();
    let known = clients::find(db, "wiki").await.unwrap().unwrap();
    assert!(known.deleted_at.is_some());
    assert_eq!(
        known.client.metadata.backchannel_logout_uri,
        Some(old.backchannel_logout_uri())
    );
    old.answer(Reply::Status(200));
    let told = eventually(async || {
        let known = deliveries::of_session(provider.flows().database.read(), session_id);
        let known = known.await.unwrap();
        (known[0].state == DeliveryState::Confirmed).then_some(())
    });
    told.await.expect("the old one is told");
    let provider = provider.restart(|_| {}).await;
    let known = clients::find(provider.flows().database.read(), "wiki").await;
    assert!(known.unwrap().unwrap().deleted_at.is_none());
    assert!(new.notices().is_empty());
    provider.stop().await;
}

#[actix_web::test]
async fn claims_that_change_in_the_file_are_told_from_then_on() {
    let provider = ledger().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &[("scope", "openid email")]).await;
    let provider = provider
        .restart(|config| config.users[0].claims.email = Some("ada@new.example".to_owned()))
        .await;
    let person = party.userinfo(&tokens.get("access_token")).await.json();
    assert_eq!(person["email"], "ada@new.example");
    provider.stop().await;
}

#[actix_web::test]
async fn a_client_that_leaves_the_file_is_shut_out_and_told_of_everyone_it_loses() {
    let (ledger, atlas) = (Ear::open().await, Ear::open().await);
    let mut wish = provider().await;
    for (client_id, ear) in [("ledger", &ledger), ("atlas", &atlas)] {
        let mut metadata = metadata(&ear.base);
        metadata.backchannel_logout_uri = Some(ear.backchannel_logout_uri());
        wish = wish.client(client_id, metadata);
    }
    let provider = wish.start().await;
    let (at_ledger, at_atlas) = (
        RelyingParty::of(&provider, "ledger"),
        RelyingParty::of(&provider, "atlas"),
    );
    let ada = Visitor::default();
    let tokens = at_ledger.tokens(&ada, &[]).await;
    let sid = tokens.id_claims(&provider.issuer).await["sid"].clone();
    let elsewhere = at_atlas.tokens(&ada, &[]).await;
    let code = at_ledger
        .sign_in(&ada, &[])
        .await
        .parameter("code")
        .unwrap();

    let declared = provider.config.clients.clone();
    let provider = provider
        .restart(|config| config.clients.retain(|known| known.client_id != "ledger"))
        .await;

    let notices = ledger.wait_for(1).await;
    assert_eq!(notices[0].claims(&provider.issuer).await["sid"], sid);
    let answer = ada
        .get(&at_ledger.authorize_url(&[("prompt", "none")]))
        .await;
    assert_eq!((answer.status.as_u16(), answer.location()), (400, None));
    assert_eq!(at_ledger.redeem(&code, &[]).await.status, 401);
    assert_eq!(
        at_ledger.userinfo(&tokens.get("access_token")).await.status,
        401
    );
    assert_eq!(
        at_atlas
            .userinfo(&elsewhere.get("access_token"))
            .await
            .status,
        200
    );
    assert!(atlas.notices().is_empty());

    let provider = provider.restart(|config| config.clients = declared).await;
    assert_eq!(
        at_ledger.userinfo(&tokens.get("access_token")).await.status,
        401
    );
    let anew = at_ledger.tokens(&ada, &[]).await;
    assert_ne!(anew.id_claims(&provider.issuer).await["sid"], sid);
    assert_eq!(
        at_ledger.userinfo(&anew.get("access_token")).await.status,
        200
    );
    assert_eq!(ledger.notices().len(), 1);
    provider.stop().await;
}

#[actix_web::test]
async fn a_secret_that_changes_in_the_file_is_the_only_one_from_then_on() {
    let provider = ledger().await.start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let code = party.sign_in(&ada, &[]).await.parameter("code").unwrap();
    let secret = SecretString::from("another-secret-of-24-characters");
    let provider = provider
        .restart(|config| config.clients[0].secret = Some(Credential::Plain(secret)))
        .await;
    let answer = party.redeem(&code, &[]).await;
    assert_eq!(answer.status, 401);
    provider.stop().await;
}
