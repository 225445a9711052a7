//! Somebody who signs in at two applications, and whose session ends.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::causes::{Reach, Way};
use super::house::{ABSOLUTE, House};
use crate::support::ledger::{open, sign_in_as};
use crate::support::provider::{PASSWORD, SECRET};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::visitor::{Answer, Visitor};

/// Who takes over other people's browsers.
pub const STRANGER: &str = "stranger-1";

/// A guest.
pub struct Guest {
    /// Their name; nobody else has it.
    pub username: String,
    /// Their browser.
    pub browser: Visitor,
    /// What the browser showed before the session ended.
    cookie: (String, String),
    /// The application that everyone uses.
    pub shared: Part,
    /// The application that nobody else uses.
    pub own: Part,
    /// How the session is to end; none: by itself.
    pub way: Option<&'static Way>,
    /// When a command that they run is killed, once.
    pub haste: Cell<Option<Duration>>,
    /// When they had signed in.
    pub since: Instant,
}

/// An application's part in the session.
pub struct Part {
    /// The application.
    pub party: RelyingParty,
    /// What it got.
    pub tokens: Tokens,
    /// What it knows the session by.
    pub sid: String,
    /// Whom it knows.
    pub sub: String,
}

impl Part {
    async fn of(house: &House, party: &RelyingParty, tokens: Tokens) -> Self {
        let claims = tokens.id_claims(&house.issuer).await;
        let text = |name: &str| claims[name].as_str().unwrap().to_owned();
        Self {
            party: party.clone(),
            sid: text("sid"),
            sub: text("sub"),
            tokens,
        }
    }

    /// Uses a refresh token; none if there was no answer.
    pub async fn try_refresh(&self, house: &House, token: &str) -> Option<Answer> {
        let url = format!("{}/token", house.issuer);
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let application = Visitor::default();
        let request = application.client().post(&url).form(&fields);
        let request = request.basic_auth(&self.party.client_id, Some(SECRET));
        application.try_send(&url, request).await
    }

    /// Takes a token back; none if there was no answer.
    pub async fn try_revoke(&self, house: &House, token: &str) -> Option<Answer> {
        let url = format!("{}/revoke", house.issuer);
        let application = Visitor::default();
        let request = application.client().post(&url).form(&[("token", token)]);
        let request = request.basic_auth(&self.party.client_id, Some(SECRET));
        application.try_send(&url, request).await
    }

    /// Asks userinfo; none if there was no answer.
    pub async fn try_userinfo(&self, house: &House) -> Option<Answer> {
        let url = format!("{}/userinfo", house.issuer);
        let application = Visitor::default();
        let request = application.client().get(&url);
        let request = request.bearer_auth(self.tokens.get("access_token"));
        application.try_send(&url, request).await
    }

    /// Neither of its tokens is good for anything.
    async fn assert_dead(&self, house: &House, whose: &str) {
        let answer = self.try_userinfo(house).await.unwrap();
        assert_eq!(answer.status, 401, "{whose}: {answer:?}");
        let token = self.tokens.get("refresh_token");
        let answer = self.try_refresh(house, &token).await.unwrap();
        assert!(
            [400, 401].contains(&answer.status.as_u16()),
            "{whose}: {answer:?}"
        );
    }
}

impl Guest {
    /// Signs in with the password at the shared application, and by that at their own.
    pub async fn sign_in(
        house: &House,
        username: String,
        shared: &RelyingParty,
        own: &RelyingParty,
    ) -> Self {
        let browser = Visitor::default();
        let page = open(&browser, &shared.authorize_url(&[])).await;
        let answer = sign_in_as(&browser, &page, &username, PASSWORD).await;
        let answer = browser.follow(answer, &house.issuer).await;
        let code = answer.parameter("code");
        let code = code.unwrap_or_else(|| panic!("no code for {username}: {answer:?}"));
        let tokens = shared.redeem(&code, &[]).await;
        assert_eq!(tokens.status, 200, "{username}: {tokens:?}");
        let tokens = Tokens { all: tokens.json() };
        let shared = Part::of(house, shared, tokens).await;
        let own = Part::of(house, own, own.tokens(&browser, &[]).await).await;
        let (_, port) = house.issuer.rsplit_once(':').unwrap();
        let cookie = format!("exeunt-session-{port}");
        Self {
            username,
            cookie: (cookie.clone(), browser.cookie(&cookie).unwrap()),
            browser,
            shared,
            own,
            way: None,
            haste: Cell::default(),
            since: Instant::now(),
        }
    }

    /// Who they are and how they leave, for people.
    pub fn how(&self) -> String {
        let cause = self.way.map_or("the clock", |way| way.cause.as_str());
        format!("{}, by {cause}", self.username)
    }

    /// Tries once to end the session; whether they were told that it is done.
    pub async fn try_to_leave(&self, house: &House) -> bool {
        match self.way {
            Some(way) => (way.act)(house, self).await,
            None => true,
        }
    }

    /// P1, P3: what ended accepts nothing; what did not end goes on.
    pub async fn assert_left(&self, house: &House) {
        let Some(way) = self.way else { return };
        let how = self.how();
        self.own.assert_dead(house, &how).await;
        if way.reach == Reach::Session {
            self.assert_gone(house).await;
        } else {
            let answer = self.shared.try_userinfo(house).await.unwrap();
            if self.since.elapsed() < ABSOLUTE / 3 {
                assert_eq!(answer.status, 200, "{how}: {answer:?}");
            }
        }
    }

    /// Nothing of the session is left.
    pub async fn assert_gone(&self, house: &House) {
        for part in [&self.shared, &self.own] {
            part.assert_dead(house, &self.username).await;
        }
        let browser = Visitor::default();
        browser.put_cookie(&self.cookie.0, &self.cookie.1);
        let url = self.shared.party.authorize_url(&[("prompt", "none")]);
        let answer = browser.get(&url).await;
        assert_eq!(
            answer.parameter("error").as_deref(),
            Some("login_required"),
            "{}: {answer:?}",
            self.username
        );
    }

    /// How long the session may still live if nothing ends it.
    pub fn lives_for(&self) -> Duration {
        ABSOLUTE.saturating_sub(self.since.elapsed())
    }
}
