//! The guard's HTTP client: it goes to the issuer and nowhere else.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CACHE_CONTROL};
use reqwest::{Client, Response, StatusCode, Url, redirect};

/// How long an answer may take that waits for nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Documents are small.
const LONGEST_DOCUMENT: usize = 1 << 20;

/// Why an answer could not be had or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address is none that may be asked: https, or http on this machine.
    #[error("its address is not https")]
    Address,
    /// There was no answer.
    #[error("no answer: {0}")]
    Transport(#[from] reqwest::Error),
    /// The answer was not 200.
    #[error("the answer was {0}")]
    Status(StatusCode),
    /// The answer says nothing that makes sense.
    #[error("{0}")]
    Content(&'static str),
}

#[derive(Clone)]
pub(super) struct Http(Client);

pub(super) struct Document {
    pub(super) body: Vec<u8>,
    pub(super) max_age: Option<Duration>,
}

impl Http {
    #[expect(
        clippy::disallowed_methods,
        reason = "a service has a client of its own; the guarded one belongs to the provider"
    )]
    pub(super) fn new() -> Result<Self, HttpError> {
        let client = Client::builder()
            // Whoever can redirect the issuer's addresses could give other keys.
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .build()?;
        Ok(Self(client))
    }

    /// A document that anybody may read.
    pub(super) async fn get(&self, address: &str) -> Result<Document, HttpError> {
        let answer = self.0.get(check(address)?).timeout(PATIENCE).send().await?;
        if answer.status() != StatusCode::OK {
            return Err(HttpError::Status(answer.status()));
        }
        let max_age = max_age(&answer);
        let body = read(answer, LONGEST_DOCUMENT).await?;
        Ok(Document { body, max_age })
    }

    /// An answer for a service that says who it is, with its status.
    pub(super) async fn get_as(
        &self,
        address: Url,
        authorization: &str,
        wait: Duration,
        longest: usize,
    ) -> Result<(StatusCode, Vec<u8>), HttpError> {
        let request = self.0.get(address).header(AUTHORIZATION, authorization);
        let answer = request.timeout(wait + PATIENCE).send().await?;
        let status = answer.status();
        Ok((status, read(answer, longest).await?))
    }
}

/// An address that may be asked.
pub(super) fn check(address: &str) -> Result<Url, HttpError> {
    let url = Url::parse(address).map_err(|_no_address| HttpError::Address)?;
    // `localhost` and what lies under it (RFC 6761 §6.3).
    let on_this_machine = url.host_str().is_some_and(|host| {
        matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
    });
    match url.scheme() {
        "https" => Ok(url),
        "http" if on_this_machine => Ok(url),
        _ => Err(HttpError::Address),
    }
}

async fn read(mut answer: Response, longest: usize) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > longest {
            return Err(HttpError::Content("it is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How long an answer may be kept (RFC 9111 §5.2.2.1).
fn max_age(answer: &Response) -> Option<Duration> {
    let values = answer.headers().get_all(CACHE_CONTROL);
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| {
            let (name, seconds) = directive.trim().split_once('=')?;
            let is_max_age = name.eq_ignore_ascii_case("max-age");
            let seconds = seconds.trim_matches('"').parse().ok()?;
            is_max_age.then(|| Duration::from_secs(seconds))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_nobody_is_asked_who_is_not_on_this_machine() {
        for asked in [
            "https://id.example",
            "http://localhost:8080",
            "http://exeunt.localhost",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            assert!(check(asked).is_ok(), "{asked}");
        }
        for refused in [
            "http://id.example",
            "http://notlocalhost",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "ftp://localhost",
            "localhost",
        ] {
            let answer = check(refused);
            assert!(matches!(answer, Err(HttpError::Address)), "{refused}");
        }
    }
}
