//! Another provider tells us that somebody signed out there.

mod any_bytes;
mod by_frame;
mod by_token;
mod chain;
mod keys;
mod once;
mod under_way;
mod whose;

use chrono::TimeDelta;
use serde_json::Value;

use crate::support::elsewhere::Elsewhere;
use crate::support::ledger::{open, sign_in};
use crate::support::provider::Wish;
use crate::support::relying_party::Tokens;
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::{Answer, Visitor};

/// Our provider with the application ledger, and another one through which people come in.
struct Stage {
    scene: Scene,
    house: Elsewhere,
}

impl Stage {
    /// With a clock that the test moves.
    async fn set() -> Self {
        Self::with(|wish| wish.manual_clock()).await
    }

    async fn with(change: impl FnOnce(Wish) -> Wish) -> Self {
        let house = Elsewhere::open().await;
        let declare = |wish: Wish| change(wish.configure(|config| house.declare(config)));
        let scene = Scene::with(&["ledger"], |_, ear| by_server(ear), declare).await;
        Self { scene, house }
    }

    /// From the application's request to the other provider's door, and back as that person in that session there.
    async fn sign_in(&self, visitor: &Visitor, there: (&str, &str)) -> Tokens {
        self.sign_in_with(visitor, there, &[]).await
    }

    async fn sign_in_with(
        &self,
        visitor: &Visitor,
        there: (&str, &str),
        more: &[(&str, &str)],
    ) -> Tokens {
        let answer = self.come_in(visitor, there, more).await;
        let code = answer.parameter("code");
        let code = code.unwrap_or_else(|| panic!("no code: {answer:?}"));
        let answer = self.scene.applications[0].redeem(&code, &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Tokens { all: answer.json() }
    }

    async fn come_in(
        &self,
        visitor: &Visitor,
        there: (&str, &str),
        more: &[(&str, &str)],
    ) -> Answer {
        let page = self.sign_in_page(visitor, more).await;
        let sent = self.house.leave_for(visitor, &page).await;
        let provider = &self.scene.provider;
        self.house.send_back(provider, visitor, &sent, there).await
    }

    async fn sign_in_page(&self, visitor: &Visitor, more: &[(&str, &str)]) -> Answer {
        let url = self.scene.applications[0].authorize_url(more);
        let page = open(visitor, &url).await;
        assert_eq!(page.page(), "page-sign-in", "{page:?}");
        page
    }

    async fn tell_of(&self, named: &[(&str, &str)], jti: &str) -> Answer {
        self.house.tell_of(&self.scene.provider, named, jti).await
    }

    /// The same, and it is believed.
    async fn told_of(&self, named: &[(&str, &str)], jti: &str) {
        let told = self.tell_of(named, jti).await;
        assert_eq!(told.status, 200, "{told:?}");
    }

    /// Signs ada in at ours by her password, and links her to that person.
    async fn link(&self, visitor: &Visitor, there: (&str, &str)) {
        let provider = &self.scene.provider;
        let page = self.sign_in_page(visitor, &[]).await;
        sign_in(visitor, &page).await;
        let account = open(visitor, &provider.url("/account")).await;
        let form = account.form_of("#link-house").expect("there is a button");
        let sent = visitor.submit(&account, &form, &[]).await;
        let sent = self.house.sent(&sent);
        let linked = self.house.send_back(provider, visitor, &sent, there).await;
        assert!(linked.has("#links .link"), "{linked:?}");
    }

    /// Moves on: what was done in the millisecond of a request would answer it.
    fn tick(&self) {
        self.scene.provider.advance(TimeDelta::seconds(1));
    }

    async fn is_in(&self, visitor: &Visitor) -> bool {
        self.scene.is_signed_in(visitor).await
    }

    /// The claims of a sound token that names this person and this session.
    fn claims(&self, (sub, sid): (&str, &str), jti: &str) -> Value {
        let named = [("sub", sub), ("sid", sid)];
        self.house.logout(&self.scene.provider, &named, jti)
    }

    async fn close(self) {
        self.scene.provider.stop().await;
    }
}

/// It is a refusal in the specification's words (Back-Channel Logout 1.0 §2.8), which quotes nothing.
fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {answer:?}");
    let told = answer.json();
    assert_eq!(told["error"], "invalid_request", "{what}");
    assert!(told["error_description"].is_string(), "{what}");
    assert!(!answer.body.contains("marker"), "{what}: {}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
}
