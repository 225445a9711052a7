//! What is known of each application that was told, in the words of the pages (P7).

use std::collections::HashMap;

use uuid::Uuid;

use super::error::PageError;
use super::pages::{Application, Departure, DepartureState};
use crate::clock::Timestamp;
use crate::flows::Provider;
use crate::oidc::client::ClientMetadata;
use crate::oidc::logout::{Channel, DeliveryState, frontchannel};
use crate::store::clients;
use crate::store::deliveries::Delivery;

/// A delivery and the application it is for.
pub(super) struct Receipt {
    pub delivery: Delivery,
    name: String,
    metadata: ClientMetadata,
}

/// Looks up the applications of these deliveries.
pub(super) async fn receipts(
    provider: &Provider,
    known: Vec<Delivery>,
) -> Result<Vec<Receipt>, PageError> {
    let ids: Vec<String> = known
        .iter()
        .map(|delivery| delivery.client_id.clone())
        .collect();
    let mut applications: HashMap<String, (String, ClientMetadata)> = HashMap::new();
    for known in clients::find_all(provider.database.read(), &ids).await? {
        let name = known.client.name().to_owned();
        applications.insert(known.client.client_id, (name, known.client.metadata));
    }
    let mut receipts: Vec<Receipt> = known
        .into_iter()
        .map(|delivery| {
            let known = applications.get(&delivery.client_id).cloned();
            let (name, metadata) =
                known.unwrap_or_else(|| (delivery.client_id.clone(), ClientMetadata::default()));
            Receipt {
                delivery,
                name,
                metadata,
            }
        })
        .collect();
    // Where a person looks for one; the rows of one moment are in no order of their own.
    receipts.sort_by_cached_key(|receipt| receipt.name.to_lowercase());
    Ok(receipts)
}

impl Receipt {
    /// The row of the page.
    pub(super) fn departure(&self, now: Timestamp) -> Departure {
        let delivery = &self.delivery;
        // What has expired already needs no waiting for.
        let ends_at = Some(delivery.believes_until).filter(|at| *at > now);
        let state = match delivery.state {
            DeliveryState::Pending => DepartureState::Telling,
            DeliveryState::Retrying => DepartureState::Retrying {
                next_in: delivery.due_at.unwrap_or(now) - now,
            },
            DeliveryState::Confirmed => DepartureState::Confirmed {
                at: delivery.finished_at.unwrap_or(delivery.created_at),
            },
            DeliveryState::Refused => DepartureState::Refused { ends_at },
            DeliveryState::Failed | DeliveryState::Dead => DepartureState::Failed { ends_at },
            DeliveryState::Asked => DepartureState::Asked,
            DeliveryState::Unreachable => DepartureState::EndsByItself { ends_at },
        };
        Departure {
            id: delivery.id.to_string(),
            application: Application {
                client_id: delivery.client_id.clone(),
                name: self.name.clone(),
            },
            state,
        }
    }

    /// The frame that asks the application, if that is how it is told and it has not been asked yet.
    pub(super) fn frame(&self, provider: &Provider) -> Option<Frame> {
        let asked = self.delivery.channel != Channel::Front
            || self.delivery.state != DeliveryState::Unreachable;
        let uri = self
            .metadata
            .frontchannel_logout_uri
            .as_deref()
            .filter(|_| !asked)?;
        let sid = self.delivery.sid.to_string();
        Some(Frame {
            delivery_id: self.delivery.id,
            url: frontchannel::frame_url(uri, &provider.config.issuer, &sid),
            origin: frontchannel::origin(uri)?,
        })
    }
}

/// A page of an application, to be framed.
pub(super) struct Frame {
    /// The delivery that it carries out.
    pub delivery_id: Uuid,
    pub url: String,
    /// What `frame-src` must allow.
    pub origin: String,
}
