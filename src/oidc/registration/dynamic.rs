//! What a client asks for that registers itself (Registration 1.0 §3.1, RFC 7591 §3.1, RFC 7592 §2.2),
//! and what of it it may have.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{Problem, sends_people};
use crate::oidc::authorization::ResponseType;
use crate::oidc::client::{ClientMetadata, GrantType};
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::json;
use crate::oidc::scope::{ADMINISTRATION, STANDARD, Scope};

/// The metadata that a client may set itself: a list of what may be set, so that a setting of ours is not to
/// be had by writing its name into the request. What stands nowhere here is ignored (RFC 7591 §2).
const REGISTRABLE: [&str; 29] = [
    "client_name",
    "application_type",
    "redirect_uris",
    "post_logout_redirect_uris",
    "response_types",
    "grant_types",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "jwks",
    "jwks_uri",
    "request_uris",
    "request_object_signing_alg",
    "scope",
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "subject_type",
    "sector_identifier_uri",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "initiate_login_uri",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "contacts",
    "default_max_age",
    "require_auth_time",
];

/// Metadata that asks for a protection which we do not have, with the values that ask for none. A client must
/// not go without it unawares, which is what ignoring it would come to.
const UNMET: [(&str, &[&str]); 10] = [
    ("id_token_encrypted_response_alg", &[]),
    ("id_token_encrypted_response_enc", &[]),
    ("userinfo_encrypted_response_alg", &[]),
    ("userinfo_encrypted_response_enc", &[]),
    ("request_object_encryption_alg", &[]),
    ("request_object_encryption_enc", &[]),
    ("tls_client_certificate_bound_access_tokens", &["false"]),
    ("dpop_bound_access_tokens", &["false"]),
    ("require_pushed_authorization_requests", &["false"]),
    ("require_signed_request_object", &["false"]),
];

/// The most characters of a refusal's description.
const LONGEST_DESCRIPTION: usize = 1000;

/// What a client that registers itself may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The response types.
    pub response_types: Vec<ResponseType>,
    /// The grants.
    pub grant_types: Vec<GrantType>,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            response_types: vec![ResponseType::CODE],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        }
    }
}

/// A client's request to be registered, or to be registered otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationRequest {
    /// What it wants to be; each field has its type, and is within the offer. [`super::check`] has not been
    /// asked yet.
    pub metadata: ClientMetadata,
    /// Who it says it is: for updates (RFC 7592 §2.2).
    pub client_id: Option<String>,
    /// The secret that it says it has: for updates.
    pub client_secret: Option<String>,
}

impl RegistrationRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// The codes of RFC 7591 §3.2.2.
    pub fn parse(body: &[u8], offer: &Offer) -> Result<Self, OAuthError> {
        let mut members = json::object(body).ok_or_else(|| {
            OAuthError::new(
                ErrorCode::InvalidClientMetadata,
                "the body must be one JSON object in which no member occurs twice",
            )
        })?;
        // RFC 7592 §2.2: null is as good as absent.
        members.retain(|_, value| !value.is_null());
        software_statement(&members)?;
        let (metadata, mut problems) = read(&members);
        problems.extend(unmet(&members));
        let metadata = ClientMetadata {
            grant_types: grant_types(&members, &metadata),
            scope: scope(metadata.scope.as_deref(), &mut problems),
            ..metadata
        };
        problems.extend(offered(&metadata, offer));
        match refusal(&problems) {
            Some(refusal) => Err(refusal),
            None => Ok(Self {
                metadata,
                client_id: text(&members, "client_id"),
                client_secret: text(&members, "client_secret"),
            }),
        }
    }
}

/// The refusal that tells these problems, if there are any (RFC 7591 §3.2.2).
pub fn refusal(problems: &[Problem]) -> Option<OAuthError> {
    let error = if problems.first()?.field == "redirect_uris" {
        ErrorCode::InvalidRedirectUri
    } else {
        ErrorCode::InvalidClientMetadata
    };
    let mut description = String::new();
    for Problem { field, message } in problems {
        let separator = if description.is_empty() { "" } else { "; " };
        // Writing to a text does not fail.
        let _ = write!(description, "{separator}{field}: {message}");
    }
    if let Some((end, _)) = description.char_indices().nth(LONGEST_DESCRIPTION) {
        description.truncate(end);
        description.push_str("...");
    }
    Some(OAuthError::new(error, description))
}

/// What the client is told that it registered: all of it but the settings of ours.
pub fn registered(metadata: &ClientMetadata) -> Map<String, Value> {
    let mut members = members_of(metadata);
    members.retain(|name, _| REGISTRABLE.contains(&name.as_str()));
    members
}

/// `wanted` by a client which was `known` before: what it does not say is as if it had never been said
/// (RFC 7592 §2.2), but for what it can't say at all.
pub fn replaced(known: &ClientMetadata, wanted: &ClientMetadata) -> ClientMetadata {
    let mut members = members_of(known);
    members.retain(|name, _| !REGISTRABLE.contains(&name.as_str()));
    members.extend(registered(wanted));
    // Both were metadata, and each field is that of one of them.
    serde_json::from_value(Value::Object(members)).unwrap_or_else(|_never| wanted.clone())
}

fn members_of(metadata: &ClientMetadata) -> Map<String, Value> {
    match serde_json::to_value(metadata) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name)?.as_str().map(str::to_owned)
}

/// Every field on its own, so that one problem does not hide the next.
fn read(members: &Map<String, Value>) -> (ClientMetadata, Vec<Problem>) {
    let mut sound = Map::new();
    let mut problems = Vec::new();
    for field in REGISTRABLE {
        let Some(value) = members.get(field) else {
            continue;
        };
        let alone = Map::from_iter([(field.to_owned(), value.clone())]);
        match serde_json::from_value::<ClientMetadata>(Value::Object(alone)) {
            Ok(_) => {
                sound.insert(field.to_owned(), value.clone());
            }
            Err(error) => problems.push(Problem::new(field, error.to_string())),
        }
    }
    let metadata = serde_json::from_value(Value::Object(sound)).unwrap_or_default();
    (metadata, problems)
}

/// RFC 7591 §2.3. We believe nobody who makes them; one that was ignored would look as if we did.
fn software_statement(members: &Map<String, Value>) -> Result<(), OAuthError> {
    let Some(statement) = members.get("software_statement") else {
        return Ok(());
    };
    Err(if statement.as_str().is_some_and(is_signed_by_someone) {
        OAuthError::new(
            ErrorCode::UnapprovedSoftwareStatement,
            "no issuer of software statements is believed here: register without one",
        )
    } else {
        OAuthError::new(
            ErrorCode::InvalidSoftwareStatement,
            "the software_statement must be a signed JWT with an iss",
        )
    })
}

/// Whether it is a JWT with a signature and an issuer, whoever that may be.
fn is_signed_by_someone(statement: &str) -> bool {
    let object = |part: &str| -> Option<Map<String, Value>> {
        json::object(&URL_SAFE_NO_PAD.decode(part).ok()?)
    };
    let parts: Vec<&str> = statement.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return false;
    };
    let signed = object(header)
        .and_then(|header| text(&header, "alg"))
        .is_some_and(|algorithm| algorithm != "none");
    let issued = object(claims).is_some_and(|claims| text(&claims, "iss").is_some());
    signed && issued && !signature.is_empty() && URL_SAFE_NO_PAD.decode(signature).is_ok()
}

fn unmet(members: &Map<String, Value>) -> Vec<Problem> {
    let asks = |value: &Value, harmless: &[&str]| {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        !harmless.contains(&value.as_str())
    };
    let asked = UNMET
        .iter()
        .filter(|(field, _)| !REGISTRABLE.contains(field))
        .filter(|(field, harmless)| {
            members
                .get(*field)
                .is_some_and(|value| asks(value, harmless))
        });
    asked
        .map(|(field, _)| Problem::new(field, "is not supported here"))
        .collect()
}

/// The grants that it names, else those that its response types need (Registration 1.0 §2 gives a client of
/// the implicit flow that names none the grant `authorization_code`, which it could not use).
fn grant_types(members: &Map<String, Value>, metadata: &ClientMetadata) -> Vec<GrantType> {
    if members.contains_key("grant_types") {
        return metadata.grant_types.clone();
    }
    let types: Vec<_> = metadata
        .response_types
        .iter()
        .filter_map(|name| ResponseType::from_name(name))
        .collect();
    let mut grants = Vec::new();
    if types.iter().any(|known| known.code) || types.is_empty() {
        grants.push(GrantType::AuthorizationCode);
    }
    if types.iter().any(|known| known.brings_tokens()) {
        grants.push(GrantType::Implicit);
    }
    grants
}

/// The standard scopes among those that it names: others mean something to an API that trusts us to say who
/// may have them (RFC 7591 §3.2.1 lets us register less than was asked for).
fn scope(asked: Option<&str>, problems: &mut Vec<Problem>) -> Option<String> {
    let asked = asked?;
    let Ok(scope) = Scope::parse(asked) else {
        // `check` says what is wrong with it.
        return Some(asked.to_owned());
    };
    if ADMINISTRATION.iter().any(|token| scope.contains(token)) {
        let message = "the scopes of administrators are not to be had by registering";
        problems.push(Problem::new("scope", message));
    }
    Some(scope.intersect(&STANDARD.into_iter().collect()).to_string())
}

fn offered(metadata: &ClientMetadata, offer: &Offer) -> Vec<Problem> {
    let sends_people = metadata.grant_types.iter().any(sends_people);
    let mut problems = Vec::new();
    for grant in &metadata.grant_types {
        if !offer.grant_types.contains(grant) {
            let message = format!("{:?} is not to be had by registering", grant.as_str());
            problems.push(Problem::new("grant_types", message));
        }
    }
    for name in &metadata.response_types {
        match ResponseType::from_name(name) {
            // `check` names those that there are.
            None => {}
            // The default, of a client that sends nobody here.
            Some(ResponseType::CODE) if !sends_people => {}
            Some(known) if offer.response_types.contains(&known) => {}
            Some(_) => {
                let message = format!("{name:?} is not to be had by registering");
                problems.push(Problem::new("response_types", message));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests;
