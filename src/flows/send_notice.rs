//! One notice on its way: the token made at that moment, posted through the guarded client. Real
//! deliveries and tests of an application go the same way.

use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use super::{FlowError, Provider, keys, tokens};
use crate::clock::Timestamp;
use crate::oidc::client::ClientMetadata;
use crate::oidc::logout::delivery::ConnectionProblem;
use crate::oidc::logout::logout_token::{self, LogoutTokenClaims};
use crate::oidc::logout::verdict::{self, Advice, Received};
use crate::outbound::{Answer, OutboundError};

/// How long an application may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whom a notice is for and of what session it speaks.
pub(super) struct Notice<'a> {
    /// The application.
    pub client_id: &'a str,
    /// The person.
    pub sub: Uuid,
    /// What the application knows the session by.
    pub sid: Uuid,
    /// This token's own identifier.
    pub jti: Uuid,
    /// Whether the person has another session there, which must not be spoken of.
    pub goes_on: bool,
}

/// A token with the application's algorithm and in the words it can read, made for this one attempt.
///
/// # Errors
/// When nothing could be signed.
pub(super) fn token(
    provider: &Provider,
    metadata: &ClientMetadata,
    notice: &Notice<'_>,
    now: Timestamp,
) -> Result<String, FlowError> {
    let claims = LogoutTokenClaims::new(
        &provider.config.issuer,
        notice.client_id,
        &provider.subject(metadata, notice.sub),
        Some(&notice.sid.to_string()),
        &notice.jti.to_string(),
        now,
    )
    .naming(metadata.logout_token_subject, notice.goes_on);
    let algorithm = metadata.logout_token_algorithm();
    tokens::sign(provider, algorithm, Some(logout_token::TYPE), &claims, now)
}

/// Posts a token; an answer and its absence are both outcomes.
///
/// # Errors
/// When the client for the application's private networks can't be had.
pub(super) async fn post(
    provider: &Provider,
    metadata: &ClientMetadata,
    uri: &str,
    token: &str,
) -> Result<Result<Answer, OutboundError>, FlowError> {
    Ok(provider
        .outbound
        .within(&metadata.private_networks)?
        .post_form(uri, &[("logout_token", token)], PATIENCE)
        .await)
}

/// What the rules call that failure.
pub(super) fn problem(error: OutboundError) -> ConnectionProblem {
    match error {
        OutboundError::Timeout => ConnectionProblem::Timeout,
        OutboundError::Tls => ConnectionProblem::Tls,
        OutboundError::Refused(_) => ConnectionProblem::Forbidden,
        OutboundError::Connect | OutboundError::TooLong | OutboundError::Other => {
            ConnectionProblem::Connection
        }
    }
}

/// How a notice of a session that never was went.
pub struct Tested {
    /// The session's identifier at the application.
    pub sid: Uuid,
    /// The token's.
    pub jti: Uuid,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When the answer was there, or clear that there is none.
    pub answered_at: Timestamp,
    /// What came.
    pub answer: Result<Answer, OutboundError>,
}

impl Tested {
    /// How long it took.
    pub fn took(&self) -> TimeDelta {
        self.answered_at - self.sent_at
    }

    /// What it says of the application.
    pub fn advice(&self) -> Advice {
        verdict::advise(match &self.answer {
            Ok(answer) => Ok(Received {
                status: answer.status,
                location: answer.location.as_deref(),
                took: self.took(),
            }),
            Err(error) => Err(problem(*error)),
        })
    }
}

/// Sends a real notice of a session that never was, and records nothing.
///
/// # Errors
/// When there are no keys, or nothing could be signed.
pub async fn test(
    provider: &Provider,
    client_id: &str,
    uri: &str,
    metadata: &ClientMetadata,
) -> Result<Tested, FlowError> {
    keys::load(provider).await?;
    let sent_at = provider.clock.now();
    let [sub, sid, jti] = [(); 3].map(|()| provider.random.identifier());
    let notice = Notice {
        client_id,
        sub,
        sid,
        jti,
        goes_on: false,
    };
    let token = token(provider, metadata, &notice, sent_at)?;
    let answer = post(provider, metadata, uri, &token).await?;
    Ok(Tested {
        sid,
        jti,
        sent_at,
        answered_at: provider.clock.now(),
        answer,
    })
}
