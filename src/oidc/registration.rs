//! Whether a client's metadata is sound (Registration 1.0 §2, RFC 7591 §2, RFC 8252, the logout
//! specifications), wherever it comes from: file, command line or the client itself.

mod backchannel;
mod client_keys;
pub mod dynamic;
mod initiate_login;
mod outward;
mod request_objects;
mod signing;
mod subject;

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::oidc::authorization::ResponseType;
use crate::oidc::client::{ApplicationType, ClientAuthMethod, ClientMetadata, GrantType};
use crate::oidc::scope::{ADMINISTRATION, OPENID, Scope};
use crate::oidc::uri;

pub use client_keys::secret_problem;

/// The most characters of what people read.
const LONGEST_NAME: usize = 128;

/// What is wrong with one field, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field's name in the metadata.
    pub field: &'static str,
    /// A sentence.
    pub message: String,
}

impl Problem {
    fn new(field: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { field, message }
    }
}

/// Where outbound connections may go beside the public internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    /// For every client.
    pub everyone: Vec<IpNet>,
    /// For those clients that name them.
    pub named: BTreeMap<String, Vec<IpNet>>,
}

/// Every problem of the metadata, in the order of the rules. `has_secret` is whether the client has
/// a secret; `networks` is where outbound connections may go.
pub fn check(metadata: &ClientMetadata, has_secret: bool, networks: &Networks) -> Vec<Problem> {
    let rules = [
        redirect_uris(metadata),
        post_logout_redirect_uris(metadata),
        grant_types(metadata),
        response_types(metadata),
        token_endpoint_auth_method(metadata, has_secret),
        client_keys::token_endpoint_auth_signing_alg(metadata),
        client_keys::jwks(metadata),
        client_keys::jwks_uri(metadata, networks),
        request_objects::request_uris(metadata, networks),
        request_objects::request_object_signing_alg(metadata),
        scope(metadata),
        signing::id_token_signed_response_alg(metadata),
        subject::subject_type(metadata),
        subject::sector_identifier_uri(metadata),
        frontchannel_logout_uri(metadata),
        backchannel::logout_uri(metadata, networks),
        backchannel::private_networks(metadata, networks),
        backchannel::logout_token_subject(metadata),
        backchannel::logout_give_up_after(metadata),
        initiate_login::initiate_login_uri(metadata),
        pages(metadata),
        client_name(metadata),
        contacts(metadata),
        access_token_audience(metadata),
    ];
    rules.into_iter().flatten().collect()
}

/// What else the rule about `field` looks at. While one of these is unknown, nobody can tell whether it is kept.
pub fn looks_at(field: &str) -> &'static [&'static str] {
    match field {
        "redirect_uris" | "post_logout_redirect_uris" => &["application_type"],
        "grant_types" => &["token_endpoint_auth_method"],
        "token_endpoint_auth_signing_alg" => &["token_endpoint_auth_method"],
        "jwks" => &["token_endpoint_auth_method", "jwks_uri"],
        "request_uris" => &["private_networks"],
        "request_object_signing_alg" => &["token_endpoint_auth_method", "jwks", "jwks_uri"],
        "jwks_uri" => &["jwks", "private_networks"],
        "backchannel_logout_uri" => &["token_endpoint_auth_method", "private_networks"],
        "response_types" | "scope" => &["grant_types"],
        "token_endpoint_auth_method" => &["client_secret", "client_secret_hash"],
        "frontchannel_logout_uri" => &["redirect_uris"],
        "id_token_signed_response_alg" => &["response_types"],
        "subject_type" => &["redirect_uris", "application_type", "sector_identifier_uri"],
        _ => &[],
    }
}

/// Where codes may go (Registration §2, RFC 8252 §7, RFC 9700 §4.1.3).
fn redirect_uris(metadata: &ClientMetadata) -> Vec<Problem> {
    let field = "redirect_uris";
    let mut problems = return_uris(field, &metadata.redirect_uris, metadata.application_type);
    if metadata.redirect_uris.is_empty() && metadata.grant_types.iter().any(sends_people) {
        problems.push(Problem::new(
            field,
            "name at least one, for answers to be sent to",
        ));
    }
    problems
}

/// Where people may go after signing out (RP-Initiated Logout §3.1).
fn post_logout_redirect_uris(metadata: &ClientMetadata) -> Vec<Problem> {
    return_uris(
        "post_logout_redirect_uris",
        &metadata.post_logout_redirect_uris,
        metadata.application_type,
    )
}

fn return_uris(
    field: &'static str,
    uris: &[String],
    application_type: ApplicationType,
) -> Vec<Problem> {
    uris.iter()
        .filter_map(|text| {
            let problem = return_uri(text, application_type).err()?;
            Some(Problem::new(field, format!("{text:?}: {problem}")))
        })
        .collect()
}

fn return_uri(text: &str, application_type: ApplicationType) -> Result<(), String> {
    let url = uri::absolute(text)?;
    match (url.scheme(), application_type) {
        ("http", _) if uri::is_loopback(&url) => Ok(()),
        ("http", _) => Err("plain http is for this machine alone; use https".to_owned()),
        ("https", _) => Ok(()),
        // RFC 8252 §7.1: a scheme that its owner's domain vouches for. It also keeps out
        // `javascript:`, `data:` and their like.
        (scheme, ApplicationType::Native) if scheme.contains('.') => Ok(()),
        (_, ApplicationType::Native) => Err(
            "a native application's scheme is a domain reversed, like com.example.app".to_owned(),
        ),
        (_, ApplicationType::Web) => Err("use https".to_owned()),
    }
}

/// Grants that make sense together (RFC 7591 §2.1, RFC 6749 §4.4).
fn grant_types(metadata: &ClientMetadata) -> Vec<Problem> {
    let field = "grant_types";
    let has = |grant| metadata.grant_types.contains(&grant);
    let public = metadata.token_endpoint_auth_method == ClientAuthMethod::None;
    let mut problems = Vec::new();
    if metadata.grant_types.is_empty() {
        problems.push(Problem::new(field, "name at least one"));
    }
    if has(GrantType::RefreshToken) && !has(GrantType::AuthorizationCode) {
        problems.push(Problem::new(
            field,
            "refresh_token needs authorization_code",
        ));
    }
    if has(GrantType::ClientCredentials) && public {
        problems.push(Problem::new(
            field,
            "client_credentials needs a client that authenticates",
        ));
    }
    problems
}

/// Whether a client with this grant sends people to the authorization endpoint.
fn sends_people(grant: &GrantType) -> bool {
    matches!(grant, GrantType::AuthorizationCode | GrantType::Implicit)
}

/// Types that we know, each with the grants that it takes, and a type for each grant that sends an
/// answer to the client (Registration §2).
fn response_types(metadata: &ClientMetadata) -> Vec<Problem> {
    let field = "response_types";
    let grants = &metadata.grant_types;
    let mut problems = Vec::new();
    let mut known = Vec::new();
    for name in &metadata.response_types {
        match ResponseType::from_name(name) {
            None => {
                let all = ResponseType::ALL.map(ResponseType::as_str).join(", ");
                problems.push(Problem::new(field, format!("{name:?} is none of: {all}")));
            }
            // The default, of a client that sends nobody here.
            Some(ResponseType::CODE) if !grants.iter().any(sends_people) => {}
            Some(response_type) if !response_type.fits(grants) => {
                let needs = match (response_type.code, response_type.brings_tokens()) {
                    (true, true) => "authorization_code and implicit",
                    (true, false) => "authorization_code",
                    (false, _) => "implicit",
                };
                let message = format!("{name:?} needs {needs} among the grant_types");
                problems.push(Problem::new(field, message));
            }
            Some(response_type) => known.push(response_type),
        }
    }
    let unused = |grant, used: fn(&ResponseType) -> bool| {
        grants.contains(&grant) && problems.is_empty() && !known.iter().any(used)
    };
    if unused(GrantType::AuthorizationCode, |known| known.code) {
        problems.push(Problem::new(
            field,
            "the grant authorization_code needs a type with code",
        ));
    } else if unused(GrantType::Implicit, |known| known.brings_tokens()) {
        problems.push(Problem::new(
            field,
            "the grant implicit needs a type with id_token or token",
        ));
    }
    problems
}

/// A secret where one is used, and nowhere else (Core §9).
fn token_endpoint_auth_method(metadata: &ClientMetadata, has_secret: bool) -> Vec<Problem> {
    let message = match (
        metadata.token_endpoint_auth_method.uses_secret(),
        has_secret,
    ) {
        (true, false) => "this method needs a client_secret",
        (false, true) => "this method uses no client_secret; remove it",
        _ => return Vec::new(),
    };
    vec![Problem::new("token_endpoint_auth_method", message)]
}

/// RFC 7591 §2.
fn scope(metadata: &ClientMetadata) -> Vec<Problem> {
    let field = "scope";
    match metadata.scope.as_deref().map(Scope::parse) {
        None => Vec::new(),
        Some(Err(refusal)) => vec![Problem::new(field, refusal.description)],
        Some(Ok(scope))
            if metadata.grant_types.contains(&GrantType::AuthorizationCode)
                && !scope.contains(OPENID) =>
        {
            vec![Problem::new(
                field,
                "must contain openid for people to sign in",
            )]
        }
        Some(Ok(scope)) => administration(metadata, &scope)
            .map(|message| Problem::new(field, message))
            .into_iter()
            .collect(),
    }
}

/// What keeps the client from using the scopes of administrators that it names.
fn administration(metadata: &ClientMetadata, scope: &Scope) -> Option<&'static str> {
    let named = ADMINISTRATION.iter().any(|token| scope.contains(token));
    if !named {
        None
    } else if !metadata.grant_types.contains(&GrantType::ClientCredentials) {
        Some("the scopes of administrators need the grant client_credentials: no person gives them")
    } else if metadata.access_token_audience.is_some() {
        Some(
            "the scopes of administrators need tokens for us: leave access_token_audience out, or use another client",
        )
    } else {
        None
    }
}

/// Its origin is that of a redirect URI (Front-Channel Logout §2).
fn frontchannel_logout_uri(metadata: &ClientMetadata) -> Vec<Problem> {
    let field = "frontchannel_logout_uri";
    let Some(text) = &metadata.frontchannel_logout_uri else {
        return Vec::new();
    };
    if let Err(problem) = return_uri(text, ApplicationType::Web) {
        return vec![Problem::new(field, problem)];
    }
    if uri::framed_origin(text).is_none() {
        let message =
            "browsers frame no page at an IPv6 address: give it a name, or an IPv4 address";
        return vec![Problem::new(field, message)];
    }
    let origin = uri::origin(text);
    let same = |known: &String| uri::origin(known) == origin;
    if metadata.redirect_uris.iter().any(same) {
        Vec::new()
    } else {
        let message = "its scheme, host and port must be those of a redirect URI";
        vec![Problem::new(field, message)]
    }
}

/// Pages that people are shown links to (Registration §2): never `javascript:`.
fn pages(metadata: &ClientMetadata) -> Vec<Problem> {
    [
        ("client_uri", &metadata.client_uri),
        ("logo_uri", &metadata.logo_uri),
        ("policy_uri", &metadata.policy_uri),
        ("tos_uri", &metadata.tos_uri),
    ]
    .into_iter()
    .filter_map(|(field, text)| {
        let message = match uri::absolute(text.as_deref()?) {
            Ok(url) if matches!(url.scheme(), "https" | "http") => return None,
            Ok(_) => "must be https or http".to_owned(),
            Err(problem) => problem,
        };
        Some(Problem::new(field, message))
    })
    .collect()
}

/// What people read can't be empty, endless or full of control characters.
fn client_name(metadata: &ClientMetadata) -> Vec<Problem> {
    match &metadata.client_name {
        Some(name) if !is_readable(name) => {
            vec![Problem::new(
                "client_name",
                "must be 1 to 128 printable characters",
            )]
        }
        _ => Vec::new(),
    }
}

fn contacts(metadata: &ClientMetadata) -> Vec<Problem> {
    if metadata.contacts.iter().all(|contact| is_readable(contact)) {
        return Vec::new();
    }
    vec![Problem::new(
        "contacts",
        "each must be 1 to 128 printable characters",
    )]
}

/// It ends in `aud` and is compared as a string (RFC 9068 §2.2).
fn access_token_audience(metadata: &ClientMetadata) -> Vec<Problem> {
    match &metadata.access_token_audience {
        Some(audience) if uri::absolute(audience).is_err() => {
            vec![Problem::new(
                "access_token_audience",
                "must be an absolute URI without fragment",
            )]
        }
        _ => Vec::new(),
    }
}

pub(in crate::oidc) fn is_readable(text: &str) -> bool {
    // The marks that turn the direction of writing make one name look like another.
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.trim().is_empty()
        && text.chars().count() <= LONGEST_NAME
        && !text.chars().any(|c| c.is_control() || turns(c))
}

#[cfg(test)]
mod tests;
