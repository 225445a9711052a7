//! An application calls the service, with the access token that it has for it.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use anyhow::Context as _;
use reqwest::header::WWW_AUTHENTICATE;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::door::{Door, is_our_own, see_other};
use super::service::{self, Today};

/// An access token for the service. To the application it is a word without meaning (RFC 6749 §1.4).
#[derive(Clone)]
pub(super) struct AccessToken {
    text: SecretString,
    /// By which a person recognises it on the service's page.
    pub(super) fingerprint: String,
    /// What the service said to it last.
    pub(super) answer: Option<Answer>,
}

/// What the service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// What was asked for.
    Told(Today),
    /// The status, and what is wrong with the token, if anything.
    Refused(u16, String),
    /// There was no answer, or none that makes sense.
    Silence(String),
}

impl AccessToken {
    pub(super) fn new(text: String) -> Self {
        Self {
            fingerprint: service::fingerprint(&text),
            text: text.into(),
            answer: None,
        }
    }
}

impl Answer {
    /// The HTTP status, if there was one.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Told(_) => Some(200),
            Self::Refused(status, _) => Some(*status),
            Self::Silence(_) => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(Today { today, name }) => write!(formatter, "{today}, {name}"),
            Self::Refused(status, why) if why.is_empty() => write!(formatter, "{status}"),
            Self::Refused(status, why) => write!(formatter, "{status} {why}"),
            Self::Silence(why) => formatter.write_str(why),
        }
    }
}

/// The button: asks the service, and shows its answer on the application's page.
pub(super) async fn ask(door: Data<Door>, request: HttpRequest) -> HttpResponse {
    if !is_our_own(&request) {
        let text = "Another site asked to call the service for you.";
        return door.trouble(StatusCode::FORBIDDEN, text);
    }
    let cookie = door.cookie_of(&request);
    let token = door.memory().access_token(&cookie).cloned();
    if let Some(token) = token {
        let answer = call(&door, &token).await;
        let answer = answer.unwrap_or_else(|error| Answer::Silence(format!("{error:#}")));
        door.memory().answered(&cookie, answer, door.now());
    }
    see_other("/").finish()
}

async fn call(door: &Door, token: &AccessToken) -> Result<Answer, anyhow::Error> {
    let url = Url::parse(door.relying_party.resource())?.join(service::PATH)?;
    let request = door.relying_party.http.get(url);
    let request = request.bearer_auth(token.text.expose_secret());
    let answer = request.send().await.context("no answer")?;
    let status = answer.status();
    if status.is_success() {
        let today = answer.json().await.context("an answer without sense")?;
        return Ok(Answer::Told(today));
    }
    let challenge = answer.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.and_then(|value| value.to_str().ok());
    let error = challenge.and_then(|value| value.split('"').nth(1));
    let error = error.unwrap_or_default().to_owned();
    Ok(Answer::Refused(status.as_u16(), error))
}
