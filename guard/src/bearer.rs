//! Bearer tokens in HTTP (RFC 6750), whatever the framework.

use std::fmt;

use crate::errors::Refused;

/// Why a request does not get through. What is told of it is [`Challenge::status`] and [`Challenge::header`], and nothing
/// more; [`Challenge::Refused`] has the reason for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// There is no token. Nothing is wrong with that (RFC 6750 §3.1).
    Missing,
    /// The `Authorization` header is there and says no token, or there are several.
    Malformed,
    /// The token is refused.
    Refused(Refused),
    /// The token is good, and does not allow this.
    Scope {
        /// The words that `scope` would have to have.
        needed: String,
    },
    /// Nobody here can say at present whether the token was taken back.
    Stale,
}

impl Challenge {
    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Missing | Self::Refused(_) => 401,
            Self::Scope { .. } => 403,
            Self::Stale => 503,
        }
    }

    /// The answer's header: its name and value. `WWW-Authenticate` (RFC 6750 §3), or `Retry-After` when it is no fault of
    /// the token.
    pub fn header(&self) -> (&'static str, String) {
        let challenge = |value: &str| ("www-authenticate", value.to_owned());
        match self {
            Self::Missing => challenge("Bearer"),
            Self::Malformed => challenge(r#"Bearer error="invalid_request""#),
            Self::Refused(_) => challenge(r#"Bearer error="invalid_token""#),
            Self::Scope { needed } => challenge(&format!(
                r#"Bearer error="insufficient_scope", scope="{needed}""#
            )),
            Self::Stale => ("retry-after", "5".to_owned()),
        }
    }
}

impl From<Refused> for Challenge {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Stale => Self::Stale,
            refused => Self::Refused(refused),
        }
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("there is no token"),
            Self::Malformed => formatter.write_str("the Authorization header says no token"),
            Self::Refused(refused) => refused.fmt(formatter),
            Self::Scope { needed } => write!(formatter, "the token does not allow {needed:?}"),
            Self::Stale => Refused::Stale.fmt(formatter),
        }
    }
}

impl std::error::Error for Challenge {}

/// The token of a request's `Authorization` headers (RFC 6750 §2.1). Tokens in the body or in the address are not looked
/// for: addresses end up in logs.
///
/// ```
/// use exeunt_guard::bearer::{self, Challenge};
///
/// assert_eq!(bearer::token([&b"Bearer abc"[..]]), Ok("abc"));
/// assert_eq!(bearer::token([]), Err(Challenge::Missing));
/// ```
///
/// # Errors
/// [`Challenge::Missing`], [`Challenge::Malformed`].
pub fn token<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Result<&'a str, Challenge> {
    let mut headers = headers.into_iter();
    let header = headers.next().ok_or(Challenge::Missing)?;
    if headers.next().is_some() {
        return Err(Challenge::Malformed);
    }
    let header = str::from_utf8(header).map_err(|_not_text| Challenge::Malformed)?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        // Another way to authenticate, which may be good for something else here.
        return Err(Challenge::Missing);
    }
    // RFC 6750 §2.1: b64token.
    let token = token.trim_start_matches(' ');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    match !token.is_empty() && token.bytes().all(fits) {
        true => Ok(token),
        false => Err(Challenge::Malformed),
    }
}

/// Words that a scope must have, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// The words, with spaces between. Words that are no scope tokens (RFC 6749 §3.3) are left out: nobody could have them,
    /// and they would break the header that asks for them.
    pub fn new(words: &str) -> Self {
        let is_token = |word: &&str| {
            let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            word.bytes().all(fits)
        };
        Self(
            words
                .split_whitespace()
                .filter(is_token)
                .map(str::to_owned)
                .collect(),
        )
    }

    /// Whether a token's claims have them all.
    ///
    /// # Errors
    /// [`Challenge::Scope`].
    pub fn check(&self, claims: &crate::Claims) -> Result<(), Challenge> {
        match self.0.iter().all(|word| claims.has_scope(word)) {
            true => Ok(()),
            false => Err(Challenge::Scope {
                needed: self.0.join(" "),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Claims;

    #[test]
    fn a_token_is_taken_from_one_authorization_header_alone() {
        let of = |headers: &[&'static str]| token(headers.iter().map(|header| header.as_bytes()));
        assert_eq!(of(&["Bearer a.b-c_d~e+f/g="]), Ok("a.b-c_d~e+f/g="));
        assert_eq!(of(&["bearer abc"]), Ok("abc"));
        assert_eq!(of(&["BEARER  abc"]), Ok("abc"));
        for missing in [
            &[][..],
            &["Basic abc"],
            &["DPoP abc"],
            &["Bearerabc"],
            &[""],
        ] {
            assert_eq!(of(missing), Err(Challenge::Missing), "{missing:?}");
        }
        for malformed in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer a,b"],
            &["Bearer a\tb"],
            &["Bearer \u{e9}"],
            &["Bearer abc", "Bearer abc"],
            &["Basic abc", "Bearer abc"],
        ] {
            assert_eq!(of(malformed), Err(Challenge::Malformed), "{malformed:?}");
        }
        assert_eq!(token([&b"Bearer \xff"[..]]), Err(Challenge::Malformed));
    }

    /// RFC 6750 §3.1.
    #[test]
    fn an_answer_says_what_kind_of_failure_it_was_and_no_more() {
        let told = |challenge: Challenge| {
            let (name, value) = challenge.header();
            format!("{} {name}: {value}", challenge.status())
        };
        assert_eq!(told(Challenge::Missing), "401 www-authenticate: Bearer");
        let invalid = r#"401 www-authenticate: Bearer error="invalid_token""#;
        for refused in [Refused::Forged, Refused::Expired, Refused::Revoked] {
            assert_eq!(told(refused.into()), invalid);
        }
        let needed = Scopes::new("read  write\n\"evil\\").check(&Claims::default());
        assert_eq!(
            told(needed.unwrap_err()),
            r#"403 www-authenticate: Bearer error="insufficient_scope", scope="read write""#
        );
        assert_eq!(
            told(Challenge::Malformed),
            r#"400 www-authenticate: Bearer error="invalid_request""#
        );
        assert_eq!(told(Refused::Stale.into()), "503 retry-after: 5");
    }

    #[test]
    fn all_words_of_a_scope_are_needed() {
        let claims = Claims {
            scope: Some("read write".into()),
            ..Claims::default()
        };
        assert_eq!(Scopes::new("").check(&claims), Ok(()));
        assert_eq!(Scopes::new("write read").check(&claims), Ok(()));
        assert!(Scopes::new("read admin").check(&claims).is_err());
    }
}
