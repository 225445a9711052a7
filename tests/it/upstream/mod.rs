//! Signing in through another provider: a second Exeunt, started beside the first.

mod accounts;
mod at_once;
mod claims;
mod egress;
mod id_token;
mod in_a_browser;
mod invitations;
mod kept_or_taken_back;
mod leaving;
mod leaving_failed;
mod not_lost;
mod oauth2;
mod requested_claims;
mod signing_in;
pub mod stub;
mod taken_back;
mod told;
mod written_by_others;

use exeunt::config::{DeclaredUpstream, Place};
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::upstream::leaving::SignOut;
use exeunt::oidc::upstream::requested_claims::RequestedClaims;
use exeunt::oidc::upstream::{Admits, AuthMethod, SCOPE, Upstream};
use secrecy::SecretString;

use crate::support::ledger::{HOME, open, sign_in_as};
use crate::support::provider::{PASSWORD, Provider, SECRET, Wish, metadata, provider};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::{Answer, Visitor};

/// Two houses: people of the other one sign in at ours.
struct Houses {
    ours: Provider,
    other: Provider,
    /// An application of ours.
    party: RelyingParty,
}

impl Houses {
    /// Where everybody of the other house may come in, and people of ours have passwords.
    async fn open() -> Self {
        Self::with(|_| {}, |wish| wish).await
    }

    async fn with(change: impl FnOnce(&mut Upstream), ours: impl FnOnce(Wish) -> Wish) -> Self {
        Self::between(change, ours, |wish| wish).await
    }

    async fn between(
        change: impl FnOnce(&mut Upstream),
        ours: impl FnOnce(Wish) -> Wish,
        other: impl FnOnce(Wish) -> Wish,
    ) -> Self {
        let wish = provider().await.client("ledger", metadata(HOME));
        let callback = format!("{}/upstreams/house/callback", wish.issuer());
        let signed_out = format!("{}/upstreams/house/signed_out", wish.issuer());
        let at_other = ClientMetadata {
            redirect_uris: vec![callback],
            post_logout_redirect_uris: vec![signed_out],
            skip_consent: true,
            ..ClientMetadata::default()
        };
        let there = provider().await.client("exeunt", at_other);
        let other = other(there).start().await;
        let mut upstream = house(&other.issuer);
        change(&mut upstream);
        let declared = DeclaredUpstream {
            upstream,
            secret: Some(SecretString::from(SECRET)),
            place: Place::Program,
        };
        let wish = wish.configure(|config| config.upstreams.push(declared));
        let ours = ours(wish).start().await;
        let party = RelyingParty::of(&ours, "ledger");
        Self { ours, other, party }
    }

    /// From an authorization request to our sign-in page, and by its button to the other house's.
    async fn leave_for(&self, visitor: &Visitor, more: &[(&str, &str)]) -> Answer {
        let page = open(visitor, &self.party.authorize_url(more)).await;
        assert_eq!(page.page(), "page-sign-in", "{page:?}");
        self.press(visitor, &page).await
    }

    /// Presses the button on our sign-in page; answers what the other house shows or answers.
    async fn press(&self, visitor: &Visitor, page: &Answer) -> Answer {
        let form = page.form_of("#upstream-house").expect("there is a button");
        let sent = visitor.submit(page, &form, &[]).await;
        assert_eq!(sent.status, 303, "{sent:?}");
        visitor.follow(sent, &self.other.issuer).await
    }

    /// Signs ada in at the other house's page; answers what leads back to us.
    async fn sign_in_there(&self, visitor: &Visitor, page: &Answer) -> Answer {
        assert!(page.url.starts_with(&self.other.issuer), "{page:?}");
        let answer = sign_in_as(visitor, page, "ada", PASSWORD).await;
        visitor.follow(answer, &self.other.issuer).await
    }

    /// Follows what leads back to us to where we send them.
    async fn come_back(&self, visitor: &Visitor, back: Answer) -> Answer {
        visitor.follow(back, &self.ours.issuer).await
    }

    /// The whole way of ada of the other house to the application.
    async fn sign_in(&self, visitor: &Visitor, more: &[(&str, &str)]) -> Answer {
        let page = self.leave_for(visitor, more).await;
        let back = match page.page().as_str() {
            "page-sign-in" => self.sign_in_there(visitor, &page).await,
            _ => page,
        };
        self.come_back(visitor, back).await
    }

    /// The claims of the ID token that the application gets for a code.
    async fn id_claims(&self, answer: &Answer) -> serde_json::Value {
        let code = answer
            .parameter("code")
            .unwrap_or_else(|| panic!("no code: {answer:?}"));
        let tokens = self.party.redeem(&code, &[]).await;
        let id_token = tokens.json()["id_token"].as_str().unwrap().to_owned();
        crate::support::relying_party::verify(&self.ours.issuer, &id_token)
            .await
            .1
    }

    async fn close(self) {
        self.ours.stop().await;
        self.other.stop().await;
    }
}

/// The other house as ours knows it: everybody may come in.
fn house(issuer: &str) -> Upstream {
    Upstream {
        id: "house".to_owned(),
        issuer: issuer.to_owned(),
        oauth2: None,
        client_id: "exeunt".to_owned(),
        auth_method: AuthMethod::ClientSecretBasic,
        scope: SCOPE.to_owned(),
        request_claims: RequestedClaims::default(),
        label: "The other house".to_owned(),
        logo: None,
        domains: Vec::new(),
        admits: Admits::Anyone,
        refreshes_claims: true,
        claims: std::collections::BTreeMap::new(),
        private_networks: Vec::new(),
        sign_out: SignOut::default(),
    }
}
