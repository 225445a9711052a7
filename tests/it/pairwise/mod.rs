//! Pairwise subjects (Core §8): one person, a name for each sector, and nothing by which two sectors could find out that it is
//! one person.

mod documents;
mod hints;
mod names;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeunt::oidc::client::{ClientMetadata, GrantType, SubjectType};
use exeunt::store::users;
use serde_json::Value;

use crate::support::provider::{Provider, Wish, metadata, provider};
use crate::support::relying_party::{RelyingParty, Tokens};

fn pairwise(base: &str) -> ClientMetadata {
    ClientMetadata {
        subject_type: SubjectType::Pairwise,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        ..metadata(base)
    }
}

/// Two applications of one sector, one of another, and one that sees the public `sub`.
async fn wish() -> Wish {
    provider()
        .await
        .client("ledger", pairwise("https://ledger.example"))
        .client("ledger-books", pairwise("https://ledger.example:8443"))
        .client("parlour", pairwise("https://parlour.example"))
        .client("public", metadata("https://public.example"))
}

async fn ada(provider: &Provider) -> String {
    let db = provider.flows().database.read();
    let ada = users::find_by_username(db, "ada").await.unwrap().unwrap();
    ada.id.to_string()
}

fn payload(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The one `sub` that an application is told, wherever it is told one.
async fn sub(provider: &Provider, party: &RelyingParty, tokens: &Tokens) -> String {
    let sub = tokens.id_claims(&provider.issuer).await["sub"].clone();
    let access_token = tokens.get("access_token");
    assert_eq!(payload(&access_token)["sub"], sub);
    assert_eq!(party.userinfo(&access_token).await.json()["sub"], sub);
    sub.as_str().unwrap().to_owned()
}
