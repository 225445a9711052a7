//! `[[upstreams]]`: the providers through which people sign in that the file declares.

use std::collections::{BTreeMap, HashMap};

use secrecy::SecretString;
use serde::Deserialize;

use super::error::Place;
use super::requested_claims;
use super::section::{Mistake, Section};
use crate::oidc::issuer::Issuer;
use crate::oidc::registration::Networks;
use crate::oidc::upstream::leaving::SignOut;
use crate::oidc::upstream::metadata;
use crate::oidc::upstream::oauth2::{self, OAuth2};
use crate::oidc::upstream::{self, Admits, AuthMethod, SCOPE, Upstream};

/// What the keys of a provider that is no OpenID Provider are for.
const FOR_OAUTH2: &str =
    "Write it with kind = \"oauth2\" alone: an OpenID Provider says it itself.";

/// An upstream that the file declares.
#[derive(Debug, Clone)]
pub struct DeclaredUpstream {
    /// The upstream, checked.
    pub upstream: Upstream,
    /// Our secret there, if we have one.
    pub secret: Option<SecretString>,
    /// Where it is declared: whoever wants to change it must go there.
    pub place: Place,
}

/// What serde reads.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Mapping {
    claims: BTreeMap<String, String>,
}

/// Reads every table, and notes the mistakes. `issuer` is our own.
pub(super) fn read(
    tables: Vec<Section<'_, '_>>,
    issuer: &Issuer,
    networks: &Networks,
) -> Vec<DeclaredUpstream> {
    let mut seen: HashMap<String, Place> = HashMap::new();
    let mut seen_issuers: HashMap<String, Place> = HashMap::new();
    let mut upstreams = Vec::new();
    for mut table in tables {
        let id = table.text(
            "id",
            checked(upstream::check_id, "Write for example \"google\"."),
        );
        if let Some(id) = &id {
            table.call(format!("upstream {id}: "));
        }
        let their_issuer = table.text(
            "issuer",
            checked(
                upstream::check_issuer,
                "Write it letter by letter as its own tokens have it.",
            ),
        );
        for (key, value, seen) in [
            ("id", &id, &mut seen),
            ("issuer", &their_issuer, &mut seen_issuers),
        ] {
            if let Some(value) = value
                && let Some(first) = seen.insert(value.clone(), table.place())
            {
                table.refuse(
                    key,
                    &format!("is taken: {first}"),
                    "Declare each upstream once.",
                );
            }
        }
        let client_id = table.text(
            "client_id",
            checked(upstream::check_text, "Write what the upstream gave you."),
        );
        for key in ["id", "issuer", "client_id"] {
            if !table.is_set(key) {
                table.refuse(
                    key,
                    "is missing",
                    "An upstream has id, issuer and client_id.",
                );
            }
        }
        let auth_method = table
            .text("token_endpoint_auth_method", auth_method)
            .unwrap_or(AuthMethod::ClientSecretBasic);
        let secret = table.text("client_secret", secret);
        match (auth_method.uses_secret(), table.is_set("client_secret")) {
            (true, false) => table.refuse(
                "client_secret",
                "is missing",
                "Write what the upstream gave you, or token_endpoint_auth_method = \"private_key_jwt\".",
            ),
            (false, true) => table.refuse(
                "client_secret",
                "is not for private_key_jwt",
                "Leave it out: the upstream finds our keys at the issuer's /jwks.",
            ),
            _ => {}
        }
        let is_oauth2 = table.text("kind", kind).unwrap_or_default();
        let oauth2 = oauth2(&table, is_oauth2);
        let rule = match is_oauth2 {
            true => upstream::check_text,
            false => upstream::check_scope,
        };
        let scope = table.text(
            "scope",
            checked(rule, "Write for example \"openid profile email\"."),
        );
        let usual = if is_oauth2 { "" } else { SCOPE };
        let request_claims = requested_claims::read(&table, is_oauth2);
        let label = table.text(
            "label",
            checked(upstream::check_text, "Write what people call it."),
        );
        let logo = table.text(
            "logo",
            checked(upstream::check_logo, "Write a small image as a data: URI."),
        );
        let domains = table.texts("domains", domain);
        let admits = admits(&table);
        let refreshes_claims = table.text("refresh_claims", refresh_claims).unwrap_or(true);
        let sign_out = table.text("sign_out", sign_out).unwrap_or_default();
        let private_networks = table.texts("private_networks", |name| network(name, networks));
        let (mapping, _) = table.fields::<Mapping>();
        for name in mapping.claims.keys() {
            if let Err(problem) = upstream::check_claim(name) {
                table.refuse(
                    "claims",
                    &format!("does not fit: {problem}"),
                    "Write our claim, =, and what it is called there: claims = { name = \"displayName\" }.",
                );
            }
        }
        let place = table.place();
        table.finish();
        let (Some(id), Some(their_issuer), Some(client_id)) = (id, their_issuer, client_id) else {
            continue;
        };
        let upstream = Upstream {
            label: label.unwrap_or_else(|| id.clone()),
            id,
            issuer: their_issuer,
            oauth2,
            client_id,
            auth_method,
            scope: scope.unwrap_or_else(|| usual.to_owned()),
            request_claims,
            logo,
            domains,
            admits,
            refreshes_claims,
            claims: mapping.claims,
            private_networks,
            sign_out,
        };
        for (key, problem) in upstream::problems(&upstream, issuer.as_str()) {
            table.refuse(key, &format!("does not fit: {problem}"), "Write another.");
        }
        upstreams.push(DeclaredUpstream {
            upstream,
            secret,
            place,
        });
    }
    upstreams
}

/// Reads a text that a rule checks.
fn checked(
    rule: impl Fn(&str) -> Result<(), String>,
    mend: &'static str,
) -> impl Fn(&str) -> Result<String, Mistake> {
    move |text| match rule(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(problem) => Err(Mistake::new(format!("does not fit: {problem}"), mend)),
    }
}

fn auth_method(text: &str) -> Result<AuthMethod, Mistake> {
    AuthMethod::from_name(text).ok_or_else(|| {
        let known = AuthMethod::ALL.map(AuthMethod::as_str).join(", ");
        Mistake::new(
            format!("is no method we know: {text:?}"),
            format!("Known are {known}."),
        )
    })
}

/// What others gave us: its length is theirs to choose.
fn secret(text: &str) -> Result<SecretString, Mistake> {
    let sound =
        (1..=4096).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    match sound {
        true => Ok(SecretString::from(text)),
        false => Err(Mistake::new(
            "is no secret",
            "Write what the upstream gave you, without spaces.",
        )),
    }
}

fn domain(text: &str) -> Result<String, Mistake> {
    match upstream::canonical_domain(text) {
        Some(canonical) if canonical == text => Ok(canonical),
        Some(canonical) => Err(Mistake::new(
            format!("is not written as it is compared: {text:?}"),
            format!("Write {canonical}."),
        )),
        None => Err(Mistake::new(
            format!("is no domain: {text:?}"),
            "Write what stands after the @, such as example.org.",
        )),
    }
}

/// Whether it is no OpenID Provider.
fn kind(text: &str) -> Result<bool, Mistake> {
    match text {
        "openid" => Ok(false),
        "oauth2" => Ok(true),
        other => Err(Mistake::new(
            format!("is no kind we know: {other:?}"),
            "Write \"openid\", or \"oauth2\" for one that gives no ID tokens.",
        )),
    }
}

/// What is to be known of one that is no OpenID Provider.
fn oauth2(table: &Section<'_, '_>, is_oauth2: bool) -> Option<OAuth2> {
    let endpoint = |key| {
        let mend = "Write the whole address, as its documentation has it.";
        let read = table.text(key, checked(metadata::check_endpoint, mend));
        match (table.is_set(key), is_oauth2) {
            (false, true) => table.refuse(
                key,
                "is missing",
                "One with kind = \"oauth2\" has authorization_endpoint, token_endpoint and userinfo_endpoint.",
            ),
            (true, false) => table.refuse(key, "is not for an OpenID Provider", FOR_OAUTH2),
            _ => {}
        }
        read
    };
    let authorization_endpoint = endpoint("authorization_endpoint");
    let token_endpoint = endpoint("token_endpoint");
    let userinfo_endpoint = endpoint("userinfo_endpoint");
    let subject_claim = table.text(
        "subject_claim",
        checked(upstream::check_text, "Write for example \"id\"."),
    );
    if table.is_set("subject_claim") && !is_oauth2 {
        table.refuse("subject_claim", "is not for an OpenID Provider", FOR_OAUTH2);
    }
    Some(OAuth2 {
        authorization_endpoint: authorization_endpoint?,
        token_endpoint: token_endpoint?,
        userinfo_endpoint: userinfo_endpoint?,
        subject_claim: subject_claim.unwrap_or_else(|| oauth2::SUBJECT.to_owned()),
    })
    .filter(|_| is_oauth2)
}

fn admits(table: &Section<'_, '_>) -> Admits {
    let policy = table.text("first_sign_in", |text| match text {
        "open" | "domain" | "claim" | "linked" | "invited" => Ok(text.to_owned()),
        other => Err(Mistake::new(
            format!("is no policy we know: {other:?}"),
            "Write \"linked\", \"invited\", \"domain\", \"claim\" or \"open\".",
        )),
    });
    let text = |key| {
        table.text(
            key,
            checked(upstream::check_text, "Write what the upstream says."),
        )
    };
    let (name, value) = (text("claim"), text("claim_value"));
    let is_claim = policy.as_deref() == Some("claim");
    for key in ["claim", "claim_value"] {
        if table.is_set(key) != is_claim {
            let problem = match is_claim {
                true => "is missing",
                false => "is for first_sign_in = \"claim\"",
            };
            table.refuse(
                key,
                problem,
                "Give both to let in of whom a claim says that, or neither.",
            );
        }
    }
    match (policy.as_deref(), name, value) {
        (Some("open"), ..) => Admits::Anyone,
        (Some("domain"), ..) => Admits::Domains,
        (Some("invited"), ..) => Admits::Invited,
        (Some("claim"), Some(name), Some(value)) => Admits::Claim { name, value },
        _ => Admits::Nobody,
    }
}

fn refresh_claims(text: &str) -> Result<bool, Mistake> {
    match text {
        "always" => Ok(true),
        "first" => Ok(false),
        other => Err(Mistake::new(
            format!("is no policy we know: {other:?}"),
            "Write \"always\" or \"first\".",
        )),
    }
}

fn sign_out(text: &str) -> Result<SignOut, Mistake> {
    SignOut::from_name(text).ok_or_else(|| {
        Mistake::new(
            format!("is no policy we know: {text:?}"),
            "Write \"offer\", \"go\" or \"stay\".",
        )
    })
}

fn network(name: &str, networks: &Networks) -> Result<String, Mistake> {
    match networks.named.contains_key(name) {
        true => Ok(name.to_owned()),
        false => Err(Mistake::new(
            format!("names no network: {name:?}"),
            "Name one of [outbound.private_networks].",
        )),
    }
}
