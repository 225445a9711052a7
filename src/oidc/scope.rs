//! Scopes (RFC 6749 §3.3, Core §5.4).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};

/// The scope that makes a request an OpenID Connect request (Core §3.1.2.1).
pub const OPENID: &str = "openid";
/// The scope that asks for tokens which outlive the session (Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The scopes that OpenID Connect defines. Each is about a person.
pub const STANDARD: [&str; 6] = [
    OPENID,
    "profile",
    "email",
    "address",
    "phone",
    OFFLINE_ACCESS,
];
/// The scope that allows everything at the administrators' API. Ours.
pub const ADMIN: &str = "exeunt.admin";
/// The scope that allows looking at the administrators' API, and nothing else. Ours.
pub const ADMIN_READ: &str = "exeunt.admin.read";
/// The scopes of the administrators' API. Each is for programs: no person can allow one.
pub const ADMINISTRATION: [&str; 2] = [ADMIN, ADMIN_READ];

/// A set of scope tokens; written in alphabetical order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope(BTreeSet<String>);

impl Scope {
    /// Reads tokens separated by spaces.
    ///
    /// # Errors
    /// `invalid_scope` when a token has a character that RFC 6749 §3.3 does not allow.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let allowed = |c: char| matches!(c, '!' | '#'..='[' | ']'..='~');
        let tokens: BTreeSet<_> = text.split(' ').filter(|token| !token.is_empty()).collect();
        if !tokens.iter().all(|token| token.chars().all(allowed)) {
            return Err(OAuthError::new(
                ErrorCode::InvalidScope,
                "the scope has a character that no scope may have",
            ));
        }
        Ok(tokens.into_iter().collect())
    }

    /// The scopes a client may ask for: what it registered, else every standard one.
    pub fn allowed_to(client: &Client) -> Self {
        match &client.metadata.scope {
            // What does not parse was never registered, and allows nothing.
            Some(registered) => Self::parse(registered).unwrap_or_default(),
            None => STANDARD.into_iter().collect(),
        }
    }

    /// Of those, the scopes that a person can allow it: no consent makes an administrator.
    pub fn allowed_by_people(client: &Client) -> Self {
        ADMINISTRATION
            .iter()
            .fold(Self::allowed_to(client), |scope, token| {
                scope.without(token)
            })
    }

    /// Whether `token` is in the set.
    pub fn contains(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// Whether `other` has everything that is in this set.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// What is in both sets.
    pub fn intersect(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// What is in either set.
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// What is in this set and not in `other`.
    pub fn minus(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// This set without `token`.
    pub fn without(mut self, token: &str) -> Self {
        self.0.remove(token);
        self
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<'a> FromIterator<&'a str> for Scope {
    fn from_iter<I: IntoIterator<Item = &'a str>>(tokens: I) -> Self {
        Self(tokens.into_iter().map(str::to_owned).collect())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, token) in self.iter().enumerate() {
            if position > 0 {
                formatter.write_str(" ")?;
            }
            formatter.write_str(token)?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_set_whatever_its_order() {
        assert_eq!(
            Scope::parse("openid email openid").unwrap(),
            Scope::parse("email  openid").unwrap()
        );
        assert_eq!(
            Scope::parse("openid email").unwrap().to_string(),
            "email openid"
        );
    }

    /// Attack 16: a scope that nobody meant to give.
    #[test]
    fn the_scopes_of_administrators_are_for_whoever_registered_them_and_never_from_people() {
        let mut client = crate::oidc::authorization::tests::client();
        client.metadata.scope = None;
        for token in ADMINISTRATION {
            assert!(!Scope::allowed_to(&client).contains(token), "{token}");
        }
        client.metadata.scope = Some(format!("openid {ADMIN} {ADMIN_READ}"));
        for token in ADMINISTRATION {
            assert!(Scope::allowed_to(&client).contains(token), "{token}");
            assert!(
                !Scope::allowed_by_people(&client).contains(token),
                "{token}"
            );
        }
    }

    #[test]
    fn a_malformed_scope_is_refused() {
        for text in ["a\"b", "a\\b", "a\tb", "a\u{e9}", "a\n"] {
            assert_eq!(
                Scope::parse(text).unwrap_err().error,
                ErrorCode::InvalidScope,
                "{text:?}"
            );
        }
    }
}
