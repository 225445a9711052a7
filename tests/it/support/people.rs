//! A person at their own door: the account's page and its acts.

use super::provider::PASSWORD;
use super::scene::Scene;
use super::visitor::{Answer, Visitor};

/// The account's page in this browser, which is signed in.
pub async fn account(scene: &Scene, visitor: &Visitor) -> Answer {
    let page = visitor.get(&scene.provider.url("/account")).await;
    assert_eq!(page.page(), "page-account", "{page:?}");
    page
}

/// Signs in at the provider itself.
pub async fn sign_in_here(scene: &Scene, visitor: &Visitor, name: &str) -> Answer {
    let page = visitor.get(&scene.provider.url("/account")).await;
    let page = visitor.follow(page, &scene.provider.issuer).await;
    assert_eq!(page.page(), "page-sign-in", "{page:?}");
    let fields = [("username", name), ("password", PASSWORD)];
    let answer = visitor.submit(&page, &page.form(), &fields).await;
    visitor.follow(answer, &scene.provider.issuer).await
}

/// Presses a button of the account's page; answers what comes right after it.
pub async fn press(scene: &Scene, visitor: &Visitor, action: &str, field: (&str, &str)) -> Answer {
    let page = account(scene, visitor).await;
    visitor
        .submit(&page, &page.form_with(action, field), &[])
        .await
}

/// Fills in the page for a new password.
pub async fn change_password(scene: &Scene, visitor: &Visitor, current: &str, new: &str) -> Answer {
    let page = visitor.get(&scene.provider.url("/account/password")).await;
    let fields = [("current-password", current), ("new-password", new)];
    visitor.submit(&page, &page.form(), &fields).await
}
