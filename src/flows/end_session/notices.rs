//! The rows that ending leaves: what each application is to be told.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::{Ended, Ending};
use crate::flows::deliver_logouts::{self, Claimed, Destination};
use crate::flows::{FlowError, Provider};
use crate::oidc::client::ClientMetadata;
use crate::oidc::logout::{Channel, DeliveryState};
use crate::store::deliveries::queue::Lease;
use crate::store::deliveries::{self, Delivery};
use crate::store::participants::{self, Participant};
use crate::store::{Transaction, breakers, clients, grants};

/// Writes a row for each application, and that its part is over. `sessions` has the person of each. Answers the
/// notices that are held from the first, and whether there are others.
pub(super) async fn tell(
    provider: &Provider,
    tx: &Transaction,
    sessions: &[(Uuid, Uuid)],
    participants: Vec<Participant>,
    ending: Ending,
) -> Result<Ended, FlowError> {
    if participants.is_empty() {
        return Ok(Ended::default());
    }
    let now = ending.now;
    let mut client_ids: Vec<String> = participants
        .iter()
        .map(|known| known.client_id.clone())
        .collect();
    client_ids.sort_unstable();
    client_ids.dedup();
    let sids: Vec<Uuid> = participants.iter().map(|known| known.sid).collect();
    let known: HashMap<String, ClientMetadata> = clients::find_all(tx, &client_ids)
        .await?
        .into_iter()
        .map(|known| (known.client.client_id, known.client.metadata))
        .collect();
    let session_ids: Vec<Uuid> = sessions.iter().map(|(id, _)| *id).collect();
    let users: HashMap<Uuid, Uuid> = sessions.iter().copied().collect();
    // The grants that this cause takes back are taken back by now: of these nobody knows an end.
    let stay: HashSet<(Uuid, String)> = grants::with_offline_access(tx, &session_ids)
        .await?
        .into_iter()
        .collect();
    let mut rows = Vec::with_capacity(participants.len());
    for participant in participants {
        let Some(user_id) = users.get(&participant.session_id) else {
            continue;
        };
        let metadata = known.get(&participant.client_id);
        let channel = metadata.map_or(Channel::None, channel);
        let give_up_after = metadata.map_or(provider.config.logout.give_up_after, |metadata| {
            provider.give_up_after(metadata)
        });
        let by_server = channel == Channel::Back;
        let stays = stay.contains(&(participant.session_id, participant.client_id.clone()));
        rows.push(Delivery {
            id: provider.random.row_id(now),
            session_id: participant.session_id,
            sid: participant.sid,
            client_id: participant.client_id,
            user_id: *user_id,
            channel,
            // Until a page has framed it, an application that only a browser can tell is not reached.
            state: if by_server {
                DeliveryState::Pending
            } else {
                DeliveryState::Unreachable
            },
            cause: ending.cause,
            order_id: ending.order_id,
            attempts: 0,
            created_at: now,
            due_at: by_server.then_some(now),
            give_up_at: now + give_up_after,
            believes_until: if stays {
                now
            } else {
                participant.believes_until
            },
            finished_at: (!by_server).then_some(now),
            last_status: None,
            last_problem: None,
        });
    }
    participants::mark_ended(tx, &sids, now).await?;
    insert(tx, rows, known, ending.lease).await
}

/// Writes the rows; those of applications that answer are held, if there is a lease for them.
async fn insert(
    tx: &Transaction,
    rows: Vec<Delivery>,
    mut known: HashMap<String, ClientMetadata>,
    lease: Option<Lease>,
) -> Result<Ended, FlowError> {
    let lease = lease.filter(|_| rows.len() <= deliver_logouts::MOST);
    let Some(lease) = lease else {
        deliveries::insert(tx, &rows, None).await?;
        return Ok(Ended {
            is_more: rows.iter().any(|row| row.due_at.is_some()),
            ..Ended::default()
        });
    };
    let broken = breakers::all(tx).await?;
    let (held, others): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| row.due_at.is_some() && !broken.contains_key(&row.client_id));
    deliveries::insert(tx, &held, Some(lease)).await?;
    deliveries::insert(tx, &others, None).await?;
    let claimed = held.into_iter().filter_map(|delivery| {
        let metadata = known.remove(&delivery.client_id)?;
        Some(Claimed {
            destination: Arc::new(Destination::of(&delivery.client_id, metadata)),
            delivery,
            lease,
            is_probe: false,
        })
    });
    Ok(Ended {
        held: claimed.collect(),
        is_more: others.iter().any(|row| row.due_at.is_some()),
        ..Ended::default()
    })
}

fn channel(metadata: &ClientMetadata) -> Channel {
    match (
        &metadata.backchannel_logout_uri,
        &metadata.frontchannel_logout_uri,
    ) {
        (Some(_), _) => Channel::Back,
        (None, Some(_)) => Channel::Front,
        (None, None) => Channel::None,
    }
}
