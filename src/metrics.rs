//! What is counted and measured, for Prometheus. A registry passed as a value: two providers in one
//! process count apart.
//!
//! What belongs here: the names of metrics, their labels and buckets. What does not: looking at the
//! database (`http::admin` does, when it is asked), and personal data: labels hold words of ours and
//! identifiers of clients, of which at most [`MOST_CLIENTS`] are told apart.

mod taken_back;
mod upstream_logouts;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use taken_back::TakenBack;
pub use upstream_logouts::{UpstreamLogouts, UpstreamSaid};

use crate::clock::Timestamp;
use crate::oidc::logout::{Cause, DeliveryState};

/// What the text of [`Metrics::render`] is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How many clients have rows of their own; those beyond share [`OTHERS`].
pub const MOST_CLIENTS: usize = 200;
/// The label of the clients beyond [`MOST_CLIENTS`].
pub const OTHERS: &str = "(others)";

/// From the goal of a first attempt to the longest that a notice is tried, in seconds.
const LAGS: [f64; 25] = [
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 57_600.0, 86_400.0,
];
/// What an application may take to answer, in seconds.
const ANSWERS: [f64; 12] = [
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Gauges<const N: usize> = Family<Labels<N>, Gauge>;

/// Every metric of one provider.
pub struct Metrics {
    registry: Registry,
    clients: Mutex<HashSet<String>>,
    attempts: Counters<2>,
    deliveries: Counters<2>,
    answers: Histogram,
    first_attempt: Histogram,
    confirmation: Histogram,
    last_confirmation: Histogram,
    queue: Gauges<1>,
    oldest: Gauge,
    breakers: Gauges<2>,
    sessions_ended: Counters<1>,
    sign_ins: Counters<1>,
    tokens: Counters<1>,
    requests: Counters<2>,
    /// Of what was taken back, and how services hear it.
    pub taken_back: TakenBack,
    /// Of sign-outs that other providers tell us of.
    pub upstream_logouts: UpstreamLogouts,
}

/// What the database says of the deliveries at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    /// How many are pending, are retrying, are dead.
    pub lengths: Vec<(DeliveryState, u64)>,
    /// How long the oldest that is not final has waited since its session ended.
    pub oldest: TimeDelta,
    /// The applications that are not asked for a while, or tried with one delivery alone.
    pub breakers: Vec<(String, Breaker)>,
}

/// How far an application is trusted to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// It is not asked.
    Open,
    /// One delivery tries whether it answers again.
    HalfOpen,
}

impl Breaker {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What became of an attempt to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInResult {
    /// They are who they say.
    Done,
    /// Name and password do not go together.
    Refused,
    /// There were too many attempts.
    TooOften,
}

impl SignInResult {
    const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::TooOften];

    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::TooOften => "too_often",
        }
    }
}

impl Metrics {
    /// Metrics of a process that began at `started_at`, and that publishes to Redis or does not.
    pub fn new(started_at: Timestamp, has_bus: bool) -> Self {
        let mut registry = Registry::with_prefix("exeunt");
        let lags = || Histogram::new(LAGS);
        let metrics = Self {
            clients: Mutex::default(),
            attempts: Counters::default(),
            deliveries: Counters::default(),
            answers: Histogram::new(ANSWERS),
            first_attempt: lags(),
            confirmation: lags(),
            last_confirmation: lags(),
            queue: Gauges::default(),
            oldest: Gauge::default(),
            breakers: Gauges::default(),
            sessions_ended: Counters::default(),
            sign_ins: Counters::default(),
            tokens: Counters::default(),
            requests: Counters::default(),
            taken_back: TakenBack::default(),
            upstream_logouts: UpstreamLogouts::default(),
            registry: Registry::default(),
        };
        registry.register(
            "logout_attempts",
            "Tries to tell an application, by what came of each",
            metrics.attempts.clone(),
        );
        registry.register(
            "logout_deliveries",
            "Notices that became final, by how",
            metrics.deliveries.clone(),
        );
        registry.register(
            "logout_answer_seconds",
            "What applications took to answer a try",
            metrics.answers.clone(),
        );
        registry.register(
            "logout_first_attempt_seconds",
            "From the end of a session to the first try to tell an application",
            metrics.first_attempt.clone(),
        );
        registry.register(
            "logout_confirmation_seconds",
            "From the end of a session to an application's confirmation",
            metrics.confirmation.clone(),
        );
        registry.register(
            "logout_last_confirmation_seconds",
            "From the end of a session to the confirmation after which none is awaited",
            metrics.last_confirmation.clone(),
        );
        registry.register(
            "logout_queue",
            "Notices that wait, or that were given up, as the database has them",
            metrics.queue.clone(),
        );
        registry.register(
            "logout_queue_oldest_seconds",
            "How long ago the session of the oldest waiting notice ended",
            metrics.oldest.clone(),
        );
        registry.register(
            "logout_breakers",
            "Applications that are spared for a while, because they did not answer",
            metrics.breakers.clone(),
        );
        registry.register(
            "sessions_ended",
            "Sessions that ended, by cause",
            metrics.sessions_ended.clone(),
        );
        registry.register(
            "sign_ins",
            "Attempts to sign in, by result",
            metrics.sign_ins.clone(),
        );
        registry.register(
            "tokens_issued",
            "Tokens that were issued, by kind",
            metrics.tokens.clone(),
        );
        registry.register(
            "http_requests",
            "Requests answered, by route and status",
            metrics.requests.clone(),
        );
        metrics.taken_back.register(&mut registry);
        metrics.upstream_logouts.register(&mut registry);
        if has_bus {
            metrics.taken_back.register_bus(&mut registry);
        }
        let started: Gauge = Gauge::default();
        started.set(started_at.timestamp());
        registry.register(
            "process_start_time_seconds",
            "When the process began, in seconds since 1970",
            started,
        );
        // A rate needs a beginning: what has not happened yet stands there as 0.
        for cause in Cause::ALL {
            let _ = metrics
                .sessions_ended
                .get_or_create(&[("cause", cause.as_str().into())]);
        }
        for result in SignInResult::ALL {
            let _ = metrics
                .sign_ins
                .get_or_create(&[("result", result.as_str().into())]);
        }
        Self {
            registry,
            ..metrics
        }
    }

    /// A try to tell an application: what came of it (`confirmed`, `refused`, ... or `timeout`,
    /// `connection`, ...), what the answer took, and, if it was the first, how long ago the session ended.
    pub fn attempted(
        &self,
        client_id: &str,
        result: &'static str,
        took: TimeDelta,
        since_end: Option<TimeDelta>,
    ) {
        let labels = [
            ("client_id", self.client(client_id)),
            ("result", result.into()),
        ];
        self.attempts.get_or_create(&labels).inc();
        self.answers.observe(seconds(took));
        if let Some(since_end) = since_end {
            self.first_attempt.observe(seconds(since_end));
        }
    }

    /// A notice became final, so long after its session ended.
    pub fn settled(&self, client_id: &str, outcome: DeliveryState, since_end: TimeDelta) {
        let labels = [
            ("client_id", self.client(client_id)),
            ("outcome", outcome.as_str().into()),
        ];
        self.deliveries.get_or_create(&labels).inc();
        if outcome == DeliveryState::Confirmed {
            self.confirmation.observe(seconds(since_end));
        }
    }

    /// With a confirmation so long after the session ended, none is awaited any more.
    pub fn everyone_told(&self, since_end: TimeDelta) {
        self.last_confirmation.observe(seconds(since_end));
    }

    /// So many sessions ended.
    pub fn sessions_ended(&self, cause: Cause, count: usize) {
        self.sessions_ended
            .get_or_create(&[("cause", cause.as_str().into())])
            .inc_by(count as u64);
    }

    /// Somebody tried to sign in.
    pub fn tried_to_sign_in(&self, result: SignInResult) {
        self.sign_ins
            .get_or_create(&[("result", result.as_str().into())])
            .inc();
    }

    /// A token of a kind (`access_token`, `id_token`, `refresh_token`) was issued.
    pub fn issued(&self, kind: &'static str) {
        self.tokens.get_or_create(&[("kind", kind.into())]).inc();
    }

    /// A request was answered. `route` is the pattern that it fits, never what was asked for: that is
    /// without bounds, and may hold secrets.
    pub fn answered(&self, route: String, status: u16) {
        let labels = [
            ("route", route.into()),
            ("status", status.to_string().into()),
        ];
        self.requests.get_or_create(&labels).inc();
    }

    /// Takes over what the database says.
    pub fn look(&self, queue: &Queue) {
        for (state, length) in &queue.lengths {
            self.queue
                .get_or_create(&[("state", state.as_str().into())])
                .set(i64::try_from(*length).unwrap_or(i64::MAX));
        }
        self.oldest.set(queue.oldest.num_seconds());
        // An application that answers again has no row any more.
        self.breakers.clear();
        for (client_id, breaker) in &queue.breakers {
            let labels = [
                ("client_id", self.client(client_id)),
                ("state", breaker.as_str().into()),
            ];
            self.breakers.get_or_create(&labels).inc();
        }
    }

    /// Everything, as text of [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// When a metric can't be written as text.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn client(&self, client_id: &str) -> Cow<'static, str> {
        let mut known = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(client_id) {
            return client_id.to_owned().into();
        }
        if known.len() >= MOST_CLIENTS {
            return OTHERS.into();
        }
        known.insert(client_id.to_owned());
        client_id.to_owned().into()
    }
}

fn seconds(time: TimeDelta) -> f64 {
    time.as_seconds_f64().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn metrics() -> Metrics {
        Metrics::new(DateTime::from_timestamp(1_767_268_800, 0).unwrap(), true)
    }

    #[test]
    fn what_happened_stands_in_the_text() {
        let metrics = metrics();
        let (took, since) = (TimeDelta::milliseconds(20), TimeDelta::milliseconds(4));
        metrics.attempted("ledger", "timeout", took, Some(since));
        metrics.attempted("ledger", "confirmed", took, None);
        metrics.settled("ledger", DeliveryState::Confirmed, TimeDelta::seconds(3));
        metrics.sessions_ended(Cause::Idle, 2);
        let text = metrics.render().unwrap();
        for line in [
            r#"exeunt_logout_attempts_total{client_id="ledger",result="timeout"} 1"#,
            r#"exeunt_logout_deliveries_total{client_id="ledger",outcome="confirmed"} 1"#,
            r#"exeunt_logout_first_attempt_seconds_bucket{le="0.005"} 1"#,
            r#"exeunt_logout_first_attempt_seconds_bucket{le="0.0025"} 0"#,
            "exeunt_logout_first_attempt_seconds_count 1",
            r#"exeunt_logout_confirmation_seconds_bucket{le="5.0"} 1"#,
            r#"exeunt_sessions_ended_total{cause="idle"} 2"#,
            r#"exeunt_sessions_ended_total{cause="logout"} 0"#,
            "exeunt_process_start_time_seconds 1767268800",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn clients_without_number_do_not_make_rows_without_number() {
        let metrics = metrics();
        for number in 0..MOST_CLIENTS + 50 {
            let client_id = format!("client-{number}");
            metrics.settled(&client_id, DeliveryState::Dead, TimeDelta::zero());
        }
        let text = metrics.render().unwrap();
        let rows = text
            .lines()
            .filter(|line| line.starts_with("exeunt_logout_deliveries_total{"));
        assert_eq!(rows.count(), MOST_CLIENTS + 1);
        let others = r#"exeunt_logout_deliveries_total{client_id="(others)",outcome="dead"} 50"#;
        assert!(text.contains(others), "{text}");
    }

    #[test]
    fn a_breaker_that_has_closed_has_no_row() {
        let metrics = metrics();
        let mut queue = Queue {
            breakers: vec![("ledger".to_owned(), Breaker::Open)],
            ..Queue::default()
        };
        metrics.look(&queue);
        let row = r#"exeunt_logout_breakers{client_id="ledger",state="open"} 1"#;
        assert!(metrics.render().unwrap().contains(row));
        queue.breakers.clear();
        metrics.look(&queue);
        assert!(!metrics.render().unwrap().contains(row));
    }
}
