//! What a guard hears from its issuer: discovery, keys and the feed of revocations.

#[cfg(feature = "redis")]
mod asking;
mod backoff;
#[cfg(feature = "redis")]
mod bus;
mod feed;
mod http;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::Shared;
use crate::json;
use crate::jwt::VerifyingKey;
use backoff::Backoff;
use feed::Feed;
use http::{Http, HttpError};

/// How long keys are kept when their answer does not say.
const KEYS_KEPT: Duration = Duration::from_secs(600);
/// Whatever it says, they are not asked for more often than this, and not less often than that.
const KEYS_KEPT_LEAST: Duration = Duration::from_secs(60);
const KEYS_KEPT_MOST: Duration = Duration::from_secs(24 * 3600);
/// How often a token with a key that is not known may lead to the issuer.
const BETWEEN_LOOKS: Duration = Duration::from_secs(60);

/// How often it is looked whether the list has come.
const BETWEEN_GLANCES: Duration = Duration::from_millis(10);

/// The issuer can't be asked, or its answer makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{what} of {issuer}: {source}")]
pub struct Unreachable {
    what: &'static str,
    issuer: String,
    source: HttpError,
}

/// What a guard is to hear of its issuer.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The keys, by discovery.
    pub(crate) keys: bool,
    /// The service's secret, to hear the feed with.
    pub(crate) secret: Option<String>,
    /// The Redis to hear the same from.
    #[cfg(feature = "redis")]
    pub(crate) redis: Option<String>,
    /// The Redis to ask about each token.
    #[cfg(feature = "redis")]
    pub(crate) asked: Option<String>,
    /// How long to wait for the list of what was revoked.
    pub(crate) patience: Duration,
}

/// The connection to the issuer. Dropping it ends the work in the background.
pub(crate) struct Remote {
    keys: Option<Arc<Keys>>,
    #[cfg(feature = "redis")]
    asking: Option<asking::Asking>,
    tasks: Vec<AbortHandle>,
}

struct Keys {
    shared: Arc<Shared>,
    http: Http,
    jwks_uri: String,
    state: Mutex<KeysState>,
}

struct KeysState {
    /// When a token last led to the issuer.
    looked: Option<Instant>,
    /// When they are to be asked for again.
    again: Instant,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Remote {
    pub(super) async fn connect(shared: Arc<Shared>, wanted: Wanted) -> Result<Self, Unreachable> {
        let issuer = shared.expected.issuer.clone();
        let unreachable = |what| {
            let issuer = issuer.clone();
            move |source| Unreachable {
                what,
                issuer,
                source,
            }
        };
        let http = Http::new().map_err(unreachable("the client"))?;
        // OpenID Connect Discovery §4.1: a slash at the end is left out.
        let base = issuer.strip_suffix('/').unwrap_or(&issuer);
        let mut remote = Self {
            keys: None,
            #[cfg(feature = "redis")]
            asking: None,
            tasks: Vec::new(),
        };
        if wanted.keys {
            let address = format!("{base}/.well-known/openid-configuration");
            let discovery = discover(&http, &address, &issuer)
                .await
                .map_err(unreachable("the discovery document"))?;
            let keys = Keys::known(Arc::clone(&shared), http.clone(), discovery.jwks_uri)
                .await
                .map_err(unreachable("the keys"))?;
            remote.keys = Some(Arc::clone(&keys));
            remote.spawn(keys.refresh());
        }
        let mut follows = false;
        if let Some(secret) = &wanted.secret {
            let address = format!("{base}/revocations");
            let feed = Feed::new(Arc::clone(&shared), http, &address, secret)
                .map_err(unreachable("the feed of revocations"))?;
            remote.spawn(feed.follow());
            follows = true;
        }
        #[cfg(feature = "redis")]
        {
            // Its words might quote the password.
            let no_url = |_quoting| HttpError::Content("the address of Redis is none");
            if let Some(url) = &wanted.redis {
                let bus = bus::Bus::new(Arc::clone(&shared), url)
                    .map_err(no_url)
                    .map_err(unreachable("the list of revocations"))?;
                remote.spawn(bus.follow());
                follows = true;
            }
            if let Some(url) = &wanted.asked {
                let asking = asking::Asking::new(&shared, url)
                    .map_err(no_url)
                    .map_err(unreachable("the list of revocations"))?;
                remote.asking = Some(asking);
            }
        }
        if follows {
            wait_for_list(&shared, wanted.patience).await;
        }
        Ok(remote)
    }

    /// Who is asked about each token, if anybody is.
    #[cfg(feature = "redis")]
    pub(super) fn asking(&self) -> Option<&asking::Asking> {
        self.asking.as_ref()
    }

    fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(tokio::spawn(work).abort_handle());
    }

    /// Asks for the keys again, unless a token led to that within the last minute. Whether there may be others now.
    pub(super) async fn look_for_new_keys(&self) -> bool {
        let Some(keys) = &self.keys else {
            return false;
        };
        let known = keys.shared.signers.load();
        let mut state = keys.state.lock().await;
        let others = keys.shared.signers.load();
        if !Arc::ptr_eq(&known, &others) {
            // Somebody else has just asked.
            return true;
        }
        if state
            .looked
            .is_some_and(|looked| looked.elapsed() < BETWEEN_LOOKS)
        {
            return false;
        }
        state.looked = Some(Instant::now());
        keys.fetch(&mut state).await.is_ok()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Waits until the list of what was revoked has come for the first time; for so long at most. An issuer that is down does
/// not keep a service from starting: what to do without a list, it has said itself.
async fn wait_for_list(shared: &Shared, patience: Duration) {
    let began = Instant::now();
    while shared.freshness.age(Instant::now()).is_none() && began.elapsed() < patience {
        backoff::sleep(BETWEEN_GLANCES.min(patience)).await;
    }
}

impl Keys {
    /// The keys at this address, once they are known.
    async fn known(
        shared: Arc<Shared>,
        http: Http,
        jwks_uri: String,
    ) -> Result<Arc<Self>, HttpError> {
        let keys = Self {
            shared,
            http,
            jwks_uri,
            state: Mutex::new(KeysState {
                looked: None,
                again: Instant::now(),
            }),
        };
        let mut state = keys.state.lock().await;
        keys.fetch(&mut state).await?;
        drop(state);
        Ok(Arc::new(keys))
    }

    /// A set without a key that is any good is none: an issuer signs with something.
    async fn fetch(&self, state: &mut KeysState) -> Result<(), HttpError> {
        let answer = self.http.get(&self.jwks_uri).await?;
        let jwks = json::object(&answer.body).ok_or(HttpError::Content("it is no JWKS"))?;
        let keys = VerifyingKey::from_jwks(&jwks.into());
        if keys.is_empty() {
            return Err(HttpError::Content("it has no key that verifies"));
        }
        self.shared.signers.replace(keys);
        let kept = answer.max_age.unwrap_or(KEYS_KEPT);
        state.again = Instant::now() + kept.clamp(KEYS_KEPT_LEAST, KEYS_KEPT_MOST);
        Ok(())
    }

    /// Keeps the keys as new as they say that they want to be. The old ones stay when there are none to be had.
    async fn refresh(self: Arc<Self>) {
        let mut backoff = Backoff::new();
        loop {
            let again = self.state.lock().await.again;
            let wait = again.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                backoff::sleep(wait).await;
                continue;
            }
            let mut state = self.state.lock().await;
            if self.fetch(&mut state).await.is_ok() {
                backoff.reset();
            } else {
                drop(state);
                backoff::sleep(backoff.next()).await;
            }
        }
    }
}

async fn discover(http: &Http, address: &str, issuer: &str) -> Result<Discovery, HttpError> {
    let answer = http.get(address).await?;
    let discovery: Discovery = json::object(&answer.body)
        .and_then(|members| serde_json::from_value(members.into()).ok())
        .ok_or(HttpError::Content("it is no discovery document"))?;
    // OpenID Connect Discovery §4.3: it must be exactly the same.
    match discovery.issuer == issuer {
        true => Ok(discovery),
        false => Err(HttpError::Content("it is another issuer's")),
    }
}
