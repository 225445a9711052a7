//! What is known of each application that was told, in the words of the pages (P7).

use std::collections::HashMap;

use uuid::Uuid;

use super::error::PageError;
use super::pages;
use super::pages::{Application, Departure, DepartureState, Framed, Lasts};
use crate::clock::Timestamp;
use crate::flows::Provider;
use crate::oidc::client::ClientMetadata;
use crate::oidc::logout::{Channel, DeliveryState, frontchannel};
use crate::oidc::uri;
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
    // By name, where a person looks for one. Among many they look for what is not as it should be: that comes first.
    let many = receipts.len() > pages::MANY;
    receipts.sort_by_cached_key(|receipt| {
        let confirmed = receipt.delivery.state == DeliveryState::Confirmed;
        (many && confirmed, receipt.name.to_lowercase())
    });
    Ok(receipts)
}

impl Receipt {
    /// The row of the page.
    pub(super) fn departure(&self, now: Timestamp) -> Departure {
        let delivery = &self.delivery;
        let at = delivery.finished_at.unwrap_or(delivery.created_at);
        let state = match delivery.state {
            DeliveryState::Pending => DepartureState::Telling,
            DeliveryState::Retrying => DepartureState::Retrying {
                next_at: delivery.due_at.unwrap_or(now),
            },
            // Who said so: its server, or its page in the person's browser.
            DeliveryState::Confirmed if delivery.channel == Channel::Front => {
                DepartureState::ConfirmedInBrowser { at }
            }
            DeliveryState::Confirmed => DepartureState::Confirmed { at },
            DeliveryState::Refused => DepartureState::Refused(lasts(delivery, now)),
            DeliveryState::Failed | DeliveryState::Dead | DeliveryState::Abandoned => {
                DepartureState::Failed(lasts(delivery, now))
            }
            DeliveryState::Asked => DepartureState::Asked,
            DeliveryState::Unreachable => DepartureState::EndsByItself(lasts(delivery, now)),
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

    /// The frame that asks the application, if that is how it is told and it may be asked (again).
    pub(super) fn frame(&self, provider: &Provider) -> Option<Frame> {
        let delivery = &self.delivery;
        if !frontchannel::may_ask(delivery.channel, delivery.state, delivery.attempts) {
            return None;
        }
        let logout_uri = self.metadata.frontchannel_logout_uri.as_deref()?;
        let sid = delivery.sid.to_string();
        Some(Frame {
            delivery_id: delivery.id,
            framed: Framed {
                id: delivery.id.to_string(),
                url: frontchannel::frame_url(logout_uri, &provider.config.issuer, &sid),
                origin: uri::framed_origin(logout_uri)?,
                sid,
            },
        })
    }
}

/// How long the application keeps what it was given.
fn lasts(delivery: &Delivery, now: Timestamp) -> Lasts {
    let until = delivery.believes_until;
    if until == delivery.created_at {
        // It has access that outlives the session.
        Lasts::Unknown
    } else if until <= now {
        Lasts::Over
    } else {
        Lasts::Until(until)
    }
}

/// A page of an application, to be framed.
pub(super) struct Frame {
    /// The delivery that it carries out.
    pub delivery_id: Uuid,
    pub framed: Framed,
}
