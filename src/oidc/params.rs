//! Request parameters: each at most once, empty ones absent, unknown ones ignored (RFC 6749 §3.1), all in UTF-8 (appendix
//! B); none with a NUL, which no parameter needs and not every database can keep.

use crate::oidc::error::OAuthError;

/// The most bytes a query or form may have: longer ones are refused before they are read.
pub const MOST_BYTES: usize = 64 * 1024;

/// Parameters of a request, as its query or its form carried them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `application/x-www-form-urlencoded` text.
    ///
    /// # Errors
    /// `invalid_request` when a parameter other than `resource` (RFC 8707 §2) stands twice or has a
    /// NUL, when something is no UTF-8, or when there is more than [`MOST_BYTES`].
    pub fn parse(text: &[u8]) -> Result<Self, OAuthError> {
        if text.len() > MOST_BYTES {
            return Err(OAuthError::invalid_request("the request is too long"));
        }
        // What is read in another's place is another value: two that differ would be the same.
        if std::str::from_utf8(&unescaped(text)).is_err() {
            return Err(OAuthError::invalid_request("the parameters are no UTF-8"));
        }
        Self::from_pairs(
            url::form_urlencoded::parse(text)
                .map(|(name, value)| (name.into_owned(), value.into_owned())),
        )
    }

    /// Takes pairs that something else has read, under the same rules as [`Params::parse`].
    ///
    /// # Errors
    /// As [`Params::parse`].
    pub fn from_pairs(
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, OAuthError> {
        let mut kept: Vec<(String, String)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (name, value) in pairs {
            if !seen.insert(name.clone()) && name != "resource" {
                return Err(OAuthError::invalid_request(format!(
                    "the parameter {name} stands twice"
                )));
            }
            if value.contains('\0') {
                return Err(OAuthError::invalid_request("a parameter has a NUL"));
            }
            if !value.is_empty() {
                kept.push((name, value));
            }
        }
        Ok(Self(kept))
    }

    /// The value of `name`, if it is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of `name`: for `resource`, the only one that may stand more than once.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every name with its value, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of `name`.
    ///
    /// # Errors
    /// `invalid_request` when it is absent or empty.
    pub fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
    }

    /// The parameters as form-urlencoded text, to park them and read them again.
    pub fn to_text(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish()
    }
}

/// The bytes that `%` and two digits stand for, beside all others. Names, values and what is between them stay together:
/// the signs between them begin and continue no character.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digit = |index: usize| char::from(*after.get(index)?).to_digit(16);
        let escaped = (*first == b'%').then(|| Some(digit(0)? * 16 + digit(1)?));
        match escaped.flatten().and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack 6 (CVE-2026-9689): two values of one parameter, of which two readers pick different ones.
    #[test]
    fn a_parameter_that_stands_twice_is_refused_even_when_both_are_empty() {
        for text in ["state=a&state=b", "state=&state=", "x=1&x=1"] {
            assert!(Params::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn resource_may_stand_more_than_once() {
        let params = Params::parse(b"resource=a&resource=b").unwrap();
        assert_eq!(params.all("resource").collect::<Vec<_>>(), ["a", "b"]);
    }

    /// Attack 91: a NUL, which one reader keeps and another stumbles over.
    #[test]
    fn a_parameter_with_a_nul_is_refused() {
        assert!(Params::parse(b"nonce=a%00b").is_err());
    }

    /// Attack 8: bytes that are no text, or characters written too long: readers replace them, each in its own way.
    #[test]
    fn parameters_that_are_no_utf8_are_refused_whole() {
        for text in [
            &b"state=%FF"[..],
            b"state=\xff",
            b"%C3=x",
            b"state=%C3&nonce=%A4",
            b"state=%ED%A0%80",
            b"state=%C0%AF",
        ] {
            assert!(Params::parse(text).is_err(), "{text:?}");
        }
        for text in ["state=%C3%A4", "state=\u{e4}", "state=%", "state=%4"] {
            assert!(Params::parse(text.as_bytes()).is_ok(), "{text:?}");
        }
        let read = Params::parse("state=%C3%A4%zz".as_bytes()).unwrap();
        assert_eq!(read.get("state"), Some("\u{e4}%zz"));
    }

    #[test]
    fn an_empty_parameter_is_absent() {
        assert_eq!(Params::parse(b"state=&nonce=n").unwrap().get("state"), None);
    }

    #[test]
    fn parked_parameters_read_the_same_again() {
        let params =
            Params::parse(b"state=a%26b%3D%2B&scope=openid+email&resource=x&resource=y").unwrap();
        assert_eq!(Params::parse(params.to_text().as_bytes()).unwrap(), params);
    }
}
