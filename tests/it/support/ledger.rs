//! The valid example from which most tests change one thing: ada, and one application that asks her nothing.

use exeunt::oidc::client::{ClientMetadata, GrantType};
use url::Url;

use super::provider::{PASSWORD, Wish, metadata, provider};
use super::visitor::{Answer, Visitor};

/// Where Ledger lives. Nobody goes there: tests read where they would be sent.
pub const HOME: &str = "https://ledger.example";

/// A provider with the client `ledger`.
pub async fn ledger() -> Wish {
    ledger_with(|_| {}).await
}

/// The same, with other metadata.
pub async fn ledger_with(change: impl FnOnce(&mut ClientMetadata)) -> Wish {
    let mut metadata = metadata(HOME);
    change(&mut metadata);
    provider().await.client("ledger", metadata)
}

/// Codes and refresh tokens.
pub fn with_refresh(metadata: &mut ClientMetadata) {
    metadata.grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
}

/// Fills in the sign-in page; answers what comes right after it.
pub async fn sign_in_as(
    visitor: &Visitor,
    page: &Answer,
    username: &str,
    password: &str,
) -> Answer {
    let fields = [("username", username), ("password", password)];
    visitor.submit(page, &page.form(), &fields).await
}

/// Fills it in as ada and follows to where that leads.
pub async fn sign_in(visitor: &Visitor, page: &Answer) -> Answer {
    let answer = sign_in_as(visitor, page, "ada", PASSWORD).await;
    let site = Url::parse(&page.url).unwrap().origin();
    visitor.follow(answer, &site.ascii_serialization()).await
}

/// Follows an authorization request to the page that it shows or the answer that it gives.
pub async fn open(visitor: &Visitor, url: &str) -> Answer {
    let answer = visitor.get(url).await;
    let site = Url::parse(url).unwrap().origin();
    visitor.follow(answer, &site.ascii_serialization()).await
}

/// The `error` of an answer that goes back to the application.
pub fn error(answer: &Answer) -> String {
    let error = answer.parameter("error");
    error.unwrap_or_else(|| panic!("no error: {answer:?}"))
}

/// The `error` of a JSON answer.
pub fn json_error(answer: &Answer) -> String {
    answer.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
