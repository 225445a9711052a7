//! How the rules say no: an error code of the registry and a description for the client's developer.

use std::borrow::Cow;
use std::fmt;

/// An error code of the OAuth or OpenID Connect registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request is malformed (RFC 6749 §4.1.2.1, §5.2).
    InvalidRequest,
    /// Client authentication failed (RFC 6749 §5.2).
    InvalidClient,
    /// The code or refresh token is not good, or not this client's (RFC 6749 §5.2).
    InvalidGrant,
    /// The client may not use this grant or response type (RFC 6749 §5.2).
    UnauthorizedClient,
    /// The server does not know this grant type (RFC 6749 §5.2).
    UnsupportedGrantType,
    /// The server does not know this response type (RFC 6749 §4.1.2.1).
    UnsupportedResponseType,
    /// The scope is unknown, malformed or more than allowed (RFC 6749 §5.2).
    InvalidScope,
    /// The resource is unknown or not for this client (RFC 8707 §2).
    InvalidTarget,
    /// Tokens of this kind can't be taken back one by one (RFC 7009 §2.2.1).
    UnsupportedTokenType,
    /// The person or the provider said no (RFC 6749 §4.1.2.1).
    AccessDenied,
    /// Something broke on our side (RFC 6749 §4.1.2.1).
    ServerError,
    /// We can't answer just now (RFC 6749 §4.1.2.1).
    TemporarilyUnavailable,
    /// `prompt=none`, and the person would have to sign in (Core §3.1.2.6).
    LoginRequired,
    /// `prompt=none`, and the person would have to consent (Core §3.1.2.6).
    ConsentRequired,
    /// `prompt=none`, and the person would have to choose an account (Core §3.1.2.6).
    AccountSelectionRequired,
    /// No sign-in of ours is of a class that the request takes (Unmet Authentication Requirements 1.0 §2).
    UnmetAuthenticationRequirements,
    /// The request object is not sound (Core §3.1.2.6).
    InvalidRequestObject,
    /// `request_uri` leads to no request object (Core §3.1.2.6).
    InvalidRequestUri,
    /// `registration` is not supported (Core §3.1.2.6).
    RegistrationNotSupported,
    /// A redirect URI can't be registered (RFC 7591 §3.2.2).
    InvalidRedirectUri,
    /// Other metadata can't be registered (RFC 7591 §3.2.2).
    InvalidClientMetadata,
    /// The software statement is none (RFC 7591 §3.2.2).
    InvalidSoftwareStatement,
    /// Nobody whom we believe has made the software statement (RFC 7591 §3.2.2).
    UnapprovedSoftwareStatement,
    /// The access token is expired, revoked or not ours (RFC 6750 §3.1).
    InvalidToken,
    /// The access token lacks a scope (RFC 6750 §3.1).
    InsufficientScope,
}

impl ErrorCode {
    /// The code as it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidSoftwareStatement => "invalid_software_statement",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A refusal, once for every audience: redirect, token answer, bearer challenge or page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {description}")]
pub struct OAuthError {
    /// The registered code.
    pub error: ErrorCode,
    /// A sentence for the client's developer. Only the characters that RFC 6749 §4.1.2.1 allows.
    pub description: Cow<'static, str>,
}

impl OAuthError {
    /// A refusal with `description`, from which characters that RFC 6749 forbids are replaced by `'`.
    pub fn new(error: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        let description = if description.chars().all(allowed) {
            description
        } else {
            description
                .chars()
                .map(|c| if allowed(c) { c } else { '\'' })
                .collect()
        };
        Self { error, description }
    }

    /// `invalid_request`.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_grant`.
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// `invalid_client`.
    pub fn invalid_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidClient, description)
    }
}
