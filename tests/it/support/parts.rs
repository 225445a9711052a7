//! Sessions made behind the provider's back, for what is about their ends alone.

use chrono::TimeDelta;
use exeunt::flows::Provider;
use exeunt::oidc::logout::{Cause, Channel, DeliveryState};
use exeunt::store::deliveries::Delivery;
use exeunt::store::participants::{self, Participant};
use exeunt::store::sessions::{self, Session};
use exeunt::store::{self, users};
use uuid::Uuid;

/// A session of ada's in which these clients take part.
pub async fn session_with(provider: &Provider, client_ids: &[&str]) -> Uuid {
    sessions_with(provider, 1, client_ids).await[0]
}

/// So many of them.
pub async fn sessions_with(provider: &Provider, count: usize, client_ids: &[&str]) -> Vec<Uuid> {
    let now = provider.clock.now();
    let ada = users::find_by_username(provider.database.read(), "ada").await;
    let user_id = ada.unwrap().expect("ada is declared").id;
    let tx = provider.database.begin().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..count {
        let session = Session {
            id: provider.random.row_id(now),
            user_id,
            auth_time: now,
            amr: "pwd".to_owned(),
            acr: None,
            created_at: now,
            last_seen_at: now,
            expires_at: now + TimeDelta::days(30),
            ended_at: None,
            end_cause: None,
            user_agent: String::new(),
        };
        sessions::insert(&tx, &session, provider.random.secret())
            .await
            .unwrap();
        for client_id in client_ids {
            let part = Participant {
                sid: provider.random.identifier(),
                session_id: session.id,
                client_id: (*client_id).to_owned(),
                joined_at: now,
                believes_until: now,
                ended_at: None,
            };
            participants::join(&tx, &part).await.unwrap();
        }
        ids.push(session.id);
    }
    store::commit(tx).await.unwrap();
    ids
}

/// A notice to a client that is due, of a session that never was.
pub fn notice(provider: &Provider, client_id: &str) -> Delivery {
    let now = provider.clock.now();
    Delivery {
        id: provider.random.row_id(now),
        session_id: provider.random.row_id(now),
        sid: provider.random.identifier(),
        client_id: client_id.to_owned(),
        user_id: provider.random.identifier(),
        channel: Channel::Back,
        state: DeliveryState::Pending,
        cause: Cause::Logout,
        order_id: None,
        attempts: 0,
        created_at: now,
        due_at: Some(now),
        give_up_at: now + TimeDelta::days(1),
        believes_until: now,
        finished_at: None,
        last_status: None,
        last_problem: None,
    }
}
