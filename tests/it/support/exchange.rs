//! The valid example of a token exchange (RFC 8693), from which tests change one thing.

use exeunt::oidc::token::exchange::policy::{Party, Rule};
use serde_json::Value;
use url::form_urlencoded;

use super::provider::{Provider, SECRET};
use super::relying_party::{RelyingParty, Tokens, verify};
use super::services::API;
use super::visitor::{Answer, Visitor};

/// The grant.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// What an access token is.
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What an ID token is.
pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// What another's token is.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A rule that lets the party have nothing for this service yet.
pub fn rule(party: Party, audience: &str) -> Rule {
    Rule {
        party,
        audiences: vec![audience.to_owned()],
        scope: None,
        delegation: false,
        impersonation: false,
        id_tokens: false,
        subject_clients: Vec::new(),
        subject_issuers: Vec::new(),
        actor_clients: Vec::new(),
        actor_issuers: Vec::new(),
    }
}

/// A rule for a client.
pub fn client_rule(client_id: &str, audience: &str) -> Rule {
    rule(Party::Client(client_id.to_owned()), audience)
}

/// A rule by which a service acts for ledger's people.
pub fn service_rule(service: &str, audience: &str) -> Rule {
    Rule {
        delegation: true,
        subject_clients: vec!["ledger".to_owned()],
        ..rule(Party::Service(service.to_owned()), audience)
    }
}

/// The request with an access token for a service.
pub fn asked<'a>(token: &'a str, audience: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", GRANT),
        ("subject_token", token),
        ("subject_token_type", ACCESS_TOKEN),
        ("resource", audience),
    ]
}

/// The request with one parameter changed, or taken away where it is empty.
pub fn changed<'a>(
    fields: &[(&'a str, &'a str)],
    name: &'a str,
    value: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let mut fields = fields.to_vec();
    fields.retain(|(known, _)| *known != name);
    if !value.is_empty() {
        fields.push((name, value));
    }
    fields
}

/// The request with the token of who acts, of this type.
pub fn acting_by<'a>(
    fields: &[(&'a str, &'a str)],
    actor: &'a str,
    token_type: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let acting = [("actor_token", actor), ("actor_token_type", token_type)];
    [fields, &acting[..]].concat()
}

/// Asks as a service that has [`SECRET`].
pub async fn as_service(provider: &Provider, identifier: &str, fields: &[(&str, &str)]) -> Answer {
    as_service_with(provider, identifier, SECRET, fields).await
}

/// Asks as a service.
pub async fn as_service_with(
    provider: &Provider,
    identifier: &str,
    secret: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let (visitor, url) = (Visitor::default(), provider.url("/token"));
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let request = visitor.client().post(&url).form(fields);
    let request = request.basic_auth(encode(identifier), Some(encode(secret)));
    visitor.send(&url, request).await
}

/// The token of an answer that has one.
pub fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens { all: answer.json() }.get("access_token")
}

/// A token of the application's own for [`API`].
pub async fn own_token(party: &RelyingParty) -> String {
    let own = [("grant_type", "client_credentials"), ("resource", API)];
    token_of(&party.token(&own).await)
}

/// What a token says, to an independent reader.
pub async fn claims_of(provider: &Provider, token: &str) -> Value {
    verify(&provider.issuer, token).await.1
}

/// Ada signs in at the application, which gets a token for [`API`] with the scope `read`.
pub async fn signed_in(party: &RelyingParty, visitor: &Visitor) -> Tokens {
    let asked = [("scope", "openid read"), ("resource", API)];
    let answer = party.sign_in(visitor, &asked).await;
    let code = answer.parameter("code").expect("there is a code");
    let answer = party.redeem(&code, &[("resource", API)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens { all: answer.json() }
}
