//! The guarded HTTP client: no redirects, no proxy, no decompression, no unbounded wait, no unbounded body.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName, LOCATION, RETRY_AFTER,
};
use reqwest::{Certificate, Client, RequestBuilder, Response, redirect, retry};
use url::Url;

use super::freshness::fresh_for;
use super::guard::{Guard, Refused};
use super::resolver::{GuardedResolver, Resolver};
use crate::clock::Timestamp;

/// How much of a body that nobody wants is read so that its connection stays of use, and for how long.
const DRAINED: usize = 16 * 1024;
const DRAINED_FOR: Duration = Duration::from_millis(50);
/// The longest header that HTTP/2 may send, and the most of a body that is on its way unread; the library itself
/// takes at most 400 KiB of header over HTTP/1.
const LONGEST_HEADER: u32 = 16 * 1024;
const WINDOW: u32 = 64 * 1024;
/// Connections to one host that are kept though nobody uses them, and for how long.
const KEPT: usize = 64;
const KEPT_FOR: Duration = Duration::from_secs(30);

/// How long and how much the client puts up with.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// Until a document has been read; requests with a time of their own have that instead.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(5),
        }
    }
}

/// What the other side answered, whatever the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// When it wants to be asked again, if it said so intelligibly.
    pub retry_after: Option<RetryAfter>,
    /// Where a redirect, which is not followed, points to, as sent.
    pub location: Option<String>,
    /// For how long it may be kept, if it says so (RFC 9111 §4.2).
    pub fresh_for: Option<TimeDelta>,
    /// When it was made, by the clock of whoever made it (RFC 9110 §6.6.1).
    pub date: Option<Timestamp>,
    /// `Content-Type` as sent.
    pub content_type: Option<String>,
    /// The body; empty after [`Outbound::post_form`], which does not read it.
    pub body: Vec<u8>,
}

/// The value of `Retry-After` (RFC 9110 §10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds after the answer.
    Delay(TimeDelta),
    /// Not before this moment.
    At(Timestamp),
}

impl RetryAfter {
    /// The moment meant by an answer that came in at `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Delay(delay) => now + delay,
            Self::At(moment) => moment,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.parse::<u32>() {
            Ok(seconds) => Some(Self::Delay(TimeDelta::seconds(seconds.into()))),
            Err(_not_a_number) => moment(text).map(Self::At),
        }
    }
}

/// A moment as headers write it (RFC 9110 §5.6.7).
fn moment(text: &str) -> Option<Timestamp> {
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some(date.with_timezone(&Utc))
}

/// Why there is no answer. Short words for logs and operators; they never quote what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The guard does not let the connection be made.
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The name has no address, or nothing accepts connections there.
    #[error("no connection")]
    Connect,
    /// The certificate is not trusted, or TLS failed otherwise.
    #[error("no trusted TLS connection")]
    Tls,
    /// The document is longer than the caller takes.
    #[error("the answer is too long")]
    TooLong,
    /// The connection broke, or what came is not HTTP.
    #[error("no usable answer")]
    Other,
}

/// The client could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The extra certificates are not PEM.
    #[error("the extra certificates cannot be read: {0}")]
    Certificates(#[source] reqwest::Error),
    /// TLS could not be set up.
    #[error("the outbound client cannot be set up: {0}")]
    Client(#[source] reqwest::Error),
}

/// The one way out. Clones share their connections, which are kept open per host.
#[derive(Clone)]
pub struct Outbound {
    guard: Guard,
    limits: Limits,
    resolver: Arc<dyn Resolver>,
    certificates: Vec<Certificate>,
    secure: Client,
    /// For plain http, which has stricter rules on addresses.
    plain: Client,
    /// Those for networks with names: with connections of their own, since one that may be made for the one must not
    /// be used by the other.
    within: Arc<Mutex<HashMap<Vec<String>, Outbound>>>,
}

impl Outbound {
    /// A client that goes where `guard` lets it. `extra_ca` holds certificates in PEM that are trusted beside the
    /// system's.
    pub fn new(
        guard: Guard,
        resolver: &Arc<dyn Resolver>,
        extra_ca: Option<&[u8]>,
        limits: Limits,
    ) -> Result<Self, SetupError> {
        let certificates = match extra_ca {
            Some(pem) => Certificate::from_pem_bundle(pem).map_err(SetupError::Certificates)?,
            None => Vec::new(),
        };
        Self::with(guard, Arc::clone(resolver), certificates, limits)
    }

    fn with(
        guard: Guard,
        resolver: Arc<dyn Resolver>,
        certificates: Vec<Certificate>,
        limits: Limits,
    ) -> Result<Self, SetupError> {
        let client = |plain| {
            let resolver = GuardedResolver {
                resolver: Arc::clone(&resolver),
                guard: guard.clone(),
                plain,
            };
            build(resolver, certificates.clone(), limits).map_err(SetupError::Client)
        };
        Ok(Self {
            secure: client(false)?,
            plain: client(true)?,
            guard,
            limits,
            resolver,
            certificates,
            within: Arc::default(),
        })
    }

    /// The client for someone who may go into the private networks of these names too.
    pub fn within(&self, names: &[String]) -> Result<Self, SetupError> {
        if names.is_empty() {
            return Ok(self.clone());
        }
        let mut known = self.within.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.get(names) {
            return Ok(client.clone());
        }
        let client = Self::with(
            self.guard.within(names),
            Arc::clone(&self.resolver),
            self.certificates.clone(),
            self.limits,
        )?;
        known.insert(names.to_vec(), client.clone());
        Ok(client)
    }

    /// The rules that this client obeys, for checking a URL when it is registered.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Posts a form (`application/x-www-form-urlencoded`) and waits at most `timeout` for the answer's status and
    /// header. Only they count. A small body that is there at once is read and thrown away, since a connection with
    /// an unread body is lost to the next request; one that is long or slow is left, and its connection with it.
    pub async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<Answer, OutboundError> {
        let (client, url) = self.client_for(url)?;
        let request = client.post(url).form(fields).timeout(timeout);
        let response = send(request).await?;
        let answer = answer(&response, Vec::new());
        // Whatever becomes of the body, the answer is there.
        let _ = tokio::time::timeout(DRAINED_FOR, drain(response)).await;
        Ok(answer)
    }

    /// Fetches a document of at most `longest` bytes, asking for the media type `accept`.
    pub async fn get(
        &self,
        url: &str,
        accept: &str,
        longest: usize,
    ) -> Result<Answer, OutboundError> {
        let (client, url) = self.client_for(url)?;
        self.read(client.get(url).header(ACCEPT, accept), longest)
            .await
    }

    /// Asks a programs' endpoint for JSON of at most `longest` bytes: with `fields` by POST, as a form, else by GET.
    /// `authorization` is the value of that header.
    pub async fn ask(
        &self,
        url: &str,
        authorization: Option<&str>,
        fields: Option<&[(&str, &str)]>,
        longest: usize,
    ) -> Result<Answer, OutboundError> {
        let (client, url) = self.client_for(url)?;
        let request = match fields {
            Some(fields) => client.post(url).form(fields),
            None => client.get(url),
        };
        let request = match authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        };
        self.read(request.header(ACCEPT, "application/json"), longest)
            .await
    }

    async fn read(&self, request: RequestBuilder, longest: usize) -> Result<Answer, OutboundError> {
        let mut response = send(request.timeout(self.limits.total)).await?;
        let mut body = Vec::new();
        // Counted as it comes in: the announced length may lie, or be absent.
        while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
            if body.len() + chunk.len() > longest {
                return Err(OutboundError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(answer(&response, body))
    }

    /// The resolver is not asked about IP literals, so every URL passes the guard here first.
    fn client_for(&self, url: &str) -> Result<(&Client, Url), Refused> {
        let url = self.guard.check_url(url)?;
        let client = match url.scheme() {
            "http" => &self.plain,
            _ => &self.secure,
        };
        Ok((client, url))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the guarded client that all others must go through"
)]
fn build(
    resolver: GuardedResolver,
    certificates: Vec<Certificate>,
    limits: Limits,
) -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("exeunt/", env!("CARGO_PKG_VERSION")))
        .https_only(!resolver.plain)
        .redirect(redirect::Policy::none())
        // Trying again is for the durable queue to decide.
        .retry(retry::never())
        // A proxy would resolve the name itself, past the guard.
        .no_proxy()
        .referer(false)
        .connect_timeout(limits.connect)
        .pool_max_idle_per_host(KEPT)
        .pool_idle_timeout(KEPT_FOR)
        .http2_max_header_list_size(LONGEST_HEADER)
        .http2_initial_stream_window_size(WINDOW)
        .http2_initial_connection_window_size(4 * WINDOW)
        .dns_resolver(resolver)
        .tls_certs_merge(certificates)
        .build()
}

/// Reads a body to its end, if that comes soon.
async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > DRAINED {
            return;
        }
    }
}

async fn send(request: RequestBuilder) -> Result<Response, OutboundError> {
    request.send().await.map_err(|error| reason(&error))
}

fn answer(response: &Response, body: Vec<u8>) -> Answer {
    let header = |name: HeaderName| response.headers().get(name)?.to_str().ok();
    Answer {
        status: response.status().as_u16(),
        retry_after: header(RETRY_AFTER).and_then(RetryAfter::parse),
        location: header(LOCATION).map(str::to_owned),
        fresh_for: fresh_for(response.headers()),
        date: header(DATE).and_then(moment),
        content_type: header(CONTENT_TYPE).map(str::to_owned),
        body,
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Outbound")
            .field("guard", &self.guard)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The one word for a failure. Its causes are searched, for the client wraps our refusals and TLS errors.
fn reason(error: &reqwest::Error) -> OutboundError {
    let causes = || std::iter::successors(error.source(), |cause| wrapped(*cause));
    if let Some(refused) = causes().find_map(|cause| cause.downcast_ref::<Refused>()) {
        return OutboundError::Refused(*refused);
    }
    if causes().any(|cause| cause.is::<rustls::Error>()) {
        OutboundError::Tls
    } else if error.is_timeout() {
        OutboundError::Timeout
    } else if error.is_connect() {
        OutboundError::Connect
    } else {
        OutboundError::Other
    }
}

/// What caused `error`; an I/O error's inner error is not among its sources.
fn wrapped<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
