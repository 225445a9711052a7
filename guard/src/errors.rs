//! What goes wrong, in words for the service's own log.

/// Why a token is refused.
///
/// For the service's log alone, and never quoting what the token says. Whoever sent it is told `invalid_token` and
/// nothing else (RFC 6750 §3.1): a sender who learns which check failed is helped in passing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It does not have the form of this format.
    #[error("the token does not have the form of its format")]
    Malformed,
    /// Its header has a member that is not accepted, or lacks one.
    #[error("the token's header is not accepted: {0}")]
    Header(&'static str),
    /// Its `typ` or `cty` says that it is for something else (RFC 8725 §3.11).
    #[error("the token is of another kind")]
    Type,
    /// Its algorithm is not that of the key.
    #[error("the token's algorithm is not the one that its key is for")]
    Algorithm,
    /// No key is known by the name that it gives.
    #[error("the token's key is not known")]
    UnknownKey,
    /// Its signature or tag is wrong, or it does not decrypt.
    #[error("the token was not made with its key, or was changed")]
    Forged,
    /// A claim is missing, occurs twice or has a wrong type.
    #[error("the token's claims are not what they must be: {0}")]
    Claims(&'static str),
    /// It is another issuer's.
    #[error("the token is another issuer's")]
    Issuer,
    /// It is for another service.
    #[error("the token is for another service")]
    Audience,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet: `nbf` or `iat` lies ahead.
    #[error("the token is not valid yet: is this machine's clock right?")]
    NotYet,
    /// It was taken back: the token itself, or what it came from.
    #[error("the token was revoked")]
    Revoked,
    /// It is good as far as is known here, but for too long nobody could say what was revoked.
    #[error("it is not known whether the token was revoked: the feed of revocations is not heard")]
    Stale,
    /// It was received before, and is good only once.
    #[error("the token was received before")]
    Replayed,
    /// It is bound to a key (`cnf`) whose possession nothing here can check (RFC 7800 §3.1).
    #[error("the token is bound to a key, and is no bearer token")]
    Bound,
}

/// A token could not be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A claim is missing, or is not one that this format can carry.
    #[error("the format can't carry these claims: {0}")]
    Claims(&'static str),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Cryptography,
}

/// A key is not one that can be used here. The words never quote the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(pub(crate) &'static str);
