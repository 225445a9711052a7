//! Following in Redis what was revoked (docs/revocation.md, "Redis").
//!
//! The stream holds everything that is revoked and matters still, so it is read from its beginning first, and followed from
//! there. What vouches for it is a counter, the beat, that the provider raises while the stream is complete. A look
//! takes both in one transaction: when a later look finds a higher beat under the same name, the list was complete at
//! the earlier one. No clock but this machine's own takes part in that.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamReadReply};
use redis::{AsyncConnectionConfig, Client, RedisError};

use super::backoff::{self, Backoff};
use crate::deny_list::Heard;
use crate::guard::Shared;

/// How many entries are asked for at once.
const AT_ONCE: usize = 1000;
/// How long it waits for something new between two looks, in milliseconds.
const WAIT: u64 = 1000;
/// Until a connection stands, and beyond the wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How soon it is looked again where nothing was published yet.
const NOTHING_YET: Duration = Duration::from_secs(1);
/// How often the deny-list is swept.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(30);
/// How soon all is read again while it holds entries that are not understood.
const BETWEEN_READINGS: Duration = Duration::from_secs(300);
/// Before all entries.
const BEGINNING: &str = "0-0";

/// Why Redis is not heard.
#[derive(Debug, thiserror::Error)]
pub(super) enum BusError {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("what is there is another issuer's")]
    Issuer,
}

pub(super) struct Bus {
    shared: Arc<Shared>,
    client: Client,
    state: String,
    stream: String,
    reading: Reading,
    /// Until then nobody can say that nothing is missing: an entry is not understood.
    blind_until: Option<Instant>,
    swept: Instant,
}

/// How far the stream has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reading {
    /// Its name; empty when none was seen.
    history: String,
    /// The last place that was read.
    last: String,
    /// The number up to which it was complete.
    to: u64,
    /// The beat at a look that read it to its end, and when that look began.
    known: Option<(u64, Instant)>,
}

/// What says how the stream stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    issuer: String,
    history: String,
    to: u64,
    beat: u64,
}

/// What a look tells.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The list was complete at that moment.
    Complete(Instant),
    /// Nothing that vouches for it yet.
    Unsure,
    /// There is more to read.
    More,
    /// It is another stream, or an older one: all of it must be read.
    Anew,
}

impl Bus {
    /// For the Redis at this URL. Nothing is connected yet.
    ///
    /// # Errors
    /// When the URL is none.
    pub(super) fn new(shared: Arc<Shared>, url: &str) -> Result<Self, RedisError> {
        let service = &shared.expected.audience;
        Ok(Self {
            client: Client::open(url)?,
            state: format!("exeunt:{{{service}}}:state"),
            stream: format!("exeunt:{{{service}}}:log"),
            reading: Reading::none(),
            blind_until: None,
            swept: Instant::now(),
            shared,
        })
    }

    /// Follows for ever.
    pub(super) async fn follow(mut self) {
        let mut backoff = Backoff::new();
        loop {
            // It ends by an error alone.
            let _unheard = self.listen(&mut backoff).await;
            self.sweep();
            backoff::sleep(backoff.next()).await;
        }
    }

    /// Follows over one connection, until it breaks.
    async fn listen(&mut self, backoff: &mut Backoff) -> Result<(), BusError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(Duration::from_millis(WAIT) + PATIENCE));
        let client = self.client.clone();
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        loop {
            let is_at_end = self.look(&mut connection).await?;
            backoff.reset();
            self.sweep();
            if is_at_end {
                self.wait(&mut connection).await?;
            }
        }
    }

    /// Takes the state of the stream and what is new in it, as they are at one moment; whether that was all.
    async fn look(&mut self, connection: &mut MultiplexedConnection) -> Result<bool, BusError> {
        let is_over = |until: Instant| until <= Instant::now();
        if self.blind_until.is_some_and(is_over) {
            self.reading = Reading::none();
            self.blind_until = None;
        }
        let looked = Instant::now();
        let answer: (HashMap<String, String>, Option<StreamReadReply>) = redis::pipe()
            .atomic()
            .hgetall(&self.state)
            .cmd("XREAD")
            .arg("COUNT")
            .arg(AT_ONCE)
            .arg("STREAMS")
            .arg(&self.stream)
            .arg(&self.reading.last)
            .query_async(connection)
            .await?;
        let Some(state) = State::read(&answer.0) else {
            self.reading = Reading::none();
            backoff::sleep(NOTHING_YET).await;
            return Ok(false);
        };
        if state.issuer != self.shared.expected.issuer {
            return Err(BusError::Issuer);
        }
        let entries = ids(answer.1);
        let is_part = entries.len() >= AT_ONCE;
        self.take(&entries);
        let seen = self.reading.see(&state, is_part, looked);
        match seen {
            Seen::Complete(at) if self.blind_until.is_none() => self.shared.freshness.set(at),
            // What was read is read again: who knows what of it is there.
            Seen::Anew => self.blind_until = None,
            _ => {}
        }
        Ok(matches!(seen, Seen::Complete(_) | Seen::Unsure))
    }

    /// Waits for something new, for a while.
    async fn wait(&mut self, connection: &mut MultiplexedConnection) -> Result<(), BusError> {
        let answer: Option<StreamReadReply> = redis::cmd("XREAD")
            .arg("COUNT")
            .arg(AT_ONCE)
            .arg("BLOCK")
            .arg(WAIT)
            .arg("STREAMS")
            .arg(&self.stream)
            .arg(&self.reading.last)
            .query_async(connection)
            .await?;
        self.take(&ids(answer));
        Ok(())
    }

    fn take(&mut self, entries: &[StreamId]) {
        let now = (self.shared.clock)();
        for entry in entries {
            let heard = entry.get::<String>("entry");
            match heard.as_deref().map_or(Heard::Unknown, Heard::from_json) {
                Heard::Entry(entry) => self.shared.denied.add(&entry, now),
                Heard::Unknown => self.blind_until = Some(Instant::now() + BETWEEN_READINGS),
            }
        }
        if let Some(entry) = entries.last() {
            self.reading.last.clone_from(&entry.id);
        }
    }

    fn sweep(&mut self) {
        if self.swept.elapsed() >= BETWEEN_SWEEPS {
            self.shared.denied.forget((self.shared.clock)());
            self.swept = Instant::now();
        }
    }
}

impl fmt::Debug for Bus {
    /// Without the client, which knows the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Bus")
            .field("reading", &self.reading)
            .finish_non_exhaustive()
    }
}

impl Reading {
    /// Nothing was read.
    fn none() -> Self {
        Self {
            history: String::new(),
            last: BEGINNING.to_owned(),
            to: 0,
            known: None,
        }
    }

    /// What a look that began at `looked` tells, which found this state and `is_part` of what is new.
    fn see(&mut self, state: &State, is_part: bool, looked: Instant) -> Seen {
        let went_back = self.known.is_some_and(|(beat, _)| state.beat < beat);
        if state.history != self.history || state.to < self.to || went_back {
            *self = Self {
                history: state.history.clone(),
                ..Self::none()
            };
            return Seen::Anew;
        }
        if is_part {
            return Seen::More;
        }
        self.to = state.to;
        match self.known.replace((state.beat, looked)) {
            Some((beat, at)) if state.beat > beat => Seen::Complete(at),
            _ => Seen::Unsure,
        }
    }
}

impl State {
    fn read(fields: &HashMap<String, String>) -> Option<Self> {
        let number = |name: &str| fields.get(name)?.parse().ok();
        Some(Self {
            issuer: fields.get("issuer")?.clone(),
            history: fields.get("history")?.clone(),
            to: number("to")?,
            beat: number("beat")?,
        })
    }
}

fn ids(answer: Option<StreamReadReply>) -> Vec<StreamId> {
    let streams = answer.into_iter().flat_map(|answer| answer.keys);
    streams.flat_map(|stream| stream.ids).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(history: &str, to: u64, beat: u64) -> State {
        State {
            issuer: "https://id.example".into(),
            history: history.into(),
            to,
            beat,
        }
    }

    /// Moments, each a second after the one before.
    fn moments() -> [Instant; 5] {
        let first = Instant::now();
        [0, 1, 2, 3, 4].map(|seconds| first + Duration::from_secs(seconds))
    }

    #[test]
    fn a_list_was_complete_at_the_look_before_the_beat_rose() {
        let (mut reading, [a, b, c, d, e]) = (Reading::none(), moments());
        assert_eq!(reading.see(&state("h", 5, 10), false, a), Seen::Anew);
        assert_eq!(reading.see(&state("h", 5, 10), false, b), Seen::Unsure);
        assert_eq!(reading.see(&state("h", 5, 10), false, c), Seen::Unsure);
        assert_eq!(reading.see(&state("h", 6, 11), false, d), Seen::Complete(c));
        assert_eq!(reading.see(&state("h", 6, 11), false, e), Seen::Unsure);
    }

    #[test]
    fn nothing_vouches_for_a_part() {
        let (mut reading, [a, b, c, d, e]) = (Reading::none(), moments());
        assert_eq!(reading.see(&state("h", 5, 10), true, a), Seen::Anew);
        assert_eq!(reading.see(&state("h", 5, 10), true, b), Seen::More);
        assert_eq!(reading.see(&state("h", 5, 11), true, c), Seen::More);
        assert_eq!(reading.see(&state("h", 5, 12), false, d), Seen::Unsure);
        assert_eq!(reading.see(&state("h", 5, 13), false, e), Seen::Complete(d));
    }

    /// P3: what is older than what was seen, or another list, is read from its beginning and vouched for anew.
    #[test]
    fn p3_what_redis_has_lost_is_noticed_and_all_is_read_again() {
        for lost in [state("other", 5, 11), state("h", 4, 11), state("h", 5, 9)] {
            let (mut reading, [a, b, c, d, e]) = (Reading::none(), moments());
            reading.see(&state("h", 5, 9), false, a);
            assert_eq!(reading.see(&state("h", 5, 10), false, b), Seen::Unsure);
            reading.last = "5-0".into();
            assert_eq!(reading.see(&lost, false, c), Seen::Anew, "{lost:?}");
            assert_eq!(reading.last, BEGINNING);
            assert_eq!(reading.see(&lost, false, d), Seen::Unsure);
            assert_eq!(reading.see(&lost, false, e), Seen::Unsure);
        }
    }
}
