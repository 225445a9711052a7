//! An entry of the revocation log, as a service hears it.

use serde::Deserialize;

/// What is no longer good, and until when that must be remembered. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What.
    pub what: Revoked,
    /// When the last token that it concerns has expired.
    pub until: i64,
}

/// What is no longer good.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// One token, by its `jti`, or by its [hash](super::token_hash) if it carries none.
    Token(String),
    /// A client's part in a session, by the `sid` of its tokens.
    Session(String),
    /// Everything under a grant.
    Grant(String),
    /// A person's tokens that were issued before a moment.
    Subject {
        /// As the tokens carry it.
        sub: String,
        /// Tokens with an earlier `iat` are concerned.
        before: i64,
    },
    /// A client's tokens that were issued before a moment.
    Client {
        /// As the tokens carry it.
        client_id: String,
        /// Tokens with an earlier `iat` are concerned.
        before: i64,
    },
    /// Everything that was signed or encrypted under a key, by its `kid`.
    Key(String),
    /// Every token that was issued before a moment.
    All {
        /// Tokens with an earlier `iat` are concerned.
        before: i64,
    },
}

/// An entry as it was heard. One that is not understood may concern tokens, and nobody here knows which.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Raw")]
pub enum Heard {
    /// It is understood.
    Entry(Entry),
    /// Its kind is not known, or a member of it is missing.
    Unknown,
}

impl Heard {
    /// Reads an entry as the feed carries it. Members that are not known are ignored.
    ///
    /// ```
    /// use exeunt_guard::deny_list::{Entry, Heard, Revoked};
    ///
    /// let heard = Heard::from_json(r#"{"number":18,"kind":"session","sid":"s1","until":1767269400}"#);
    /// let entry = Entry { what: Revoked::Session("s1".into()), until: 1_767_269_400 };
    /// assert_eq!(heard, Heard::Entry(entry));
    /// assert_eq!(Heard::from_json(r#"{"number":19,"kind":"tenant"}"#), Heard::Unknown);
    /// ```
    pub fn from_json(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or(Self::Unknown)
    }
}

#[derive(Deserialize)]
struct Raw {
    kind: Option<String>,
    jti: Option<String>,
    hash: Option<String>,
    sid: Option<String>,
    grant: Option<String>,
    sub: Option<String>,
    client_id: Option<String>,
    kid: Option<String>,
    before: Option<i64>,
    until: Option<i64>,
}

impl From<Raw> for Heard {
    fn from(raw: Raw) -> Self {
        let what = match raw.kind.as_deref() {
            Some("token") => raw.jti.or(raw.hash).map(Revoked::Token),
            Some("session") => raw.sid.map(Revoked::Session),
            Some("grant") => raw.grant.map(Revoked::Grant),
            Some("subject") => raw
                .sub
                .zip(raw.before)
                .map(|(sub, before)| Revoked::Subject { sub, before }),
            Some("client") => raw
                .client_id
                .zip(raw.before)
                .map(|(client_id, before)| Revoked::Client { client_id, before }),
            Some("key") => raw.kid.map(Revoked::Key),
            Some("all") => raw.before.map(|before| Revoked::All { before }),
            _ => None,
        };
        match what.zip(raw.until) {
            Some((what, until)) => Self::Entry(Entry { what, until }),
            None => Self::Unknown,
        }
    }
}
