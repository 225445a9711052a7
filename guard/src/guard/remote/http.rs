//! The guard's HTTP client: it goes to the issuer and nowhere else.

use std::io::Read as _;
use std::time::Duration;

use flate2::bufread::GzDecoder;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING};
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
        let request = request.header(ACCEPT_ENCODING, "gzip");
        let answer = request.timeout(wait + PATIENCE).send().await?;
        let status = answer.status();
        let packing = answer.headers().get(CONTENT_ENCODING).cloned();
        let body = read(answer, longest).await?;
        match packing.as_ref().map(|packing| packing.as_bytes()) {
            None => Ok((status, body)),
            Some(b"gzip") => Ok((status, unpack(body, longest).await?)),
            Some(_) => Err(HttpError::Content("it is packed in an unknown way")),
        }
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

/// What was packed, however much less of it came: no more than `longest` is unpacked.
async fn unpack(packed: Vec<u8>, longest: usize) -> Result<Vec<u8>, HttpError> {
    // A long one takes a while.
    let unpacked = tokio::task::spawn_blocking(move || {
        let mut unpacked = Vec::new();
        let most = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
        let read = GzDecoder::new(packed.as_slice())
            .take(most)
            .read_to_end(&mut unpacked);
        read.map(|_length| unpacked)
    });
    match unpacked.await {
        Ok(Ok(unpacked)) if unpacked.len() <= longest => Ok(unpacked),
        Ok(Ok(_)) => Err(HttpError::Content("it is too long")),
        _ => Err(HttpError::Content("it can't be unpacked")),
    }
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
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

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

    fn pack(text: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    /// Attack 34: a little that unpacks to very much.
    #[tokio::test]
    async fn what_is_packed_is_unpacked_up_to_a_bound() {
        let text = vec![b' '; 1 << 20];
        let packed = pack(&text);
        assert!(packed.len() < 2000);
        assert_eq!(unpack(packed.clone(), 1 << 20).await.unwrap(), text);
        let told = unpack(packed.clone(), (1 << 20) - 1).await.unwrap_err();
        assert!(told.to_string().contains("too long"), "{told}");
        for broken in [&packed[..packed.len() / 2], b"{}", b""] {
            let told = unpack(broken.to_vec(), 1 << 20).await.unwrap_err();
            assert!(told.to_string().contains("unpacked"), "{told}");
        }
    }
}
