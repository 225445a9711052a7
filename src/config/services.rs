//! `[[services]]`: the services (resource servers) that the file declares.

use std::collections::HashMap;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::Value;

use super::clients::credential;
use super::error::Place;
use super::section::{Mistake, Section};
use super::settings::within;
use super::{Credential, check_client_id};
use crate::jose::read_service_jwks;
use crate::oidc::issuer::Issuer;
use crate::oidc::service::{self, LONGEST_LIFETIME, SHORTEST_LIFETIME, Service, TokenFormat};

/// A service that the file declares.
#[derive(Debug, Clone)]
pub struct DeclaredService {
    /// The service, checked.
    pub service: Service,
    /// The secret by which it proves who it is, if it has one.
    pub secret: Option<Credential>,
    /// Its public keys, for tokens that it alone can read; without, it shares keys with us where its format needs any.
    pub jwks: Vec<Value>,
    /// Where it is declared: whoever wants to change it must go there.
    pub place: Place,
}

/// What serde reads.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Keys {
    jwks: Option<Value>,
}

/// Reads every table, and notes the mistakes. `access` is how long a token is good where nothing else is said; `public`
/// is whether others than this machine can reach us.
pub(super) fn read(
    tables: Vec<Section<'_, '_>>,
    issuer: &Issuer,
    access: TimeDelta,
    public: bool,
) -> Vec<DeclaredService> {
    let mut seen: HashMap<String, Place> = HashMap::new();
    let mut services = Vec::new();
    for mut table in tables {
        let identifier = table.text("identifier", |text| identifier(text, issuer));
        match &identifier {
            Some(identifier) => {
                table.call(format!("service {identifier}: "));
                if let Some(first) = seen.insert(identifier.clone(), table.place()) {
                    let mend = "Give each service an identifier of its own.";
                    table.refuse("identifier", &format!("is taken: {first}"), mend);
                }
            }
            None if !table.is_set("identifier") => table.refuse(
                "identifier",
                "is missing",
                "Give the service the URI that applications send as resource.",
            ),
            None => {}
        }
        let place = table.place();
        let format = table.text("format", format).unwrap_or_default();
        let name = table.text("name", name);
        let scope = table.text("scope", scope).unwrap_or_default();
        let lifetime = table.text("lifetime", |text| {
            within(text, &(SHORTEST_LIFETIME..=LONGEST_LIFETIME))
        });
        let claims = table.texts("claims", claim);
        let clients = table.texts("clients", client_id);
        let clients = table.is_set("clients").then_some(clients);
        let secret = credential(&table, "secret", "secret_hash", public);
        let jwks = jwks(&table, format);
        table.finish();
        if let Some(identifier) = identifier {
            let service = Service {
                identifier,
                name,
                format,
                scope,
                lifetime: lifetime.unwrap_or(access),
                claims,
                clients,
            };
            services.push(DeclaredService {
                service,
                secret,
                jwks,
                place,
            });
        }
    }
    services
}

fn jwks(table: &Section<'_, '_>, format: TokenFormat) -> Vec<Value> {
    let (keys, _) = table.fields::<Keys>();
    let Some(jwks) = keys.jwks else {
        return Vec::new();
    };
    if format != TokenFormat::Jwe {
        let problem = "is for tokens that only the service can read";
        table.refuse("jwks", problem, "Write format = \"jwe\", or leave it away.");
    }
    let read = read_service_jwks(&jwks).inspect_err(|problem| {
        let mend = "Write its public keys: { keys = [{ kty = \"EC\", crv = \"P-256\", ... }] }.";
        table.refuse("jwks", &format!("does not fit: {problem}"), mend);
    });
    read.unwrap_or_default()
}

pub(super) fn identifier(text: &str, issuer: &Issuer) -> Result<String, Mistake> {
    let unfit = |problem| {
        let mend = "Write the service's own address, such as https://api.example/, letter by letter as applications send it.";
        Mistake::new(format!("does not fit: {problem}"), mend)
    };
    service::check_identifier(text, issuer).map_err(unfit)?;
    Ok(text.to_owned())
}

fn format(text: &str) -> Result<TokenFormat, Mistake> {
    TokenFormat::from_name(text).ok_or_else(|| {
        let known = TokenFormat::ALL.map(TokenFormat::as_str).join(", ");
        Mistake::new(
            format!("is no format we know: {text:?}"),
            format!("Known are {known}."),
        )
    })
}

fn name(text: &str) -> Result<String, Mistake> {
    let unfit = |problem| {
        Mistake::new(
            format!("does not fit: {problem}"),
            "Write what people call it.",
        )
    };
    service::check_name(text).map_err(unfit)?;
    Ok(text.to_owned())
}

pub(super) fn scope(text: &str) -> Result<crate::oidc::scope::Scope, Mistake> {
    service::read_scope(text).map_err(|problem| {
        let mend =
            "Write the service's own words with spaces between them, such as \"read write\".";
        Mistake::new(format!("does not fit: {problem}"), mend)
    })
}

fn claim(text: &str) -> Result<String, Mistake> {
    let unfit = |problem| {
        let mend =
            "Known are those of OpenID Connect Core §5.1: name, picture, email, locale and so on.";
        Mistake::new(format!("does not fit: {problem}"), mend)
    };
    service::check_claim(text).map_err(unfit)?;
    Ok(text.to_owned())
}

pub(super) fn client_id(text: &str) -> Result<String, Mistake> {
    let unfit = |_| {
        let mend = "Write the client_id of an application.";
        Mistake::new(format!("holds no client_id: {text:?}"), mend)
    };
    check_client_id(text).map_err(unfit)?;
    Ok(text.to_owned())
}
