//! The authorization endpoint (Core §3.1.2, RFC 6749 §4.1): [`ReplyTo`] first, because without one
//! nothing may be redirected, then [`AuthorizationRequest`], then [`decision`], then [`response`].

pub mod decision;
pub mod request_object;
pub mod response;
mod response_type;

use crate::oidc::claims::request::ClaimsRequest;
use crate::oidc::client::{ApplicationType, Client};
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::issuer::Issuer;
use crate::oidc::params::Params;
use crate::oidc::pkce::{self, CodeChallenge};
use crate::oidc::resource::{self, AskedService};
use crate::oidc::scope::{OPENID, Scope};
use crate::oidc::service::Service;
use crate::oidc::uri;

pub use response_type::ResponseType;

/// A redirect URI that the client registered. Holding one is the permission to redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    redirect_uri: String,
    state: Option<String>,
    response_mode: ResponseMode,
    session_state: Option<String>,
}

/// Why a request can't be answered at the client, only on a page of ours (RFC 6749 §4.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// The request names no redirect URI, and OpenID Connect wants one (Core §3.1.2.1).
    #[error("redirect_uri is missing")]
    MissingRedirectUri,
    /// The redirect URI is none that the client registered.
    #[error("redirect_uri is not one that the client registered")]
    UnknownRedirectUri {
        /// What the request said.
        received: String,
        /// The registered one that looks most like it.
        nearest: Option<String>,
    },
}

impl ReplyTo {
    /// Matches by exact string comparison (RFC 9700 §4.1.3); for a native application's
    /// `127.0.0.1` and `[::1]` the port may vary (RFC 8252 §7.3).
    ///
    /// An unsupported `response_mode` counts as the default of the response type here, and so does
    /// `query` where tokens are asked for; [`AuthorizationRequest::parse`] refuses both.
    ///
    /// # Errors
    /// [`Unanswerable`], for a page that helps the client's developer.
    pub fn establish(params: &Params, client: &Client) -> Result<Self, Unanswerable> {
        let asked = params
            .get("redirect_uri")
            .ok_or(Unanswerable::MissingRedirectUri)?;
        let registered = &client.metadata.redirect_uris;
        let native = client.metadata.application_type == ApplicationType::Native;
        let matches = |known: &String| {
            known == asked || native && differs_only_in_loopback_port(known, asked)
        };
        if !registered.iter().any(matches) {
            return Err(Unanswerable::UnknownRedirectUri {
                received: asked.to_owned(),
                nearest: uri::nearest(asked, registered).map(str::to_owned),
            });
        }
        let in_fragment = params
            .get("response_type")
            .is_some_and(ResponseType::answers_in_fragment);
        let asked_mode = params
            .get("response_mode")
            .and_then(ResponseMode::from_name);
        Ok(Self {
            redirect_uri: asked.to_owned(),
            state: params.get("state").map(str::to_owned),
            response_mode: match asked_mode {
                None | Some(ResponseMode::Query) if in_fragment => ResponseMode::Fragment,
                None => ResponseMode::Query,
                Some(mode) => mode,
            },
            session_state: None,
        })
    }

    /// The redirect URI as the request wrote it: what the token request must repeat.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }
}

/// A native application on this machine listens where it finds a free port (RFC 8252 §7.3).
/// `localhost` is not meant: it may resolve to something else (§8.3).
fn differs_only_in_loopback_port(registered: &str, asked: &str) -> bool {
    ["http://127.0.0.1", "http://[::1]"].iter().any(|host| {
        let registered = after_port(registered, host);
        registered.is_some() && registered == after_port(asked, host)
    })
}

/// What follows `host` and a port, if `uri` starts with them.
fn after_port<'a>(uri: &'a str, host: &str) -> Option<&'a str> {
    let mut rest = uri.strip_prefix(host)?;
    if let Some(port) = rest.strip_prefix(':') {
        let digits = port.bytes().take_while(u8::is_ascii_digit).count();
        port[..digits].parse::<u16>().ok()?;
        rest = &port[digits..];
    }
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}

/// How the answer travels (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the redirect URI's query.
    Query,
    /// In the redirect URI's fragment, which browsers keep from servers.
    Fragment,
    /// In a form that the browser posts.
    FormPost,
}

impl ResponseMode {
    /// Every mode that we support.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// The mode as it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

/// A value of `prompt` (Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// Show nothing.
    None,
    /// Sign in again.
    Login,
    /// Ask for consent again.
    Consent,
    /// Let the person choose who they are.
    SelectAccount,
}

impl Prompt {
    /// Every value that we support.
    pub const ALL: [Self; 4] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount];

    /// The value as it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// A sound authorization request (Core §3.1.2.1).
///
/// `display`, `acr_values` and `claims_locales` are accepted and change nothing: there is one kind of
/// page, one way of signing in, and what is known of people is known in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// What the answer brings.
    pub response_type: ResponseType,
    /// What of the scope asked for the client may have; `openid` is in it.
    pub scope: Scope,
    /// The services that it names, and what of the scope is theirs (RFC 8707 §2.1).
    pub services: Vec<AskedService>,
    /// What the ID token must repeat.
    pub nonce: Option<String>,
    /// What the person must be asked, or that nothing may be.
    pub prompt: Vec<Prompt>,
    /// The most seconds since the person signed in; the client's default where the request has none.
    pub max_age: Option<u32>,
    /// Who is likely to sign in.
    pub login_hint: Option<String>,
    /// The languages for the pages, best first.
    pub ui_locales: Vec<String>,
    /// An ID token about the person expected, not verified yet.
    pub id_token_hint: Option<String>,
    /// The claims asked for one by one, as far as the client may ask.
    pub claims: ClaimsRequest,
    /// What the code is bound to.
    pub code_challenge: Option<CodeChallenge>,
}

impl AuthorizationRequest {
    /// Reads a request whose client and [`ReplyTo`] are known, rule by rule. If it had a request object, that has been
    /// merged into it ([`request_object::merge`]). `services` are those of [`resource::named`] that there are.
    ///
    /// # Errors
    /// The refusal of the first rule broken, to be answered through the [`ReplyTo`].
    pub fn parse(
        params: &Params,
        client: &Client,
        issuer: &Issuer,
        services: &[Service],
    ) -> Result<Self, OAuthError> {
        refuse_registration(params)?;
        let response_type = ResponseType::of_request(params, client)?;
        check_response_mode(params, response_type)?;
        let services = resource::services(params, client, issuer, services)?;
        refuse_several(&services, response_type)?;
        let (services, scope) = read_scope(params, client, services)?;
        let owned = |name| params.get(name).map(str::to_owned);
        Ok(Self {
            response_type,
            scope,
            services,
            nonce: read_nonce(params, response_type)?,
            prompt: read_prompt(params)?,
            max_age: read_max_age(params)?.or(client.metadata.default_max_age),
            login_hint: owned("login_hint"),
            ui_locales: read_list(params, "ui_locales"),
            id_token_hint: owned("id_token_hint"),
            claims: read_claims(params, client, response_type)?,
            code_challenge: read_code_challenge(params, client, response_type)?,
        })
    }

    /// Whether `prompt` has `value`.
    pub fn asks(&self, value: Prompt) -> bool {
        self.prompt.contains(&value)
    }
}

/// A parameter that would change the request's meaning and that we can't read (Core §7.2.1).
fn refuse_registration(params: &Params) -> Result<(), OAuthError> {
    match params.get("registration") {
        None => Ok(()),
        Some(_) => Err(OAuthError::new(
            ErrorCode::RegistrationNotSupported,
            "the parameter registration is not supported",
        )),
    }
}

/// OAuth 2.0 Multiple Response Types §2.1; §5: tokens never in a query, where they end up in logs.
fn check_response_mode(params: &Params, response_type: ResponseType) -> Result<(), OAuthError> {
    let Some(mode) = params.get("response_mode") else {
        return Ok(());
    };
    match ResponseMode::from_name(mode) {
        None => Err(OAuthError::invalid_request(
            "response_mode must be query, fragment or form_post",
        )),
        Some(ResponseMode::Query) if response_type.brings_tokens() => Err(
            OAuthError::invalid_request("response_mode=query is not for answers that bring tokens"),
        ),
        Some(_) => Ok(()),
    }
}

/// An ID token that comes through the browser could be another's, put there (Core §3.2.2.1, §3.3.2.11).
fn read_nonce(params: &Params, response_type: ResponseType) -> Result<Option<String>, OAuthError> {
    match params.get("nonce") {
        None if response_type.id_token => Err(OAuthError::invalid_request(
            "nonce is missing; an ID token that comes through the browser needs one",
        )),
        nonce => Ok(nonce.map(str::to_owned)),
    }
}

/// An access token is for one, and here nothing says for which (RFC 8707 §2.1 with RFC 9068 §3).
fn refuse_several(services: &[Service], response_type: ResponseType) -> Result<(), OAuthError> {
    if response_type.token && services.len() > 1 {
        return Err(OAuthError::new(
            ErrorCode::InvalidTarget,
            "the access token that comes with this response type is for one resource",
        ));
    }
    Ok(())
}

/// Scopes that are unknown or not for this client are left out (Core §3.1.2.1, RFC 6749 §3.3);
/// `openid` must be there: plain OAuth without an ID token is nothing that we offer.
fn read_scope(
    params: &Params,
    client: &Client,
    services: Vec<Service>,
) -> Result<(Vec<AskedService>, Scope), OAuthError> {
    let asked = Scope::parse(params.get("scope").unwrap_or_default())?;
    let (services, rest) = resource::share(&asked, client, services);
    if rest.contains(OPENID) {
        Ok((services, rest))
    } else {
        Err(OAuthError::new(
            ErrorCode::InvalidScope,
            "the scope must contain openid",
        ))
    }
}

/// `none` stands alone (Core §3.1.2.1); an unknown value is refused (Prompt Create §4.1).
fn read_prompt(params: &Params) -> Result<Vec<Prompt>, OAuthError> {
    let mut prompt = Vec::new();
    for name in read_list(params, "prompt") {
        let value = Prompt::ALL
            .into_iter()
            .find(|value| value.as_str() == name)
            .ok_or_else(|| OAuthError::invalid_request("a value of prompt is unknown"))?;
        if !prompt.contains(&value) {
            prompt.push(value);
        }
    }
    if prompt.len() > 1 && prompt.contains(&Prompt::None) {
        return Err(OAuthError::invalid_request("prompt=none stands alone"));
    }
    Ok(prompt)
}

/// A whole number of seconds (Core §3.1.2.1).
fn read_max_age(params: &Params) -> Result<Option<u32>, OAuthError> {
    match params.get("max_age") {
        None => Ok(None),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            // What does not fit is longer than a century: no limit in practice.
            Ok(Some(text.parse().unwrap_or(u32::MAX)))
        }
        Some(_) => Err(OAuthError::invalid_request(
            "max_age must be a whole number of seconds",
        )),
    }
}

/// Core §5.5.
fn read_claims(
    params: &Params,
    client: &Client,
    response_type: ResponseType,
) -> Result<ClaimsRequest, OAuthError> {
    let Some(text) = params.get("claims") else {
        return Ok(ClaimsRequest::default());
    };
    let has_userinfo = response_type.code || response_type.token;
    Ok(ClaimsRequest::parse(text)?.for_client(client, has_userinfo))
}

/// RFC 7636 §4.4.1.
fn read_code_challenge(
    params: &Params,
    client: &Client,
    response_type: ResponseType,
) -> Result<Option<CodeChallenge>, OAuthError> {
    let challenge = CodeChallenge::from_params(params)?;
    if challenge.is_none() && response_type.code && pkce::is_required_of(client) {
        return Err(OAuthError::invalid_request(
            "code_challenge is missing; this client must use PKCE",
        ));
    }
    Ok(challenge)
}

fn read_list(params: &Params, name: &str) -> Vec<String> {
    params
        .get(name)
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(in crate::oidc) mod tests;
