//! Who we are: the issuer identifier (Discovery 1.0 §3, RFC 8414 §2).

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// An https URL without query and fragment; http on this machine alone. Compared and given out as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    url: Url,
}

impl Issuer {
    /// Takes an issuer identifier as it was written.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let Ok(url) = Url::parse(text) else {
            return Err("is not a URL");
        };
        if !url.has_host() || !matches!(url.scheme(), "https" | "http") {
            return Err("is not an https URL");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a query or a fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user or a password");
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err("is plain http on a host other than this machine");
        }
        // Applications compare it byte by byte, so it must be what every parser makes of it.
        if text.ends_with('/') || url.as_str().trim_end_matches('/') != text {
            return Err("is not in its plain form");
        }
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }

    /// The identifier as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The identifier as a URL.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl Default for Issuer {
    /// `http://localhost:8080`, for trying things out.
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    fn default() -> Self {
        Self::parse("http://localhost:8080").expect("the default issuer is sound")
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Whether the URL names this machine (RFC 6761 §6.3 for names that end in `localhost`).
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}
