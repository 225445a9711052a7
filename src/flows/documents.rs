//! What others publish at addresses of their own: clients their keys and request objects, trusted issuers and upstreams their
//! metadata and keys. Fetched when it is needed, by one request for all that wait for it, and kept for as long as its server
//! allows, within bounds.
//!
//! Anyone can send a request that needs such a document. So what came of the last try counts for a while, whatever it
//! was; and what went wrong is told to our log alone: an answer that told a closed port from an open one, or repeated
//! a word of what lies there, would let strangers look around in networks that we reach and they do not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use tokio::sync::OwnedMutexGuard;

use super::{FlowError, Provider};
use crate::clock::Timestamp;
use crate::oidc::client::Client;
use crate::oidc::token::exchange::trusted::TrustedIssuer;
use crate::outbound::{Outbound, OutboundError};

/// The longest that a document is kept, whatever its server says: its client may have to take it back.
const LONGEST: TimeDelta = TimeDelta::days(1);
/// How long a document is still used whose server fails to give a newer one.
const GRACE: TimeDelta = TimeDelta::hours(1);
/// When to ask again after there was no document.
const AGAIN: TimeDelta = TimeDelta::seconds(10);
/// How seldom a newer document is asked for than one that is fresh.
const SELDOM: TimeDelta = TimeDelta::minutes(1);
/// How many documents are kept; beyond, the ones that were needed longest ago go.
const MOST: usize = 1000;

/// What is fetched, and how it is read.
pub struct Kind<T> {
    /// The media type to ask for.
    pub accept: &'static str,
    /// The most bytes it may have.
    pub longest: usize,
    /// From the bytes to what is kept; none when they are something else.
    pub read: fn(&[u8]) -> Option<T>,
    /// The shortest that it is kept, whatever its server says.
    pub least: TimeDelta,
    /// How long it is kept when its server says nothing.
    pub unsaid: TimeDelta,
}

/// Who publishes a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Publisher<'a> {
    /// Its name, under which its documents are kept.
    pub name: &'a str,
    /// The networks of ours in which they may lie.
    pub private_networks: &'a [String],
}

impl<'a> From<&'a Client> for Publisher<'a> {
    fn from(client: &'a Client) -> Self {
        Self {
            name: &client.client_id,
            private_networks: &client.metadata.private_networks,
        }
    }
}

impl<'a> From<&'a TrustedIssuer> for Publisher<'a> {
    fn from(trusted: &'a TrustedIssuer) -> Self {
        Self {
            name: &trusted.issuer,
            private_networks: &trusted.private_networks,
        }
    }
}

/// Documents of one kind.
pub struct Documents<T> {
    kind: Kind<T>,
    known: Mutex<Known<T>>,
}

struct Known<T> {
    /// By publisher and address: what one may reach, another may not.
    entries: HashMap<(String, String), Used<T>>,
    /// Counts every use, to tell which was last.
    uses: u64,
}

struct Used<T> {
    at: u64,
    place: Arc<Place<T>>,
}

/// Where a document is kept.
struct Place<T> {
    /// Locked while the server is asked.
    asked: Arc<tokio::sync::Mutex<Asked>>,
    /// For whoever does not wait until the server has answered, too.
    held: Mutex<Option<Held<T>>>,
}

#[derive(Default)]
struct Asked {
    /// When the server was last asked.
    at: Option<Timestamp>,
    /// Likewise, if nothing came of it.
    failed_at: Option<Timestamp>,
}

struct Held<T> {
    document: Arc<T>,
    fresh_until: Timestamp,
}

impl<T> Place<T> {
    fn held(&self) -> MutexGuard<'_, Option<Held<T>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document, if it was fresh less than `grace` ago.
    fn within(&self, grace: TimeDelta, now: Timestamp) -> Option<Arc<T>> {
        let held = self.held();
        let held = held.as_ref();
        held.filter(|held| now < held.fresh_until + grace)
            .map(|held| Arc::clone(&held.document))
    }

    /// The document, if it is fresh or nearly so.
    fn usable(&self, now: Timestamp) -> Option<Arc<T>> {
        self.within(GRACE, now)
    }

    /// Whether the server is not asked again, for what came of the last time still counts.
    fn is_settled(&self, asked: &Asked, wanted: &Wanted<'_, T>, now: Timestamp) -> bool {
        match wanted {
            Wanted::Current => {
                let is_fresh = self.within(TimeDelta::zero(), now).is_some();
                is_fresh || is_within(AGAIN, asked.failed_at, now)
            }
            Wanted::NewerThan(old) => {
                let held = self.held();
                let held = held.as_ref();
                let other = held.is_some_and(|held| !Arc::ptr_eq(&held.document, old));
                other || is_within(SELDOM, asked.at, now)
            }
        }
    }
}

/// Whether `moment` was less than this ago.
fn is_within(span: TimeDelta, moment: Option<Timestamp>, now: Timestamp) -> bool {
    moment.is_some_and(|moment| now < moment + span)
}

/// Which document is wanted.
enum Wanted<'a, T> {
    /// The one that holds.
    Current,
    /// Another one than this, in which something was missing.
    NewerThan(&'a Arc<T>),
}

impl<T: Send + Sync + 'static> Documents<T> {
    /// None yet.
    pub fn new(kind: Kind<T>) -> Self {
        let known = Known {
            entries: HashMap::new(),
            uses: 0,
        };
        Self {
            kind,
            known: Mutex::new(known),
        }
    }

    /// The document at this address of its publisher's; none when it can't be had.
    ///
    /// # Errors
    /// When the client for the publisher's private networks can't be had.
    pub(super) async fn current<'a>(
        self: &Arc<Self>,
        provider: &Provider,
        publisher: impl Into<Publisher<'a>>,
        url: &str,
    ) -> Result<Option<Arc<T>>, FlowError> {
        let publisher = publisher.into();
        self.get(provider, publisher, url, &Wanted::Current).await
    }

    /// A newer document than `old`; none when there is none, or it was asked for a moment ago.
    ///
    /// # Errors
    /// As [`Documents::current`].
    pub(super) async fn newer<'a>(
        self: &Arc<Self>,
        provider: &Provider,
        publisher: impl Into<Publisher<'a>>,
        url: &str,
        old: &Arc<T>,
    ) -> Result<Option<Arc<T>>, FlowError> {
        let wanted = Wanted::NewerThan(old);
        let publisher = publisher.into();
        let found = self.get(provider, publisher, url, &wanted).await?;
        Ok(found.filter(|found| !Arc::ptr_eq(found, old)))
    }

    /// The document that is held, at once and whatever its server does, if it was fresh less than a day ago. A newer one is
    /// asked for where it is time, for those who come after.
    ///
    /// # Errors
    /// As [`Documents::current`].
    pub(super) fn held<'a>(
        self: &Arc<Self>,
        provider: &Provider,
        publisher: impl Into<Publisher<'a>>,
        url: &str,
    ) -> Result<Option<Arc<T>>, FlowError> {
        let publisher = publisher.into();
        let now = provider.clock.now();
        let place = self.place(publisher, url);
        // Where it is locked somebody asks.
        if let Ok(asked) = Arc::clone(&place.asked).try_lock_owned()
            && !place.is_settled(&asked, &Wanted::Current, now)
        {
            let outbound = provider.outbound.within(publisher.private_networks)?;
            let (place, url) = (Arc::clone(&place), url.to_owned());
            tokio::spawn(Arc::clone(self).fetch(place, asked, outbound, url, now));
        }
        Ok(place.within(LONGEST, now))
    }

    /// Whether the document that is held was asked for at that moment or later: what is not in it by then was not
    /// published.
    pub(super) async fn is_since<'a>(
        &self,
        publisher: impl Into<Publisher<'a>>,
        url: &str,
        moment: Timestamp,
    ) -> bool {
        let place = self.place(publisher.into(), url);
        let asked = place.asked.lock().await;
        asked.failed_at.is_none() && asked.at.is_some_and(|at| at >= moment)
    }

    async fn get(
        self: &Arc<Self>,
        provider: &Provider,
        publisher: Publisher<'_>,
        url: &str,
        wanted: &Wanted<'_, T>,
    ) -> Result<Option<Arc<T>>, FlowError> {
        let now = provider.clock.now();
        // Held while the server is asked, so that who comes meanwhile waits for that answer.
        let place = self.place(publisher, url);
        let asked = Arc::clone(&place.asked).lock_owned().await;
        if place.is_settled(&asked, wanted, now) {
            return Ok(place.usable(now));
        }
        let outbound = provider.outbound.within(publisher.private_networks)?;
        let fetch = Arc::clone(self).fetch(place, asked, outbound, url.to_owned(), now);
        // In a task of its own: whoever sends a request and goes away must not undo what others wait for, nor have the
        // server asked again.
        Ok(tokio::spawn(fetch).await.unwrap_or_default())
    }

    async fn fetch(
        self: Arc<Self>,
        place: Arc<Place<T>>,
        mut asked: OwnedMutexGuard<Asked>,
        outbound: Outbound,
        url: String,
        now: Timestamp,
    ) -> Option<Arc<T>> {
        asked.at = Some(now);
        asked.failed_at = None;
        match self.ask(&outbound, &url).await {
            Ok((document, fresh_for)) => {
                let fresh_for = fresh_for.unwrap_or(self.kind.unsaid);
                *place.held() = Some(Held {
                    document: Arc::new(document),
                    fresh_until: now + fresh_for.clamp(self.kind.least, LONGEST),
                });
            }
            Err(problem) => {
                asked.failed_at = Some(now);
                tracing::warn!(url, problem, "somebody's document can't be had");
            }
        }
        place.usable(now)
    }

    /// The document and for how long its server lets it be kept; else what is wrong, for our log.
    async fn ask(&self, outbound: &Outbound, url: &str) -> Result<(T, Option<TimeDelta>), String> {
        let address = url.split_once('#').map_or(url, |(address, _)| address);
        let answer = outbound
            .get(address, self.kind.accept, self.kind.longest)
            .await
            .map_err(|error: OutboundError| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("it is answered with status {}", answer.status));
        }
        let document = (self.kind.read)(&answer.body)
            .ok_or_else(|| format!("what lies there is no {}", self.kind.accept))?;
        Ok((document, answer.fresh_for))
    }

    fn place(&self, publisher: Publisher<'_>, url: &str) -> Arc<Place<T>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.uses += 1;
        let at = known.uses;
        let name = (publisher.name.to_owned(), url.to_owned());
        if let Some(used) = known.entries.get_mut(&name) {
            used.at = at;
            return Arc::clone(&used.place);
        }
        if known.entries.len() >= MOST {
            let oldest = known.entries.iter().min_by_key(|(_, used)| used.at);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                known.entries.remove(&name);
            }
        }
        let place = Arc::new(Place {
            asked: Arc::default(),
            held: Mutex::new(None),
        });
        let used = Used {
            at,
            place: Arc::clone(&place),
        };
        known.entries.insert(name, used);
        place
    }
}
