//! `/metrics`, for Prometheus. It asks for no token: there are no secrets and no people in it.

use actix_web::{HttpResponse, web};
use chrono::TimeDelta;

use crate::flows::Provider;
use crate::metrics::{Breaker, CONTENT_TYPE, Queue};
use crate::oidc::logout::DeliveryState;
use crate::store::deliveries::listing::{self, Wanted};
use crate::store::{StoreError, breakers, revocations, upstream_tokens, upstreams};

/// The states whose length is watched.
const WATCHED: [DeliveryState; 3] = [
    DeliveryState::Pending,
    DeliveryState::Retrying,
    DeliveryState::Dead,
];

/// What was counted here, and what the database says now.
pub(super) async fn get(provider: web::Data<Provider>) -> HttpResponse {
    match look(&provider).await {
        Ok(queue) => provider.metrics.look(&queue),
        // Old figures would look like a queue that stands still.
        Err(error) => {
            tracing::error!(%error, "the queue could not be measured");
            return HttpResponse::ServiceUnavailable().finish();
        }
    }
    match provider.metrics.render() {
        Ok(text) => HttpResponse::Ok().content_type(CONTENT_TYPE).body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}

async fn look(provider: &Provider) -> Result<Queue, StoreError> {
    let (db, now) = (provider.database.read(), provider.clock.now());
    let watched = Wanted {
        states: &WATCHED,
        ..Wanted::default()
    };
    let counted = listing::count(db, &watched).await?;
    let lengths = WATCHED.map(|state| {
        let length = counted.iter().find(|(known, _)| *known == state);
        (state, length.map_or(0, |(_, length)| *length))
    });
    let (waiting, living) = revocations::lengths(db, now).await?;
    provider.metrics.taken_back.look(waiting, living);
    let waiting = upstream_tokens::count_waiting(db, now).await?;
    let told = &provider.metrics.upstreams;
    told.look(waiting);
    for known in upstreams::list(db).await? {
        told.is_known(&known.upstream.id);
    }
    let oldest = listing::oldest_waiting(db).await?;
    let breakers = breakers::all(db)
        .await?
        .into_iter()
        .filter(|(_, breaker)| breaker.open_until.is_some())
        .map(|(client_id, breaker)| {
            let probing = breaker.probing_until.is_some_and(|until| now < until);
            let state = if probing {
                Breaker::HalfOpen
            } else {
                Breaker::Open
            };
            (client_id, state)
        })
        .collect();
    Ok(Queue {
        lengths: lengths.to_vec(),
        oldest: oldest.map_or(TimeDelta::zero(), |oldest| now - oldest),
        breakers,
    })
}
