//! The worker that puts the log into Redis, for each service what it hears. Redis itself says how far it came, so a
//! process that was killed goes on there; and since a list is continued only where it stands, several nodes may do this,
//! and twice is the same as once. Whatever Redis has lost is written again, under another name: readers begin anew then.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::hearing;
use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider};
use crate::oidc::service::Service;
use crate::outbound::bus::{Bus, BusError, Publication, State};
use crate::store::{revocations, services};

/// How often a list vouches for itself when nothing is new; and how soon it is tried again when Redis does not answer.
const BEAT: TimeDelta = TimeDelta::seconds(1);
/// How many services are told at the same time.
const AT_ONCE: usize = 8;
/// How often a list that others write at the same time is looked at in one round.
const LOOKS: usize = 5;

/// Why a list could not be continued.
#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error(transparent)]
    Flow(#[from] FlowError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("another issuer writes there, {0}: give each a database of its own (redis://host/1)")]
    Foreign(String),
}

/// Where a service's list stands, as far as this process knows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    history: String,
    to: i64,
}

/// How far the log goes.
#[derive(Debug, Clone, Copy)]
struct Extent {
    given: i64,
    oldest: i64,
    origin: i64,
    looked_at: Timestamp,
}

/// Works until `stop` is cancelled.
pub async fn run(provider: Arc<Provider>, bus: Bus, stop: CancellationToken) {
    let mut revoked = provider.revoked.subscribe();
    let mut places = HashMap::new();
    let mut is_out = false;
    loop {
        let again = provider.clock.now() + BEAT;
        revoked.mark_unchanged();
        let done = tokio::select! {
            done = round(&provider, &bus, &mut places) => done,
            () = stop.cancelled() => return,
        };
        match &done {
            Err(error) if !is_out => {
                tracing::error!(%error, "services can't be told by Redis what was taken back; they are once it answers");
            }
            Ok(()) if is_out => {
                tracing::info!("services are told by Redis again what was taken back");
            }
            _ => {}
        }
        is_out = done.is_err();
        let measured = &provider.metrics.taken_back;
        measured.told_by_bus(!is_out, provider.clock.now());
        tokio::select! {
            // While Redis does not answer, more to tell is no reason to ask it sooner.
            changed = revoked.changed(), if !is_out => if changed.is_err() { return },
            () = provider.clock.sleep_until(again) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Continues the list of every service. What fails for one does not keep the others from hearing, unless Redis is away.
async fn round(
    provider: &Provider,
    bus: &Bus,
    places: &mut HashMap<String, Place>,
) -> Result<(), PublishError> {
    let (extent, services) = look(provider).await?;
    // Once for all: of a server that is away each attempt takes some seconds.
    bus.connect().await?;
    let is_away = AtomicBool::new(false);
    let tell_one = async |service: Service, place| {
        if is_away.load(Ordering::Relaxed) {
            return (service.identifier, Ok(None));
        }
        let told = tell(provider, bus, &service, extent, place).await;
        if let Err(PublishError::Bus(error)) = &told
            && error.is_away()
        {
            is_away.store(true, Ordering::Relaxed);
        }
        (service.identifier, told)
    };
    let telling = services.into_iter().map(|service| {
        let place = places.remove(&service.identifier);
        tell_one(service, place)
    });
    let told: Vec<_> = stream::iter(telling)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    // Those that are no longer there are forgotten.
    places.clear();
    let mut failed = None;
    for (identifier, told) in told {
        match told {
            Ok(Some(place)) => drop(places.insert(identifier, place)),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn look(provider: &Provider) -> Result<(Extent, Vec<Service>), FlowError> {
    let db = provider.database.read();
    let looked_at = provider.clock.now();
    let given = revocations::given(db).await?;
    let extent = Extent {
        given,
        oldest: revocations::oldest(db, given, looked_at).await?,
        origin: revocations::origin(db).await?.unwrap_or_default(),
        looked_at,
    };
    let known = services::list(db).await?.into_iter();
    let services = known
        .filter(|known| known.disabled_at.is_none())
        .map(|known| known.service)
        .collect();
    Ok((extent, services))
}

/// Continues one list up to the end of the log. None: others write it at the same time, faster than we look.
async fn tell(
    provider: &Provider,
    bus: &Bus,
    service: &Service,
    extent: Extent,
    place: Option<Place>,
) -> Result<Option<Place>, PublishError> {
    let issuer = provider.config.issuer.as_str();
    let mut place = place;
    for _ in 0..LOOKS {
        // What the list is called there, and where to go on in it; or that it begins anew.
        let (mut known, mut from) = match &place {
            Some(place) => (place.history.clone(), Some(place.to)),
            None => {
                let found = bus.look(&service.identifier).await?;
                let to = continued(found.state, issuer, extent)?;
                (found.history, to)
            }
        };
        // Further than the log goes: another node came further, or the database has lost its end.
        if from.is_some_and(|to| to > extent.given) {
            let given = revocations::given(provider.database.read()).await;
            let given = given.map_err(FlowError::from)?;
            from = from.filter(|to| *to <= given);
        }
        loop {
            let history = match from {
                Some(_) => known.clone(),
                None => provider.random.identifier().simple().to_string(),
            };
            let after = from.unwrap_or_default();
            // Another node may have come further than we have seen.
            let end = extent.given.max(after);
            let (to, entries) = match after < end {
                true => {
                    let piece = hearing::piece(provider, service, after, end).await?;
                    (piece.to, piece.entries)
                }
                false => (end, Vec::new()),
            };
            let now = provider.clock.now();
            let publication = Publication {
                service: &service.identifier,
                known: &known,
                history: &history,
                from: after,
                to,
                origin: extent.origin,
                issuer,
                now: now.timestamp(),
                oldest: extent.oldest,
                // Readers take it for as fresh as the moment when it is written.
                is_complete: to == end && now - extent.looked_at <= BEAT,
                entries: &entries,
            };
            if !bus.publish(&publication).await? {
                place = None;
                break;
            }
            provider.metrics.taken_back.published(entries.len());
            if to == end {
                return Ok(Some(Place { history, to }));
            }
            (known, from) = (history, Some(to));
        }
    }
    Ok(None)
}

/// The number from which the list can be continued; none when it has to begin anew: there is none, some of it is lost, or
/// it is of another database.
fn continued(
    found: Option<State>,
    issuer: &str,
    extent: Extent,
) -> Result<Option<i64>, PublishError> {
    let Some(state) = found else {
        return Ok(None);
    };
    if state.issuer != issuer {
        return Err(PublishError::Foreign(state.issuer));
    }
    let goes_on = state.is_whole && state.origin == extent.origin;
    Ok(goes_on.then_some(state.to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    const EXTENT: Extent = Extent {
        given: 20,
        oldest: 5,
        origin: 7,
        looked_at: DateTime::UNIX_EPOCH,
    };

    fn state() -> State {
        State {
            issuer: "https://id.example".to_owned(),
            origin: 7,
            to: 17,
            is_whole: true,
        }
    }

    fn go_on(found: Option<State>) -> Option<i64> {
        continued(found, "https://id.example", EXTENT).unwrap()
    }

    #[test]
    fn a_list_is_continued_only_where_it_is_whole_and_of_this_database() {
        assert_eq!(go_on(Some(state())), Some(17));
        assert_eq!(go_on(None), None);
        let broken = State {
            is_whole: false,
            ..state()
        };
        assert_eq!(go_on(Some(broken)), None);
        let other = State {
            origin: 8,
            ..state()
        };
        assert_eq!(go_on(Some(other)), None);
    }

    #[test]
    fn a_list_of_another_issuer_is_left_alone() {
        let foreign = continued(Some(state()), "https://other.example", EXTENT);
        let told = foreign.unwrap_err().to_string();
        assert!(told.contains("https://id.example"), "{told}");
    }
}
