//! Who came from the other house and signs out here leaves there too: offered, taken, or left alone.

mod back;
mod frames;
mod policy;

use exeunt::oidc::client::GrantType;
use exeunt::oidc::issuer::Issuer;
use exeunt::oidc::upstream::Upstream;
use exeunt::oidc::upstream::leaving::SignOut;

use super::Houses;
use crate::support::front::Front;
use crate::support::ledger::HOME;
use crate::support::provider::{Wish, metadata};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::visitor::{Answer, Visitor};

/// Where the other house signs people out.
pub const END_SESSION: &str = "/end_session";

/// Two houses, with a door in front of the other one, at which everything is seen.
pub struct Street {
    pub houses: Houses,
    pub front: Front,
    pub ada: Visitor,
}

impl Street {
    /// Where the policy is this one.
    pub async fn with(sign_out: SignOut) -> Self {
        Self::between(|upstream| upstream.sign_out = sign_out, |wish| wish).await
    }

    pub async fn between(
        change: impl FnOnce(&mut Upstream),
        ours: impl FnOnce(Wish) -> Wish,
    ) -> Self {
        let front = Front::open().await;
        let issuer = Issuer::parse(&front.base).unwrap();
        let other = |wish: Wish| {
            wish.configure(|config| {
                front.lead_to(format!("http://{}", config.listen));
                config.issuer = issuer;
                let grants = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
                config.clients[0].metadata.grant_types = grants;
            })
        };
        Self {
            houses: Houses::between(change, ours, other).await,
            front,
            ada: Visitor::default(),
        }
    }

    /// Where gallery is told by a frame. Ada has come to ledger, whose tokens these are, and to gallery.
    pub async fn with_gallery(
        sign_out: SignOut,
        ours: impl FnOnce(Wish) -> Wish,
    ) -> (Self, Tokens) {
        let mut gallery = metadata("https://gallery.example");
        gallery.frontchannel_logout_uri = Some("https://gallery.example/out".to_owned());
        let street = Self::between(
            |upstream| upstream.sign_out = sign_out,
            |wish| ours(wish.client("gallery", gallery)),
        )
        .await;
        let tokens = street.come(&[]).await;
        let gallery = RelyingParty::of(&street.houses.ours, "gallery");
        gallery.tokens(&street.ada, &[]).await;
        (street, tokens)
    }

    /// Ada comes through the other house to ledger; its tokens.
    pub async fn come(&self, more: &[(&str, &str)]) -> Tokens {
        let answer = self.houses.sign_in(&self.ada, more).await;
        self.tokens(&self.houses.party, &answer).await
    }

    async fn tokens(&self, party: &RelyingParty, answer: &Answer) -> Tokens {
        let code = answer.parameter("code");
        let code = code.unwrap_or_else(|| panic!("no code: {answer:?}"));
        let all = party.redeem(&code, &[]).await.json();
        Tokens { all }
    }

    /// Where ledger sends somebody who signs out there.
    pub fn sign_out_url(&self, tokens: &Tokens) -> String {
        self.houses.party.end_session_url(&[
            ("id_token_hint", &tokens.get("id_token")),
            ("post_logout_redirect_uri", &home()),
            ("state", "bye"),
        ])
    }

    /// Signs out at ledger; answers what our house answers at once.
    pub async fn sign_out(&self, tokens: &Tokens) -> Answer {
        self.ada.get(&self.sign_out_url(tokens)).await
    }

    /// The same, and follows to the page that our house shows.
    pub async fn sign_out_to_page(&self, tokens: &Tokens) -> Answer {
        let answer = self.sign_out(tokens).await;
        self.ada.follow(answer, &self.houses.ours.issuer).await
    }

    /// Presses the button that leads to the other house; answers where.
    pub async fn accept(&self, page: &Answer) -> Answer {
        let form = page.form_of("#sign-out-elsewhere");
        let form = form.unwrap_or_else(|| panic!("nothing is offered: {page:?}"));
        let sent = self.ada.submit(page, &form, &[]).await;
        assert_eq!(sent.status, 303, "{sent:?}");
        sent
    }

    /// Follows what leads to the other house until that leads back to us; answers what does.
    pub async fn leave_there(&self, sent: Answer) -> Answer {
        self.assert_goes_there(&sent);
        let back = self.ada.follow(sent, &self.front.base).await;
        let location = back.location().unwrap_or_default();
        let ours = self.houses.ours.url("/upstreams/house/signed_out?state=");
        assert!(location.starts_with(&ours), "{back:?}");
        back
    }

    /// Where a page with frames leads on.
    fn onward(&self) -> String {
        self.houses.ours.url("/leaving/onward")
    }

    /// Goes on from a page to the other house, as the policy is: where the page leads, or by its button.
    async fn go_on(&self, page: &Answer, sign_out: SignOut) -> Answer {
        match sign_out {
            SignOut::Go => self.ada.get(&self.onward()).await,
            _ => self.accept(page).await,
        }
    }

    /// Follows what leads back from the other house: through ours to ledger.
    async fn assert_comes_home(&self, back: &Answer) {
        let answer = self.ada.get(&back.location().unwrap()).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        assert_eq!(answer.location().unwrap(), home_with_state());
    }

    pub fn assert_goes_there(&self, sent: &Answer) {
        let location = sent.location().unwrap_or_default();
        let there = format!("{}{END_SESSION}?", self.front.base);
        assert_eq!(sent.status, 303, "{sent:?}");
        assert!(location.starts_with(&there), "{sent:?}");
    }

    /// Whether the other house would let her in again without asking.
    pub async fn is_signed_in_there(&self) -> bool {
        let party = RelyingParty::at(&self.front.base, "exeunt", "");
        let callback = self.houses.ours.url("/upstreams/house/callback");
        let silent = party.authorize_url(&[("prompt", "none"), ("redirect_uri", &callback)]);
        self.ada.get(&silent).await.parameter("code").is_some()
    }

    pub async fn close(self) {
        self.houses.close().await;
    }
}

/// Ledger's registered `post_logout_redirect_uri`.
pub fn home() -> String {
    format!("{HOME}/")
}

/// The same with what ledger asked to get back.
pub fn home_with_state() -> String {
    format!("{HOME}/?state=bye")
}
