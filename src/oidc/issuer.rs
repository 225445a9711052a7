//! The provider's own name (Core §1.2, RFC 8414 §2).

use url::Url;

use crate::oidc::uri;

/// An issuer identifier that has been checked: `https`, or `http` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    // What people compare as a string; `url` prints a slash after a bare host.
    text: String,
    url: Url,
}

/// Why a text is no issuer; says how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidIssuer(String);

impl Issuer {
    /// Checks an issuer. It must be written in its one canonical way, because relying parties
    /// compare it as a string: lower-case host, no default port, no slash at its end.
    ///
    /// # Errors
    /// When it is no URL, has a query, fragment or user name, or is plain http beyond loopback.
    pub fn parse(text: &str) -> Result<Self, InvalidIssuer> {
        let url = Url::parse(text)
            .map_err(|cause| InvalidIssuer(format!("the issuer is no absolute URL: {cause}")))?;
        let refuse = |why: &str| Err(InvalidIssuer(why.to_owned()));
        match url.scheme() {
            "https" => {}
            "http" if uri::is_loopback(&url) => {}
            "http" => return refuse("an issuer is https; plain http is for localhost alone"),
            _ => return refuse("an issuer is an https URL"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("an issuer has no user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("an issuer has no query and no fragment");
        }
        let canonical = url.as_str().trim_end_matches('/');
        if canonical != text {
            return Err(InvalidIssuer(format!("write the issuer as {canonical}")));
        }
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }

    /// The identifier as it travels.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The absolute URL of a path such as `/token`.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Scheme, host and port, as the `Origin` header writes them.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The host; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, the scheme's own where none is written.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// What comes before every endpoint's path: empty, or like `/tenant`.
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Whether it names this machine, so that nobody else can come in by it.
    pub fn is_loopback(&self) -> bool {
        uri::is_loopback(&self.url)
    }

    /// Whether it is plain http, which only loopback may be: cookies then do without `Secure`.
    pub fn is_loopback_http(&self) -> bool {
        self.url.scheme() == "http"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_or_http_on_this_machine() {
        for text in [
            "https://id.example",
            "https://id.example/tenant",
            "https://id.example:8443",
            "http://localhost:8080",
            "http://exeunt.localhost:1",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            assert_eq!(Issuer::parse(text).unwrap().as_str(), text);
        }
    }

    /// Attack 97: a configuration that opens the provider to eavesdroppers.
    #[test]
    fn a_plain_http_issuer_on_a_public_host_is_refused() {
        for text in [
            "http://id.example",
            "http://127.0.0.1.example",
            "http://10.0.0.1",
            "ftp://localhost",
        ] {
            assert!(Issuer::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_issuer_that_could_be_written_in_two_ways_is_refused() {
        for text in [
            "https://id.example/",
            "https://ID.example",
            "https://id.example:443",
            "https://id.example/a/",
            "https://id.example/a/../b",
            " https://id.example",
            "https://u@id.example",
            "https://id.example?x",
            "https://id.example#x",
            "https:id.example",
            "id.example",
            "",
        ] {
            assert!(Issuer::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn endpoints_lie_under_the_path() {
        let issuer = Issuer::parse("https://id.example/tenant").unwrap();
        assert_eq!(issuer.endpoint("/token"), "https://id.example/tenant/token");
        assert_eq!(
            (issuer.host(), issuer.port(), issuer.path()),
            ("id.example", 443, "/tenant")
        );
        assert_eq!(Issuer::parse("http://localhost:8080").unwrap().path(), "");
    }
}
