//! What an entry says is no longer good, and the columns that say it.

use uuid::Uuid;

use super::Model;
use crate::clock::Timestamp;
use crate::store::{StoreError, time_or_none};

/// The `kind` of a token that has a name of its own, and of one that has none.
const JTI: &str = "token";
const HASH: &str = "token_hash";

/// By what one access token is known, among those for one audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenName {
    /// Its `jti`.
    Jti(String),
    /// The hash of its text: it carries no `jti`.
    Hash(String),
}

impl TokenName {
    /// The columns `kind` and `subject`.
    pub(super) fn columns(&self) -> (&'static str, &str) {
        match self {
            Self::Jti(jti) => (JTI, jti),
            Self::Hash(hash) => (HASH, hash),
        }
    }
}

/// What is no longer good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dead {
    /// One access token.
    Token {
        /// What it is named by.
        name: TokenName,
        /// To whom it was issued.
        client_id: String,
        /// Whom it is for.
        audience: String,
    },
    /// The tokens of a session, of every application that took part to its end.
    Session(Uuid),
    /// The tokens of one application's part in a session.
    Part {
        /// What they call the session.
        sid: Uuid,
        /// The application.
        client_id: String,
    },
    /// The tokens of a grant.
    Grant {
        /// Which one.
        id: Uuid,
        /// To whom it was made.
        client_id: String,
    },
    /// A person's tokens that were issued before a moment.
    Subject {
        /// Who.
        user_id: Uuid,
        /// A whole second.
        before: Timestamp,
    },
    /// A client's tokens that were issued before a moment.
    Client {
        /// Which one.
        client_id: String,
        /// A whole second.
        before: Timestamp,
    },
    /// What a key of ours has signed.
    Key(String),
    /// Every token that was issued before a moment.
    All {
        /// A whole second.
        before: Timestamp,
    },
}

impl Dead {
    /// The columns `kind`, `subject`, `client_id` and `before`.
    pub(super) fn columns(&self) -> (&'static str, String, Option<String>, Option<Timestamp>) {
        match self {
            Self::Token {
                name, client_id, ..
            } => {
                let (kind, subject) = name.columns();
                (kind, subject.to_owned(), Some(client_id.clone()), None)
            }
            Self::Session(id) => ("session", id.to_string(), None, None),
            Self::Part { sid, client_id } => {
                ("part", sid.to_string(), Some(client_id.clone()), None)
            }
            Self::Grant { id, client_id } => {
                ("grant", id.to_string(), Some(client_id.clone()), None)
            }
            Self::Subject { user_id, before } => {
                ("subject", user_id.to_string(), None, Some(*before))
            }
            Self::Client { client_id, before } => {
                let named = Some(client_id.clone());
                ("client", client_id.clone(), named, Some(*before))
            }
            Self::Key(kid) => ("key", kid.clone(), None, None),
            Self::All { before } => ("all", String::new(), None, Some(*before)),
        }
    }

    pub(super) fn read(row: &Model) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged("a revocation");
        let id = || row.subject.parse().map_err(|_no_id| damaged());
        let client_id = || row.client_id.clone().ok_or_else(damaged);
        let before = || time_or_none(row.before)?.ok_or_else(damaged);
        Ok(match row.kind.as_str() {
            JTI | HASH => Self::Token {
                name: match row.kind.as_str() {
                    JTI => TokenName::Jti(row.subject.clone()),
                    _ => TokenName::Hash(row.subject.clone()),
                },
                client_id: client_id()?,
                audience: row.audience.clone().ok_or_else(damaged)?,
            },
            "session" => Self::Session(id()?),
            "part" => Self::Part {
                sid: id()?,
                client_id: client_id()?,
            },
            "grant" => Self::Grant {
                id: id()?,
                client_id: client_id()?,
            },
            "subject" => Self::Subject {
                user_id: id()?,
                before: before()?,
            },
            "client" => Self::Client {
                client_id: client_id()?,
                before: before()?,
            },
            "key" => Self::Key(row.subject.clone()),
            "all" => Self::All { before: before()? },
            _ => return Err(damaged()),
        })
    }
}
