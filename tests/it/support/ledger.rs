//! The valid example from which most tests change one thing: ada, and one application that asks her nothing.

use exeunt::config::Config;
use exeunt::oidc::client::{ClientMetadata, GrantType};
use url::Url;

use super::provider::{PASSWORD, Provider, Wish, metadata, provider};
use super::relying_party::RelyingParty;
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

/// Starts it; answers it with the client `ledger` and somebody's browser.
pub async fn start_as(wish: Wish) -> (Provider, RelyingParty, Visitor) {
    let provider = wish.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party, Visitor::default())
}

/// Follows an authorization request to the sign-in page.
pub async fn sign_in_page(party: &RelyingParty, visitor: &Visitor) -> Answer {
    let page = open(visitor, &party.authorize_url(&[])).await;
    assert_eq!(page.page(), "page-sign-in");
    page
}

/// Follows one to the consent page, signing ada in on the way where that is needed.
pub async fn consent_page(
    party: &RelyingParty,
    visitor: &Visitor,
    more: &[(&str, &str)],
) -> Answer {
    let mut page = open(visitor, &party.authorize_url(more)).await;
    if page.page() == "page-sign-in" {
        page = sign_in(visitor, &page).await;
    }
    assert_eq!(page.page(), "page-consent", "{page:?}");
    page
}

/// Allows what a consent page asks.
pub async fn allow(visitor: &Visitor, page: &Answer) -> Answer {
    let decision = [("decision", "allow")];
    visitor.submit(page, &page.form(), &decision).await
}

/// Whether the application gets a code for this browser without asking anybody.
pub async fn is_signed_in(party: &RelyingParty, visitor: &Visitor) -> bool {
    let silent = party.authorize_url(&[("prompt", "none")]);
    visitor.get(&silent).await.parameter("code").is_some()
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

/// The answer is a page about an error: somewhere on our site, and nowhere else.
pub fn assert_stays(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {answer:?}");
    assert_eq!(answer.location(), None, "{what}");
    assert_eq!(answer.page(), "page-error", "{what}");
}

/// Somebody else, with ada's password.
pub fn add_grace(config: &mut Config) {
    let mut grace = config.users[0].clone();
    grace.username = "grace".to_owned();
    config.users.push(grace);
}
