//! One attempt: the token, the post, and what the answer makes of the row.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::{Semaphore, mpsc};
use tracing::Instrument as _;

use super::acknowledge::Outcome;
use super::backoff;
use super::claim::Claimed;
use super::load::Pace;
use crate::clock::Timestamp;
use crate::flows::send_notice::{self, Notice};
use crate::flows::{FlowError, Provider, observe};
use crate::oidc::client::LogoutTokenSubject;
use crate::oidc::logout::DeliveryState;
use crate::oidc::logout::breaker::Health;
use crate::oidc::logout::delivery::{self, Verdict};
use crate::outbound::{self, OutboundError};
use crate::store::deliveries::Delivery;
use crate::store::delivery_attempts::Attempt;
use crate::store::participants;

/// What the attempts of one server share.
pub(super) struct Attempts {
    provider: Arc<Provider>,
    outcomes: mpsc::Sender<Outcome>,
    /// Signatures at once: some of the cores are for people's requests.
    signing: Semaphore,
}

impl Attempts {
    pub(super) fn new(provider: Arc<Provider>, outcomes: mpsc::Sender<Outcome>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            provider,
            outcomes,
            signing: Semaphore::new((cores / 2).max(1)),
        }
    }

    /// Tries once and hands the outcome on to be recorded.
    pub(super) async fn carry_out(&self, claimed: Claimed) -> Pace {
        let span = observe::attempt(&claimed.delivery);
        match self.attempt(claimed).instrument(span.clone()).await {
            Ok(Some((outcome, pace))) => {
                // Whoever records them outlives all attempts.
                let _ = self.outcomes.send(outcome).await;
                pace
            }
            Ok(None) => {
                span.in_scope(|| {
                    tracing::warn!("a notice waited beyond its lease; it is due again")
                });
                Pace::Unasked
            }
            Err(error) => {
                // The lease runs out and the row is claimed again.
                span.in_scope(|| tracing::error!(%error, "a delivery could not be carried out"));
                Pace::Unasked
            }
        }
    }

    /// None: it is not ours any more.
    async fn attempt(&self, claimed: Claimed) -> Result<Option<(Outcome, Pace)>, FlowError> {
        let provider = &self.provider;
        let Claimed {
            mut delivery,
            lease,
            destination,
            is_probe,
        } = claimed;
        let sent_at = provider.clock.now();
        // In order, so that those of one time lie together in the index.
        let jti = provider.random.row_id(sent_at);
        let metadata = &destination.metadata;
        let Some(uri) = &metadata.backchannel_logout_uri else {
            // The application gave up its URI after the session ended: there is nobody to tell.
            settle(&mut delivery, DeliveryState::Failed, sent_at);
            delivery.last_problem =
                Some("the application has no back-channel logout URI any more".to_owned());
            let outcome = Outcome {
                delivery,
                lease: lease.id,
                attempt: None,
                health: is_probe.then_some(Health::Answered),
                was_probe: is_probe,
                at: sent_at,
            };
            return Ok(Some((outcome, Pace::Unasked)));
        };
        // Asked for where the answer matters alone. Sessions that have no end yet count, however idle they are.
        let goes_on = metadata.logout_token_subject == LogoutTokenSubject::Sub
            && participants::has_living(
                provider.database.read(),
                delivery.user_id,
                &delivery.client_id,
            )
            .await?;
        provider.work.after_you().await;
        let token = {
            // It is never closed.
            let _turn = self.signing.acquire().await;
            let notice = Notice {
                client_id: &delivery.client_id,
                sub: delivery.user_id,
                sid: delivery.sid,
                jti,
                goes_on,
            };
            send_notice::token(provider, metadata, &notice, sent_at)
        };
        // After the last wait for anything of ours: who waited too long for a place may have been overtaken by another node.
        if provider.clock.now() >= lease.until {
            return Ok(None);
        }
        let answer = match token {
            Ok(token) => send_notice::post(provider, metadata, uri, &token).await,
            Err(error) => Err(error),
        };
        let now = provider.clock.now();
        delivery.attempts += 1;
        let was_sent = answer.is_ok();
        let (status, problem) = match answer {
            Ok(answer) => {
                let known = match &answer {
                    Ok(answer) => (Some(answer.status), None),
                    Err(error) => (None, Some(error.to_string())),
                };
                judge(provider, &mut delivery, answer, now);
                known
            }
            // Ours to mend, and perhaps mended by the next try: as if there had been no answer.
            Err(error) => {
                tracing::error!(%error, "a notice could not be sent");
                again(provider, &mut delivery, None, now);
                (None, Some(unsent(&error)))
            }
        };
        delivery.last_status = status.map(i32::from);
        delivery.last_problem = problem.clone();
        let took = now - sent_at;
        let attempt = Attempt {
            jti,
            delivery_id: delivery.id,
            at: sent_at,
            outcome: delivery.state.as_str().to_owned(),
            status: delivery.last_status,
            latency: i32::try_from(took.num_milliseconds()).unwrap_or(i32::MAX),
            problem,
        };
        let health = match status {
            Some(status) if status < 500 || status == 501 => Health::Answered,
            _ => Health::Failed,
        };
        let pace = match health {
            _ if !was_sent => Pace::Unasked,
            Health::Answered => Pace::Answered(took.to_std().unwrap_or_default()),
            Health::Failed => Pace::Failed,
        };
        let outcome = Outcome {
            delivery,
            lease: lease.id,
            attempt: Some(attempt),
            // The application did nothing; but a probe that was not sent must be given back.
            health: (was_sent || is_probe).then_some(health),
            was_probe: is_probe,
            at: now,
        };
        Ok(Some((outcome, pace)))
    }
}

/// Turns an answer into the delivery's next state.
fn judge(
    provider: &Provider,
    delivery: &mut Delivery,
    answer: Result<outbound::Answer, OutboundError>,
    now: Timestamp,
) {
    let facts = match answer {
        Ok(answer) => Ok(delivery::Answer {
            status: answer.status,
            retry_after: answer
                .retry_after
                .map(|retry_after| retry_after.moment(now) - now),
        }),
        Err(error) => Err(send_notice::problem(error)),
    };
    match delivery::classify(facts) {
        Verdict::Confirmed => settle(delivery, DeliveryState::Confirmed, now),
        Verdict::Refused => settle(delivery, DeliveryState::Refused, now),
        Verdict::Final => settle(delivery, DeliveryState::Failed, now),
        Verdict::Again { after } => again(provider, delivery, after, now),
    }
}

/// Not before `after`, if the application wants that; never, once it is time to give up.
fn again(provider: &Provider, delivery: &mut Delivery, after: Option<TimeDelta>, now: Timestamp) {
    let attempts = u32::try_from(delivery.attempts).unwrap_or(u32::MAX);
    let jitter = provider.random.fraction();
    let next = backoff(provider).next_attempt(attempts, jitter, after, now);
    if next < delivery.give_up_at {
        delivery.state = DeliveryState::Retrying;
        delivery.due_at = Some(next);
    } else {
        settle(delivery, DeliveryState::Dead, now);
    }
}

/// Why a notice did not leave, for whoever runs this provider.
fn unsent(error: &FlowError) -> String {
    match error {
        FlowError::NoSigningKey(algorithm) => {
            format!("not sent: no {algorithm} key signs here, which the application asks for")
        }
        FlowError::Outbound(_) => {
            "not sent: the application's private networks can't be used".to_owned()
        }
        _ => "not sent: it could not be signed".to_owned(),
    }
}

fn settle(delivery: &mut Delivery, state: DeliveryState, now: Timestamp) {
    delivery.state = state;
    delivery.due_at = None;
    delivery.finished_at = Some(now);
}
