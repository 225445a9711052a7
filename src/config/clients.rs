//! `[[clients]]`: the applications that the file declares.

use std::collections::HashMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::error::Place;
use super::section::{Mistake, Section};
use super::{Credential, canonical_name, examples};
use crate::jose::check_client_jwks;
use crate::oidc::client::{ClientAuthMethod, ClientMetadata};
use crate::oidc::registration::{self, Networks};

/// Fewer characters than these are guessed sooner or later: nothing slows down the guessing of a client's secret.
const LEAST_SECRET: usize = 24;

/// An application that the file declares.
#[derive(Debug, Clone)]
pub struct DeclaredClient {
    /// Its name in the protocol: visible ASCII.
    pub client_id: String,
    /// Its secret, if it has one.
    pub secret: Option<Credential>,
    /// What it registers, checked.
    pub metadata: ClientMetadata,
    /// Where it is declared: whoever wants to change it must go there.
    pub place: Place,
}

/// Reads every table, and notes the mistakes. `public` is whether others than this machine can reach us.
pub(super) fn read(
    tables: Vec<Section<'_, '_>>,
    networks: &Networks,
    public: bool,
) -> Vec<DeclaredClient> {
    let mut seen: HashMap<String, Place> = HashMap::new();
    let mut clients = Vec::new();
    for mut table in tables {
        let client_id = table.text("client_id", client_id);
        match &client_id {
            Some(client_id) => {
                table.call(format!("client {client_id}: "));
                if let Some(first) = seen.insert(canonical_name(client_id), table.place()) {
                    table.refuse(
                        "client_id",
                        &format!("is taken, if upper and lower case are not told apart: {first}"),
                        "Give each application an identifier of its own.",
                    );
                }
            }
            None if !table.is_set("client_id") => table.refuse(
                "client_id",
                "is missing",
                "Give the application an identifier.",
            ),
            None => {}
        }
        let place = table.place();
        let secret = credential(&table, "client_secret", "client_secret_hash", public);
        let (metadata, mut unknown) = table.fields::<ClientMetadata>();
        // A key with a slip in its name is not missing too, and what was refused says nothing of what else there is:
        // one mistake, one error.
        unknown.extend(table.finish());
        // Likewise a secret that was refused is there all the same.
        let has_secret = table.is_set("client_secret") || table.is_set("client_secret_hash");
        let mut problems = registration::check(&metadata, has_secret, networks);
        problems.retain(|problem| {
            let looked_at = registration::looks_at(problem.field);
            !unknown.contains(&problem.field)
                && !looked_at.iter().any(|field| unknown.contains(field))
        });
        for problem in &problems {
            let message = format!("does not fit: {}", problem.message);
            table.refuse(problem.field, &message, mend(problem.field));
        }
        if !problems.iter().any(|problem| problem.field == "jwks")
            && let Some(Err(message)) = metadata.jwks.as_ref().map(check_client_jwks)
        {
            table.refuse("jwks", &format!("does not fit: {message}"), mend("jwks"));
        }
        refuse_secret(&table, secret.as_ref(), &metadata);
        if let Some(client_id) = client_id {
            clients.push(DeclaredClient {
                client_id,
                secret,
                metadata,
                place,
            });
        }
    }
    clients
}

/// What to do about a field that breaks the rules of registration.
fn mend(field: &str) -> &'static str {
    match field {
        "redirect_uris" | "post_logout_redirect_uris" => {
            "Write each as the application sends it, letter by letter: https, or http for this machine."
        }
        "backchannel_logout_uri" => {
            "Write an https address of the application's server that can be reached from here."
        }
        "frontchannel_logout_uri" => {
            "Write an https address with the scheme, host and port of one of the redirect_uris."
        }
        "logo_uri" | "client_uri" | "policy_uri" | "tos_uri" => {
            "Write the address of a page or a picture, or leave it away."
        }
        "grant_types" | "response_types" => {
            "Write those that the application uses, or leave both grant_types and response_types away."
        }
        "token_endpoint_auth_method" => {
            "Give a client_secret, or write \"none\" for an application that can't keep one."
        }
        "jwks" => "Write its public keys: { keys = [{ kty = \"EC\", ... }] }.",
        "scope" => "Write words with spaces between them, openid among them.",
        "client_name" | "contacts" => {
            "Write 1 to 128 characters, none of them a control character."
        }
        "access_token_audience" => "Write the address of the service, such as https://api.example.",
        "private_networks" => "Write names that stand in [outbound.private_networks].",
        "logout_token_subject" => "Leave one of the two away.",
        "logout_give_up_after" => "Write a time such as \"24h\".",
        _ => "Change it, or leave it away.",
    }
}

/// What is wrong with `text` as a `client_id`, and what to do about it.
///
/// # Errors
/// Says so in whole sentences.
pub fn check_client_id(text: &str) -> Result<(), String> {
    client_id(text).map(drop).map_err(Mistake::into_sentence)
}

/// RFC 6749 appendix A.1: `client_id` is visible ASCII and spaces. We do without the spaces.
fn client_id(text: &str) -> Result<String, Mistake> {
    let fits = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned()).ok_or_else(|| {
        Mistake::new(
            "is no identifier",
            "Write 1 to 255 letters, digits and signs of ASCII, without spaces.",
        )
    })
}

/// Reads a secret under the key `plain`, or what is kept of it under the key `hashed`.
pub(super) fn credential(
    table: &Section<'_, '_>,
    plain: &'static str,
    hashed: &'static str,
    public: bool,
) -> Option<Credential> {
    let secret = table.text(plain, |text| secret(text, public));
    let hash = table.text(hashed, |text| secret_hash(text, plain));
    if table.is_set(plain) && table.is_set(hashed) {
        let problem = format!("stands beside {plain}");
        table.refuse(hashed, &problem, "Keep one of the two.");
    }
    secret.or(hash)
}

/// A secret that signs is a key: of its hash none can be made, and it must be long enough.
fn refuse_secret(table: &Section<'_, '_>, secret: Option<&Credential>, metadata: &ClientMetadata) {
    match secret {
        Some(Credential::Plain(secret)) => {
            let bytes = secret.expose_secret().len();
            if let Some(problem) = registration::secret_problem(metadata, bytes) {
                let mend = "Give more random characters: openssl rand -hex 64";
                table.refuse("client_secret", &format!("is too short: {problem}"), mend);
            }
        }
        Some(Credential::Hash(_))
            if metadata.token_endpoint_auth_method == ClientAuthMethod::ClientSecretJwt =>
        {
            table.refuse(
                "client_secret_hash",
                "does not do for client_secret_jwt, which signs with the secret itself",
                "Put the secret into client_secret.",
            );
        }
        _ => {}
    }
}

/// RFC 6749 appendix A.2: a secret is visible ASCII and spaces, or clients send it in ways that differ.
fn secret(text: &str, public: bool) -> Result<Credential, Mistake> {
    let length = text.chars().count();
    let mend = format!("Give at least {LEAST_SECRET} random characters: openssl rand -base64 32");
    if length < LEAST_SECRET {
        return Err(Mistake::new(
            format!("has {length} characters, which is too short"),
            mend,
        ));
    }
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(Mistake::new("holds characters beyond ASCII", mend));
    }
    if public && examples::is_known_secret(text, LEAST_SECRET) {
        return Err(Mistake::new(
            "is an example, or as easily guessed; that does on one's own machine alone",
            mend,
        ));
    }
    Ok(Credential::Plain(SecretString::from(text)))
}

/// HMAC-SHA-256 in base64url.
fn secret_hash(text: &str, plain: &str) -> Result<Credential, Mistake> {
    let fits = text.len() == 43
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    fits.then(|| Credential::Hash(SecretString::from(text)))
        .ok_or_else(|| {
            Mistake::new(
                "is not the hash of a secret",
                format!("It has 43 characters of base64url; a secret itself goes into {plain}."),
            )
        })
}
