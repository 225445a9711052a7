//! Writes of many rows at the same time: on PostgreSQL they must not wait for each other in a circle, of which the database
//! would throw one out.

use std::sync::Arc;

use chrono::TimeDelta;
use exeunt::clock::Timestamp;
use exeunt::flows::redeem::CodeGrant;
use exeunt::flows::{Provider, deliver_logouts, end_session, keys, redeem};
use exeunt::jose::HashPurpose;
use exeunt::oidc::client::Client;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::store::codes::{self, Code};
use exeunt::store::deliveries;
use exeunt::store::deliveries::queue::{self, Lease, Settled, Share};
use exeunt::store::grants::{self, Grant, Of};
use exeunt::store::orders::OrderScope;
use exeunt::store::{self, clients, sessions, users};
use futures_util::future::join_all;
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::eventually;
use crate::support::fixtures::Side;
use crate::support::parts::sessions_with;
use crate::support::provider::{metadata, provider};

const CLIENTS: [&str; 2] = ["ledger", "atlas"];

/// A provider of which nothing is served, so that nothing but the test writes.
async fn opened() -> (Arc<Provider>, Arc<TempDir>) {
    let mut wish = provider().await;
    for client_id in CLIENTS {
        let mut metadata = metadata("https://application.example");
        metadata.backchannel_logout_uri = Some("https://application.example/leave".to_owned());
        wish = wish.client(client_id, metadata);
    }
    let mut url = String::new();
    let wish = wish.configure(|config| url = config.database.as_str().to_owned());
    if let Some((_, name)) = url.rsplit_once('/').filter(|_| url.starts_with("postgres")) {
        // Of so few rows it would read all, always in the same order.
        let mut side = Side::open(&url).await;
        for way in ["enable_seqscan", "enable_bitmapscan"] {
            let otherwise = format!("ALTER DATABASE {name} SET {way} = off");
            side.execute(&otherwise).await;
        }
    }
    let (provider, folder) = wish.open().await;
    exeunt::flows::declare::apply(&provider).await.unwrap();
    (Arc::new(provider), folder)
}

/// The same in another order each time: what `turn` makes of it decides.
fn shuffled(ids: &[Uuid], turn: usize) -> Vec<Uuid> {
    let mut ids = ids.to_vec();
    if turn % 2 == 1 {
        ids.reverse();
    }
    let length = ids.len().max(1);
    ids.rotate_left(turn * 37 % length);
    ids
}

#[actix_web::test]
async fn notices_that_are_retried_abandoned_and_acknowledged_at_once_keep_each_other_waiting_only()
{
    let (provider, _folder) = opened().await;
    sessions_with(&provider, 100, &CLIENTS).await;
    end_session::end_many(&provider, OrderScope::All, Cause::Administrator)
        .await
        .unwrap();
    end_session::carry_out_orders(&provider).await.unwrap();
    let all = deliveries::list(provider.database.read(), &DeliveryState::ALL, None, 1_000).await;
    let ids: Vec<Uuid> = all.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), 200);

    let rounds = (0..12).map(|turn| {
        let (provider, ids) = (Arc::clone(&provider), shuffled(&ids, turn));
        tokio::spawn(async move {
            for _ in 0..8 {
                match turn % 3 {
                    0 => drop(deliver_logouts::retry(&provider, &ids).await.unwrap()),
                    1 => drop(deliver_logouts::abandon(&provider, &ids).await.unwrap()),
                    _ => claim_and_settle(&provider, turn).await,
                }
            }
        })
    });
    for done in join_all(rounds).await {
        done.unwrap();
    }
    provider.database.clone().close().await;
}

/// Takes what is due and says in another order than it came that it is to be tried again.
async fn claim_and_settle(provider: &Provider, turn: usize) {
    let now = provider.clock.now();
    let lease = Lease {
        id: provider.random.row_id(now),
        until: now,
    };
    let shares = CLIENTS.map(|client_id| Share {
        client_id: client_id.to_owned(),
        limit: 100,
    });
    let tx = provider.database.begin().await.unwrap();
    let mut claimed = queue::claim(&tx, &shares, lease, now).await.unwrap();
    store::commit(tx).await.unwrap();
    if turn.is_multiple_of(2) {
        claimed.reverse();
    }
    let settled: Vec<Settled<'_>> = claimed
        .iter()
        .map(|delivery| Settled {
            delivery,
            lease: lease.id,
        })
        .collect();
    let tx = provider.database.begin().await.unwrap();
    queue::acknowledge(&tx, &settled).await.unwrap();
    store::commit(tx).await.unwrap();
}

#[actix_web::test]
async fn grants_that_several_take_back_at_once_keep_them_waiting_only() {
    let (provider, _folder) = opened().await;
    let sessions = sessions_with(&provider, 100, &[]).await;
    let ada = users::find_by_username(provider.database.read(), "ada").await;
    let user_id = ada.unwrap().unwrap().id;
    for turn in 0..12 {
        let now = provider.clock.now();
        let tx = provider.database.begin().await.unwrap();
        // An index of sessions, one of people and one of clients come to them in different orders.
        for (number, session_id) in shuffled(&sessions, turn).into_iter().enumerate() {
            let grant = Grant {
                id: provider.random.identifier(),
                session_id: Some(session_id),
                user_id: Some(user_id),
                client_id: CLIENTS[number % 2].to_owned(),
                scope: "openid".to_owned(),
                claims: None,
                resources: Vec::new(),
                offline_access: number % 3 == 0,
                revoked_at: None,
            };
            grants::insert(&tx, &grant, now).await.unwrap();
        }
        store::commit(tx).await.unwrap();
        let revocations = (0..6).map(|way| {
            let (provider, sessions) = (Arc::clone(&provider), sessions.clone());
            tokio::spawn(async move {
                let in_sessions = |client_id, keep_offline| Of::Sessions {
                    session_ids: &sessions,
                    client_id,
                    keep_offline,
                    before: None,
                };
                let of = match way {
                    0 => vec![Of::User(user_id)],
                    1 => vec![Of::Client("ledger"), Of::Client("atlas")],
                    2 => vec![in_sessions(None, false)],
                    3 => vec![in_sessions(Some("atlas"), true), Of::Client("ledger")],
                    4 => vec![Of::All],
                    _ => CLIENTS
                        .map(|client_id| Of::UserAtClient { user_id, client_id })
                        .to_vec(),
                };
                let tx = provider.database.begin().await.unwrap();
                let later = now + TimeDelta::milliseconds(way);
                grants::revoke(&tx, &of, later).await.unwrap();
                store::commit(tx).await.unwrap();
            })
        });
        for done in join_all(revocations).await {
            done.unwrap();
        }
    }
    provider.database.clone().close().await;
}

/// A code that comes back behind an order that nobody has carried out yet: what went before it is taken back first, in
/// the order in which whoever shuts a person out goes through their grants.
#[actix_web::test]
async fn a_code_behind_an_order_keeps_who_takes_the_same_grants_back_waiting_only() {
    let (provider, _folder) = opened().await;
    // SQLite's writer is alone.
    if provider.config.database.is_postgres() {
        keys::load(&provider).await.unwrap();
        let session_id = sessions_with(&provider, 1, &["ledger"]).await[0];
        let db = provider.database.read();
        let user_id = sessions::find(db, session_id)
            .await
            .unwrap()
            .unwrap()
            .user_id;
        let ledger = clients::find(db, "ledger").await.unwrap().unwrap().client;
        let now = provider.clock.now();
        let before = given(&provider, &ledger, session_id, user_id, now, None).await;
        let client_id = ledger.client_id.clone();
        let scope = OrderScope::UserAtClient { user_id, client_id };
        end_session::end_many(&provider, scope, Cause::ConsentWithdrawn)
            .await
            .unwrap();
        let later = provider.clock.now() + TimeDelta::seconds(1);
        let after = given(&provider, &ledger, session_id, user_id, later, Some("code")).await;

        // Somebody goes through the person's grants, and has come to the first.
        let tx = provider.database.begin().await.unwrap();
        grants::lock_good(&tx, before).await.unwrap().unwrap();
        let redeeming = {
            let (provider, client) = (Arc::clone(&provider), ledger.clone());
            tokio::spawn(async move {
                let presented = CodeGrant {
                    code: "code",
                    redirect_uri: &client.metadata.redirect_uris[0],
                    code_verifier: None,
                    service: None,
                };
                redeem::redeem_code(&provider, &client, &presented).await
            })
        };
        let mut side = Side::open(provider.config.database.as_str()).await;
        let waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waits = async || (side.execute(waiting).await == 1).then_some(());
        assert!(eventually(waits).await.is_some(), "it waits for the first");
        grants::lock_good(&tx, after).await.unwrap().unwrap();
        store::commit(tx).await.unwrap();
        let given = redeeming.await.unwrap().unwrap();
        assert!(given.is_ok());
        assert_eq!(grants::lock_good(db, before).await.unwrap(), None);
    }
    provider.database.clone().close().await;
}

/// A grant of a session, and a code for it; answers the grant's identifier.
async fn given(
    provider: &Provider,
    client: &Client,
    session_id: Uuid,
    user_id: Uuid,
    at: Timestamp,
    code: Option<&str>,
) -> Uuid {
    let grant = Grant {
        id: provider.random.row_id(at),
        session_id: Some(session_id),
        user_id: Some(user_id),
        client_id: client.client_id.clone(),
        scope: "openid".to_owned(),
        claims: None,
        resources: Vec::new(),
        offline_access: false,
        revoked_at: None,
    };
    let tx = provider.database.begin().await.unwrap();
    grants::insert(&tx, &grant, at).await.unwrap();
    if let Some(code) = code {
        let code = Code {
            code_hash: provider.master.hash(HashPurpose::Code, code),
            grant_id: grant.id,
            client_id: grant.client_id,
            session_id,
            redirect_uri: client.metadata.redirect_uris[0].clone(),
            code_challenge: None,
            nonce: None,
            auth_time: at,
            expires_at: at + TimeDelta::minutes(1),
            redeemed_at: None,
        };
        codes::insert(&tx, &code).await.unwrap();
    }
    store::commit(tx).await.unwrap();
    grant.id
}
