//! A provider with applications that hear of sign-outs, and what it has noted about them.

use std::ops::Deref;

use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::logout::DeliveryState;
use exeunt::store::deliveries::{self, Delivery};
use exeunt::store::participants;
use serde_json::Value;
use uuid::Uuid;

use super::eventually;
use super::provider::{Provider, Wish, metadata, provider};
use super::relying_party::{Ear, RelyingParty, Tokens};
use super::visitor::{Answer, Visitor};

/// A provider, and applications in the order they were named.
pub struct Scene {
    /// The provider.
    pub provider: Provider,
    /// The applications.
    pub applications: Vec<Application>,
}

/// An application that asks and hears.
pub struct Application {
    /// What it hears with.
    pub ear: Ear,
    /// What it asks with.
    pub party: RelyingParty,
}

impl Deref for Application {
    type Target = RelyingParty;

    fn deref(&self) -> &RelyingParty {
        &self.party
    }
}

/// A confidential client that hears by back-channel.
pub fn by_server(ear: &Ear) -> ClientMetadata {
    ClientMetadata {
        backchannel_logout_uri: Some(ear.backchannel_logout_uri()),
        ..metadata(&ear.base)
    }
}

/// A confidential client that hears by front-channel alone, at a URI with a query of its own.
pub fn by_frame(ear: &Ear) -> ClientMetadata {
    ClientMetadata {
        frontchannel_logout_uri: Some(format!("{}/out?tenant=7", ear.base)),
        ..metadata(&ear.base)
    }
}

impl Scene {
    /// Applications that hear by back-channel.
    pub async fn of(names: &[&str]) -> Self {
        Self::with(names, |_, ear| by_server(ear), |wish| wish).await
    }

    /// Applications whose metadata `describe` makes, at a provider as `change` wants it.
    pub async fn with(
        names: &[&str],
        describe: impl Fn(&str, &Ear) -> ClientMetadata,
        change: impl FnOnce(Wish) -> Wish,
    ) -> Self {
        let mut wish = provider().await;
        let mut ears = Vec::new();
        for name in names {
            let ear = Ear::open().await;
            wish = wish.client(name, describe(name, &ear));
            ears.push(ear);
        }
        let provider = change(wish).start().await;
        let applications = names.iter().zip(ears).map(|(name, ear)| Application {
            ear,
            party: RelyingParty::of(&provider, name),
        });
        let applications = applications.collect();
        Self {
            provider,
            applications,
        }
    }

    /// Signs ada in at every application in this browser, with one password.
    pub async fn sign_in_everywhere(&self, visitor: &Visitor) -> Vec<Tokens> {
        let mut all = Vec::new();
        for application in &self.applications {
            all.push(application.tokens(visitor, &[]).await);
        }
        all
    }

    /// What the provider has noted about the end of the session that has this `sid`.
    pub async fn deliveries(&self, sid: &str) -> Vec<Delivery> {
        let session_id = self.session_id(sid).await;
        let db = self.provider.flows().database.read();
        deliveries::of_session(db, session_id).await.unwrap()
    }

    /// What it has noted about one application's part in it.
    pub async fn delivery(&self, sid: &str) -> Delivery {
        let of_session = self.deliveries(sid).await;
        let mut of_sid = of_session
            .into_iter()
            .filter(|known| known.sid.to_string() == sid);
        let delivery = of_sid.next().expect("there is a row for the application");
        assert_eq!(of_sid.next(), None, "there is one row for the application");
        delivery
    }

    /// Waits until an application's part in a session has come this far.
    pub async fn wait_for_state(&self, sid: &str, state: DeliveryState) -> Delivery {
        let delivery = eventually(async || {
            Some(self.delivery(sid).await).filter(|known| known.state == state)
        });
        match delivery.await {
            Some(delivery) => delivery,
            None => panic!("never {state:?}: {:?}", self.delivery(sid).await),
        }
    }

    /// The session behind a `sid`.
    pub async fn session_id(&self, sid: &str) -> Uuid {
        let db = self.provider.flows().database.read();
        let part = participants::find(db, sid.parse().unwrap()).await.unwrap();
        part.expect("the sid is known").session_id
    }

    /// Whether this browser is signed in, by the first application's silent question.
    pub async fn is_signed_in(&self, visitor: &Visitor) -> bool {
        let url = self.applications[0].authorize_url(&[("prompt", "none")]);
        let answer = visitor.get(&url).await;
        match answer.parameter("error").as_deref() {
            None => answer.parameter("code").is_some(),
            Some(error) => {
                assert_eq!(error, "login_required");
                false
            }
        }
    }

    /// Changes the database behind the provider's back.
    pub async fn sql(&self, statement: &str) {
        self.provider.sql(statement).await;
    }
}

impl Application {
    /// The claims of the notices that came in, once there are `count`.
    pub async fn told(&self, count: usize, issuer: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for notice in self.ear.wait_for(count).await {
            all.push(notice.claims(issuer).await);
        }
        all
    }

    /// Waits until a notice about `sid` came in.
    pub async fn told_of(&self, sid: &str, issuer: &str) -> Value {
        let told = eventually(async || {
            let notices = self.told(0, issuer).await;
            notices.into_iter().find(|claims| claims["sid"] == sid)
        });
        told.await
            .unwrap_or_else(|| panic!("{} never heard of {sid}", self.client_id))
    }
}

impl Tokens {
    /// The `sid` of the ID token.
    pub async fn sid(&self, issuer: &str) -> String {
        self.id_claims(issuer).await["sid"]
            .as_str()
            .expect("the ID token has a sid")
            .to_owned()
    }
}

impl Answer {
    /// The states of the applications on a page, in its order.
    pub fn states(&self) -> Vec<String> {
        self.attributes("#applications .application", "data-state")
    }
}
