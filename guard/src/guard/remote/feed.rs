//! Following the feed of revocations, by long polls.
//!
//! A poll answers at once when there is something new, and else after a while with nothing, which is as good a proof that
//! nothing was missed. Polls pass every proxy, and a lost one is noticed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::backoff::{self, Backoff};
use super::http::{self, Http, HttpError};
use crate::deny_list::Heard;
use crate::guard::Shared;

/// How long a poll waits for something new.
const WAIT: Duration = Duration::from_secs(20);
/// An answer that comes sooner, and says that nothing is new, is paid back by waiting.
const SOON: Duration = Duration::from_secs(1);
/// A snapshot of a million entries is some 100 MB long.
const LONGEST_ANSWER: usize = 256 << 20;
/// An answer that spans fewer numbers than this is no part of a longer one.
const PART: u64 = 100;
/// How often the deny-list is swept.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(30);
/// How soon the whole list is taken again while it holds entries that are not understood.
const BETWEEN_SNAPSHOTS: Duration = Duration::from_secs(300);

pub(super) struct Feed {
    shared: Arc<Shared>,
    http: Http,
    address: Url,
    snapshot: Url,
    authorization: String,
    /// The last number that was heard of; `None` when the whole list must be taken.
    after: Option<u64>,
    /// When the whole list is to be taken again, since it holds an entry that is not understood. Until then nobody can say
    /// that nothing is missing.
    blind_until: Option<Instant>,
    /// The last answer may have been a part of what is new: there is no waiting for the rest.
    is_behind: bool,
    swept: Instant,
}

/// What the feed answers.
#[derive(Deserialize)]
struct Answer {
    issuer: String,
    from: u64,
    to: u64,
    entries: Vec<Heard>,
}

impl Feed {
    pub(super) fn new(
        shared: Arc<Shared>,
        http: Http,
        address: &str,
        secret: &str,
    ) -> Result<Self, HttpError> {
        let address = http::check(address)?;
        let mut snapshot = address.clone();
        snapshot.set_path(&format!(
            "{}/snapshot",
            address.path().trim_end_matches('/')
        ));
        // RFC 6749 §2.3.1: both halves are encoded as in forms.
        let encode = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        let both = format!("{}:{}", encode(&shared.expected.audience), encode(secret));
        Ok(Self {
            authorization: format!("Basic {}", STANDARD.encode(both)),
            shared,
            http,
            address,
            snapshot,
            after: None,
            blind_until: None,
            is_behind: false,
            swept: Instant::now(),
        })
    }

    /// Follows for ever.
    pub(super) async fn follow(mut self) {
        let mut backoff = Backoff::new();
        loop {
            match self.ask().await {
                Ok(()) => backoff.reset(),
                Err(_unheard) => backoff::sleep(backoff.next()).await,
            }
            if self.swept.elapsed() >= BETWEEN_SWEEPS {
                self.shared.denied.forget((self.shared.clock)());
                self.swept = Instant::now();
            }
        }
    }

    /// Asks once, for the whole list or for what is new.
    async fn ask(&mut self) -> Result<(), HttpError> {
        if self
            .blind_until
            .is_some_and(|until| until <= Instant::now())
        {
            self.after = None;
        }
        let asked = Instant::now();
        let (address, wait) = match self.after {
            None => (self.snapshot.clone(), Duration::from_secs(60)),
            Some(after) => {
                let wait = if self.is_behind { Duration::ZERO } else { WAIT };
                let mut address = self.address.clone();
                address
                    .query_pairs_mut()
                    .append_pair("after", &after.to_string())
                    .append_pair("wait", &wait.as_secs().to_string());
                (address, wait)
            }
        };
        let answer = self
            .http
            .get_as(address, &self.authorization, wait, LONGEST_ANSWER)
            .await?;
        let heard = match answer {
            (StatusCode::OK, body) => serde_json::from_slice::<Answer>(&body)
                .map_err(|_no_answer| HttpError::Content("it is no answer of a feed"))?,
            // What is new is not kept any more, or the provider's list is another one.
            (StatusCode::GONE, _) if self.after.is_some() => {
                self.after = None;
                return Err(HttpError::Status(StatusCode::GONE));
            }
            (status, _) => return Err(HttpError::Status(status)),
        };
        if heard.issuer != self.shared.expected.issuer {
            return Err(HttpError::Content("it is another issuer's"));
        }
        // A gap: something between the two numbers was not heard.
        if self.after.is_some_and(|after| heard.from != after) || heard.to < heard.from {
            self.after = None;
            return Err(HttpError::Content("its numbers have a gap"));
        }
        let came_too_soon = self.after == Some(heard.to) && !self.is_behind;
        // A snapshot is as old as its beginning; what a poll brings is as new as its end.
        let known_at = match self.after {
            None => asked,
            Some(_) => Instant::now(),
        };
        self.take(heard, known_at);
        if came_too_soon {
            let early = SOON.saturating_sub(asked.elapsed());
            if !early.is_zero() {
                backoff::sleep(early).await;
            }
        }
        Ok(())
    }

    fn take(&mut self, heard: Answer, known_at: Instant) {
        let now = (self.shared.clock)();
        let whole = self.after.is_none();
        self.is_behind = !whole && heard.to - heard.from >= PART;
        let mut understood = true;
        for entry in &heard.entries {
            match entry {
                Heard::Entry(entry) => self.shared.denied.add(entry, now),
                Heard::Unknown => understood = false,
            }
        }
        self.after = Some(heard.to);
        match (understood, whole) {
            (true, true) => self.blind_until = None,
            (true, false) => {}
            // Perhaps the whole list has it in a way that is understood.
            (false, false) => {
                self.after = None;
                self.blind_until = Some(Instant::now());
            }
            (false, true) => self.blind_until = Some(Instant::now() + BETWEEN_SNAPSHOTS),
        }
        if self.blind_until.is_none() && !self.is_behind {
            self.shared.freshness.set(known_at);
        }
    }
}
