//! Every way to end a session from outside the process. A new one is a row of [`WAYS`] and a function.

use std::time::Duration;

use exeunt::clock::{Clock as _, SystemClock};
use exeunt::oidc::logout::Cause;
use exeunt::random::{OsRandom, Random};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use super::guest::{Guest, STRANGER};
use super::house::House;
use crate::support::provider::PASSWORD;
use crate::support::visitor::{Answer, Visitor};

/// How much of a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All of it.
    Session,
    /// The part of the guest's own application; the session goes on.
    OwnApplication,
}

/// A way to end a session.
pub struct Way {
    /// What is noted as the reason.
    pub cause: Cause,
    /// How much ends.
    pub reach: Reach,
    /// Tries it once. True: whoever asked was told that it is done; otherwise they ask again.
    pub act: Act,
}

type Act = for<'a> fn(&'a House, &'a Guest) -> LocalBoxFuture<'a, bool>;

const fn way(cause: Cause, reach: Reach, act: Act) -> Way {
    Way { cause, reach, act }
}

/// All of them but the clock's: sessions that are left alone show those.
pub const WAYS: &[Way] = &[
    way(Cause::Logout, Reach::Session, logout),
    way(Cause::Logout, Reach::Session, confirm),
    way(Cause::OneApplication, Reach::OwnApplication, leave_one),
    way(Cause::Replaced, Reach::Session, replace),
    way(Cause::RefreshReuse, Reach::OwnApplication, reuse),
    way(Cause::TokenRevoked, Reach::OwnApplication, revoke),
    way(Cause::Administrator, Reach::Session, end_session),
    way(Cause::Administrator, Reach::Session, end_user),
    way(Cause::Administrator, Reach::OwnApplication, end_client),
    way(Cause::UserDisabled, Reach::Session, disable_user),
    way(Cause::PasswordReset, Reach::Session, set_password),
    way(Cause::UserDeleted, Reach::Session, delete_user),
    way(Cause::ClientDisabled, Reach::OwnApplication, disable_client),
    way(Cause::ClientDeleted, Reach::OwnApplication, remove_client),
    way(Cause::OneSession, Reach::Session, end_this_session),
    way(Cause::Everywhere, Reach::Session, end_everything),
    way(Cause::ConsentWithdrawn, Reach::OwnApplication, withdraw),
    way(Cause::PasswordChanged, Reach::Session, change_password),
    way(Cause::Upstream, Reach::Session, sign_out_elsewhere),
];

/// An application sends the browser, with a hint.
fn logout<'a>(_: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let hint = guest.shared.tokens.get("id_token");
        let fields = [("id_token_hint", hint.as_str())];
        let url = guest.shared.party.end_session_url(&fields);
        leads_on(guest.browser.try_get(&url).await.as_ref())
    }
    .boxed_local()
}

/// The person comes by themselves, and agrees.
fn confirm<'a>(_: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    confirm_page(guest, "everywhere").boxed_local()
}

/// The person agrees to leave one application alone.
fn leave_one<'a>(_: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    confirm_page(guest, "client").boxed_local()
}

async fn confirm_page(guest: &Guest, scope: &str) -> bool {
    let own = guest.own.party.client_id.as_str();
    let url = guest.own.party.end_session_url(&[("client_id", own)]);
    let Some(page) = guest.browser.try_get(&url).await else {
        return false;
    };
    match page.page().as_str() {
        "page-confirm-sign-out" => {}
        // An answer was lost, and there is nothing left to agree to.
        _ => return page.status.is_success() || page.status.is_redirection(),
    }
    if !page
        .attributes("main button", "value")
        .contains(&scope.to_owned())
    {
        return true;
    }
    let fields = [("scope", scope)];
    let answer = guest.browser.try_submit(&page, &page.form(), &fields).await;
    leads_on(answer.as_ref())
}

/// Somebody else signs in in the same browser.
fn replace<'a>(_: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let url = guest.shared.party.authorize_url(&[("prompt", "login")]);
        let Some(answer) = guest.browser.try_get(&url).await else {
            return false;
        };
        let Some(next) = answer.location() else {
            return false;
        };
        let Some(page) = guest.browser.try_get(&next).await else {
            return false;
        };
        if page.page() != "page-sign-in" {
            return false;
        }
        let fields = [("username", STRANGER), ("password", PASSWORD)];
        let answer = guest.browser.try_submit(&page, &page.form(), &fields).await;
        leads_on(answer.as_ref())
    }
    .boxed_local()
}

/// A refresh token comes back after its successor was issued.
fn reuse<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let spent = guest.own.tokens.get("refresh_token");
        for _ in 0..5 {
            match guest.own.try_refresh(house, &spent).await {
                Some(answer) if answer.status == 200 => {}
                Some(answer) => return answer.status == 400,
                None => return false,
            }
        }
        false
    }
    .boxed_local()
}

/// The application takes its refresh token back.
fn revoke<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let token = guest.own.tokens.get("refresh_token");
        let revoked = guest.own.try_revoke(house, &token).await;
        revoked.is_some_and(|answer| answer.status == 200)
    }
    .boxed_local()
}

fn end_session<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let list = [
            "session",
            "list",
            "--user",
            &guest.username,
            "--ended",
            "--json",
        ];
        let Some(list) = house.command(&list, "", PATIENT).await else {
            return false;
        };
        let list: Value = serde_json::from_str(&list).unwrap();
        let id = list[0]["id"].as_str().unwrap().to_owned();
        command(house, guest, &["session", "end", &id], "").await
    }
    .boxed_local()
}

fn end_user<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let line = ["session", "end", "--user", &guest.username];
        command(house, guest, &line, "").await
    }
    .boxed_local()
}

fn end_client<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let line = ["session", "end", "--client", &guest.own.party.client_id];
        command(house, guest, &line, "").await
    }
    .boxed_local()
}

fn disable_user<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async { command(house, guest, &["user", "disable", &guest.username], "").await }.boxed_local()
}

fn set_password<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let line = ["user", "set-password", &guest.username];
        command(house, guest, &line, "another engine altogether\n").await
    }
    .boxed_local()
}

fn delete_user<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async { at_last(house, guest, &["user", "delete", "--yes", &guest.username]).await }
        .boxed_local()
}

fn disable_client<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let line = ["client", "disable", &guest.own.party.client_id];
        at_last(house, guest, &line).await
    }
    .boxed_local()
}

fn remove_client<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let line = ["client", "remove", &guest.own.party.client_id];
        at_last(house, guest, &line).await
    }
    .boxed_local()
}

/// Who did not hear that it is done is told, by and by, that there is nothing to do it to.
async fn at_last(house: &House, guest: &Guest, line: &[&str]) -> bool {
    let gone = async || guest.own.try_userinfo(house).await;
    command(house, guest, line, "").await || gone().await.is_some_and(|gone| gone.status == 401)
}

/// The person ends the session that they are in, on their account's page.
fn end_this_session<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    press(house, guest, "/account/end-session", "").boxed_local()
}

/// The person ends all their sessions there.
fn end_everything<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    press(house, guest, "/account/end-everything", "").boxed_local()
}

/// The person takes back there what they allowed an application.
fn withdraw<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    press(
        house,
        guest,
        "/account/withdraw",
        &guest.own.party.client_id,
    )
    .boxed_local()
}

/// The person signs in elsewhere, and has another password from then on.
fn change_password<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let (elsewhere, account) = (Visitor::default(), format!("{}/account", house.issuer));
        let Some(begun) = elsewhere.try_get(&account).await else {
            return false;
        };
        let Some(next) = begun.location() else {
            return false;
        };
        let Some(page) = elsewhere.try_get(&next).await else {
            return false;
        };
        if page.page() != "page-sign-in" {
            return false;
        }
        let fields = [("username", &*guest.username), ("password", PASSWORD)];
        let answer = elsewhere.try_submit(&page, &page.form(), &fields).await;
        match answer {
            Some(answer) if answer.status == 303 => {}
            // The first answer was lost: it is another password by now.
            Some(answer) => return answer.status == 200 && answer.page() == "page-sign-in",
            None => return false,
        }
        let form = format!("{account}/password");
        let Some(page) = elsewhere.try_get(&form).await else {
            return false;
        };
        if page.page() != "page-account-password" {
            return false;
        }
        let fields = [
            ("current-password", PASSWORD),
            ("new-password", "another engine altogether"),
        ];
        let answer = elsewhere.try_submit(&page, &page.form(), &fields).await;
        answer.is_some_and(|answer| answer.status == 303)
    }
    .boxed_local()
}

/// They sign out at the other provider, which signs a token for each time that it tells it.
fn sign_out_elsewhere<'a>(house: &'a House, guest: &'a Guest) -> LocalBoxFuture<'a, bool> {
    async {
        let random: &dyn Random = &OsRandom;
        let (named, jti) = ([("sub", &*guest.username)], random.identifier().to_string());
        let claims = house.elsewhere.logout_at(SystemClock.now(), &named, &jti);
        let token = house.elsewhere.sign(&claims);
        let told = house.elsewhere.try_tell(&house.issuer, &token).await;
        told.is_some_and(|answer| answer.status == 200)
    }
    .boxed_local()
}

/// Presses a button of the account's page; of several alike the one that is about this application.
async fn press(house: &House, guest: &Guest, action: &str, client_id: &str) -> bool {
    let url = format!("{}/account", house.issuer);
    let Some(page) = guest.browser.try_get(&url).await else {
        return false;
    };
    if page.page() != "page-account" {
        // They are nobody any more, and are asked to sign in.
        return page.status == 303 || page.page() == "page-sign-in";
    }
    let mut about = ("", "");
    if !client_id.is_empty() {
        about = ("client_id", client_id);
        if !page
            .attributes(".consent", "data-client")
            .contains(&client_id.to_owned())
        {
            // The first answer was lost.
            return true;
        }
    }
    let form = page.form_with(action, about);
    let answer = guest.browser.try_submit(&page, &form, &[]).await;
    leads_on(answer.as_ref())
}

/// As patient as the slowest machine.
const PATIENT: Duration = Duration::from_secs(60);

/// Runs the program; a hasty guest kills it in the middle the first time.
async fn command(house: &House, guest: &Guest, line: &[&str], input: &str) -> bool {
    let patience = guest.haste.take().unwrap_or(PATIENT);
    house.command(line, input, patience).await.is_some()
}

/// They are sent on, or shown that nothing is left to leave: the first answer was lost.
fn leads_on(answer: Option<&Answer>) -> bool {
    answer.is_some_and(|answer| answer.status == 303 || answer.page() == "page-signed-out")
}
