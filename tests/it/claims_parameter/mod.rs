//! The `claims` parameter (Core §5.5): claims asked for one by one, allowed one by one, and told where they were asked for.

mod consent;
mod requests;
mod told;

use exeunt::config::Config;
use exeunt::oidc::claims::{Address, UserClaims};
use exeunt::oidc::client::{ClientMetadata, GrantType};
use serde_json::Value;

use crate::support::ledger::{ledger_with, start_as};
use crate::support::provider::Provider;
use crate::support::relying_party::{RelyingParty, Tokens, verify};
use crate::support::visitor::{Answer, Visitor};

/// Every claim of Core §5.1 but `updated_at`, which is ours to say.
fn fill(config: &mut Config) {
    let text = |text: &str| Some(text.to_owned());
    config.users[0].claims = UserClaims {
        name: text("Ada Lovelace"),
        given_name: text("Ada"),
        family_name: text("Lovelace"),
        middle_name: text("King"),
        nickname: text("the countess"),
        preferred_username: text("ada"),
        profile: text("https://example.org/ada"),
        picture: text("https://example.org/ada.png"),
        website: text("https://ada.example.org"),
        gender: text("female"),
        birthdate: text("1815-12-10"),
        zoneinfo: text("Europe/London"),
        locale: text("en-GB"),
        updated_at: None,
        email: text("ada@example.org"),
        email_verified: Some(true),
        phone_number: text("+44 20 7946 0000"),
        phone_number_verified: Some(false),
        address: Some(Address {
            locality: text("London"),
            ..Address::default()
        }),
    };
}

fn asks(metadata: &mut ClientMetadata) {
    metadata.skip_consent = false;
    metadata.grant_types = vec![
        GrantType::AuthorizationCode,
        GrantType::RefreshToken,
        GrantType::Implicit,
    ];
    metadata.response_types = ["code", "id_token", "code id_token", "id_token token"]
        .map(str::to_owned)
        .to_vec();
}

async fn start(change: impl FnOnce(&mut ClientMetadata)) -> (Provider, RelyingParty, Visitor) {
    start_as(ledger_with(change).await.configure(fill).manual_clock()).await
}

async fn redeem(party: &RelyingParty, answer: &Answer) -> Tokens {
    let code = answer.parameter("code");
    let code = code.unwrap_or_else(|| panic!("no code: {answer:?}"));
    let answer = party.redeem(&code, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Tokens { all: answer.json() }
}

/// What userinfo tells beside `sub`.
async fn told(party: &RelyingParty, tokens: &Tokens) -> Value {
    let answer = party.userinfo(&tokens.get("access_token")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut claims = answer.json();
    claims.as_object_mut().unwrap().remove("sub").unwrap();
    claims
}

/// What an ID token tells of the person.
async fn told_in_id_token(provider: &Provider, id_token: &str) -> Value {
    let (_, mut claims) = verify(&provider.issuer, id_token).await;
    claims.as_object_mut().unwrap().retain(|name, _| {
        ![
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "at_hash",
            "c_hash",
            "sid",
            "acr",
            "amr",
        ]
        .contains(&name.as_str())
    });
    claims
}
