//! What an upstream is asked (Core §3.1.2.1).

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::Upstream;
use crate::clock::Timestamp;
use crate::oidc::authorization::{AuthorizationRequest, Prompt};
use crate::oidc::issuer::Issuer;
use crate::oidc::params::Params;
use crate::oidc::pkce::challenge_of;
use crate::oidc::uri;

/// How much two clocks may differ before a sign-in there looks older than the question.
const SKEW: TimeDelta = TimeDelta::seconds(5);

/// What the application that asks us wants to be sure of; it is passed on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// `prompt`, as far as it concerns the sign-in.
    pub prompt: Vec<String>,
    /// `max_age` in seconds.
    pub max_age: Option<u32>,
    /// `login_hint`.
    pub login_hint: Option<String>,
    /// `acr_values`.
    pub acr_values: Option<String>,
    /// `ui_locales`.
    pub ui_locales: Option<String>,
}

impl Wanted {
    /// Of an application's request. Consent is asked here, not there.
    pub fn by(request: &AuthorizationRequest, params: &Params) -> Self {
        let passed_on = [Prompt::Login, Prompt::SelectAccount].into_iter();
        let passed_on = passed_on.filter(|prompt| request.asks(*prompt));
        let text = |name: &str| params.get(name).map(str::to_owned);
        Self {
            prompt: passed_on.map(|prompt| prompt.as_str().to_owned()).collect(),
            max_age: request.max_age,
            login_hint: request.login_hint.clone(),
            acr_values: text("acr_values"),
            ui_locales: text("ui_locales"),
        }
    }
}

/// What is made anew for each question.
#[derive(Debug, Clone, Copy)]
pub struct Fresh<'a> {
    /// Comes back with the answer.
    pub state: &'a str,
    /// Comes back in the ID token.
    pub nonce: &'a str,
    /// What the code will be redeemed with.
    pub code_verifier: &'a str,
}

/// The address to send the browser to. `longest` is how long a session here lasts: no sign-in there is older for us.
pub fn address(
    upstream: &Upstream,
    authorization_endpoint: &str,
    our_issuer: &Issuer,
    wanted: &Wanted,
    fresh: Fresh<'_>,
    longest: TimeDelta,
) -> String {
    let mut parameters = vec![
        ("response_type", "code".to_owned()),
        ("client_id", upstream.client_id.clone()),
        ("redirect_uri", upstream.callback(our_issuer)),
        ("state", fresh.state.to_owned()),
        ("code_challenge", challenge_of(fresh.code_verifier)),
        ("code_challenge_method", "S256".to_owned()),
    ];
    if !upstream.scope.is_empty() {
        parameters.push(("scope", upstream.scope.clone()));
    }
    // One that is no OpenID Provider does not know them, and whatever it did nobody would say so.
    if upstream.oauth2.is_none() {
        parameters.extend(of_openid(upstream, wanted, fresh, longest));
    }
    uri::with_query(authorization_endpoint, &parameters)
}

/// What an OpenID Provider is asked beside (Core §3.1.2.1).
fn of_openid(
    upstream: &Upstream,
    wanted: &Wanted,
    fresh: Fresh<'_>,
    longest: TimeDelta,
) -> Vec<(&'static str, String)> {
    // Whoever is asked for `max_age` must say when somebody signed in (Core §3.1.2.1), and only that shows that they did
    // so again (attack 73).
    let max_age = match wanted.prompt.is_empty() {
        // Who is asked to sign in or to choose does so now.
        false => 0,
        true => wanted
            .max_age
            .map_or_else(|| longest.num_seconds(), i64::from),
    };
    let mut parameters = vec![
        ("nonce", fresh.nonce.to_owned()),
        ("max_age", max_age.to_string()),
    ];
    if !wanted.prompt.is_empty() {
        parameters.push(("prompt", wanted.prompt.join(" ")));
    }
    let claims = &upstream.request_claims;
    let acr_values = wanted.acr_values.as_deref();
    for (name, value) in [
        ("login_hint", wanted.login_hint.as_deref()),
        // What the application wishes is said once: `claims` has it where that says which will do.
        ("acr_values", acr_values.filter(|_| !claims.names_classes())),
        ("ui_locales", wanted.ui_locales.as_deref()),
        ("claims", claims.parameter(acr_values).as_deref()),
    ] {
        if let Some(value) = value {
            parameters.push((name, value.to_owned()));
        }
    }
    parameters
}

/// Whether a sign-in there is older than our question.
pub fn is_older(said: Timestamp, asked_at: Timestamp) -> bool {
    // Whole seconds there, fractions here.
    said.timestamp() < (asked_at - SKEW).timestamp()
}

/// When somebody proved who they are, as far as it counts here (attack 73). A sign-in there since we asked is no older
/// than the question, and no younger than they say: an answer that was held back does not answer what was asked since.
/// Of one of which nothing is said nobody knows how old it is, and it is never young enough.
pub fn auth_time(said: Option<Timestamp>, asked_at: Timestamp, now: Timestamp) -> Timestamp {
    match said {
        Some(said) if is_older(said, asked_at) => said.min(now),
        Some(said) => said.max(asked_at).min(now),
        None => Timestamp::UNIX_EPOCH,
    }
}
