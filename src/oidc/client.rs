//! A client as it registered: OpenID Connect Dynamic Client Registration 1.0 §2, RFC 7591 §2.

use serde::{Deserialize, Serialize};

use crate::oidc::algorithm::{ClientAlgorithm, IdTokenAlgorithm, SigningAlgorithm};
use crate::oidc::duration::Lifetime;

/// Metadata under the names of OpenID registration, and a few settings of our own.
///
/// Holding one says nothing about its soundness: [`crate::oidc::registration::check`] does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientMetadata {
    /// What people see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Where browsers run it.
    pub application_type: ApplicationType,
    /// Where authorization responses may go, compared as exact strings.
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after signing out, compared as exact strings.
    pub post_logout_redirect_uris: Vec<String>,
    /// The response types it may ask for.
    pub response_types: Vec<String>,
    /// The grants it may use at the token endpoint.
    pub grant_types: Vec<GrantType>,
    /// How it proves who it is at the token endpoint.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// What its assertions are signed with; absent: any algorithm that its keys or its secret do for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<ClientAlgorithm>,
    /// Its public keys, by value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// Where it publishes them instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Where its request objects may be fetched, compared as exact strings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_uris: Vec<String>,
    /// What its request objects are signed with; absent: any algorithm, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<ClientAlgorithm>,
    /// The scopes it may ask for, separated by spaces; absent: every scope that we know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What its ID tokens are signed with, and its logout tokens: see [`ClientMetadata::logout_token_algorithm`].
    pub id_token_signed_response_alg: IdTokenAlgorithm,
    /// What its userinfo answers are signed with; absent: they are JSON, unsigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<SigningAlgorithm>,
    /// Under which `sub` it knows people.
    pub subject_type: SubjectType,
    /// Where its sector says which redirect URIs belong to it (Core §8.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// Where its server hears that a session ended (Back-Channel Logout 1.0 §2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether it needs `sid` in logout tokens.
    pub backchannel_logout_session_required: bool,
    /// The page of its that is framed when a session ends (Front-Channel Logout 1.0 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// Whether that page needs `iss` and `sid`.
    pub frontchannel_logout_session_required: bool,
    /// Where it begins a sign-in that somebody else wants (Core §4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiate_login_uri: Option<String>,
    /// Its home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Its logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// What it does with people's data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// `max_age` where a request has none, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    /// Whether its ID tokens always carry `auth_time`.
    pub require_auth_time: bool,

    /// Ours: a first-party application, for which people are not asked.
    pub skip_consent: bool,
    /// Ours: every code must be bound by PKCE, though the client is confidential.
    pub require_pkce: bool,
    /// Ours: client assertions must name the issuer alone as their audience (RFC 7523bis).
    pub strict_assertion_audience: bool,
    /// Ours: the `aud` of its access tokens; absent: the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_audience: Option<String>,
    /// Ours: whom its logout tokens name.
    pub logout_token_subject: LogoutTokenSubject,
    /// Ours: when a notice to it is given up; absent: as `logout.give_up_after` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logout_give_up_after: Option<Lifetime>,
    /// Ours: the networks of `outbound.private_networks` in which it lives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private_networks: Vec<String>,
}

impl Default for ClientMetadata {
    fn default() -> Self {
        Self {
            client_name: None,
            application_type: ApplicationType::Web,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            response_types: vec!["code".to_owned()],
            grant_types: vec![GrantType::AuthorizationCode],
            token_endpoint_auth_method: ClientAuthMethod::ClientSecretBasic,
            token_endpoint_auth_signing_alg: None,
            jwks: None,
            jwks_uri: None,
            request_uris: Vec::new(),
            request_object_signing_alg: None,
            scope: None,
            id_token_signed_response_alg: IdTokenAlgorithm::Signed(SigningAlgorithm::RS256),
            userinfo_signed_response_alg: None,
            subject_type: SubjectType::Public,
            sector_identifier_uri: None,
            backchannel_logout_uri: None,
            backchannel_logout_session_required: false,
            frontchannel_logout_uri: None,
            frontchannel_logout_session_required: false,
            initiate_login_uri: None,
            client_uri: None,
            logo_uri: None,
            policy_uri: None,
            tos_uri: None,
            contacts: Vec::new(),
            default_max_age: None,
            require_auth_time: false,
            skip_consent: false,
            require_pkce: false,
            strict_assertion_audience: false,
            access_token_audience: None,
            logout_token_subject: LogoutTokenSubject::SubAndSid,
            logout_give_up_after: None,
            private_networks: Vec::new(),
        }
    }
}

impl ClientMetadata {
    /// What its logout tokens are signed with: as its ID tokens; RS256 where these are not, since an unsigned logout
    /// token could be anybody's (Back-Channel Logout §2.4, §2.6).
    pub fn logout_token_algorithm(&self) -> SigningAlgorithm {
        self.id_token_signed_response_alg
            .signed()
            .unwrap_or(SigningAlgorithm::RS256)
    }

    /// Every algorithm that something is signed with for it, beside its access tokens.
    pub fn algorithms(&self) -> impl Iterator<Item = SigningAlgorithm> + use<> {
        [
            Some(self.logout_token_algorithm()),
            self.userinfo_signed_response_alg,
        ]
        .into_iter()
        .flatten()
    }
}

/// `subject_type` (Core §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The same as at every other public client.
    Public,
    /// One that only its sector knows.
    Pairwise,
}

impl SubjectType {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Public, Self::Pairwise];
}

/// `application_type` (Registration §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// Runs on a server or in a page.
    Web,
    /// Runs on the person's device (RFC 8252).
    Native,
}

/// Whom a logout token names (Back-Channel Logout 1.0 §2.4): a `sub`, a `sid` or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogoutTokenSubject {
    /// The person and the session.
    SubAndSid,
    /// The session alone.
    Sid,
    /// The person alone, where that ends no session that goes on; else both.
    Sub,
}

/// The grants that a client may be registered for (Registration §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// Tokens from the authorization endpoint (Core §3.2, §3.3); none at the token endpoint.
    Implicit,
}

impl GrantType {
    /// Every grant that we support.
    pub const ALL: [Self; 4] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::Implicit,
    ];

    /// The grant as it is written in metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::Implicit => "implicit",
        }
    }

    /// Reads a grant.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// How a client authenticates (Core §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// The secret in the Authorization header.
    ClientSecretBasic,
    /// The secret in the form.
    ClientSecretPost,
    /// An assertion signed with the secret (RFC 7523).
    ClientSecretJwt,
    /// An assertion signed with the client's key.
    PrivateKeyJwt,
    /// Nothing: a public client.
    None,
}

impl ClientAuthMethod {
    /// Every method that we support.
    pub const ALL: [Self; 5] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::ClientSecretJwt,
        Self::PrivateKeyJwt,
        Self::None,
    ];

    /// Whether it takes a secret.
    pub fn uses_secret(self) -> bool {
        matches!(
            self,
            Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt
        )
    }
}

/// What is kept of a client's secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptSecret {
    /// Its keyed hash, of one that is only compared.
    Hashed(String),
    /// The secret itself, sealed under the master key: one that signs is a key.
    Sealed(String),
}

/// A client that may be spoken with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name in the protocol.
    pub client_id: String,
    /// Its secret, if it has one.
    pub secret: Option<KeptSecret>,
    /// What it registered, checked when it was.
    pub metadata: ClientMetadata,
}

impl Client {
    /// What people read: its name, else its identifier.
    pub fn name(&self) -> &str {
        self.metadata
            .client_name
            .as_deref()
            .unwrap_or(&self.client_id)
    }

    /// Whether it can't keep a secret (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.metadata.token_endpoint_auth_method == ClientAuthMethod::None
    }

    /// Whether it may use `grant` at the token endpoint.
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.metadata.grant_types.contains(&grant)
    }
}
