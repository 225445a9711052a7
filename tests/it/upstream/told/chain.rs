//! A chain of two real providers of ours: who leaves at the upper one has left at the applications of the lower one.

use std::collections::BTreeMap;

use exeunt::config::{DeclaredUpstream, Place};
use exeunt::oidc::client::ClientMetadata;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::oidc::upstream::leaving::SignOut;
use exeunt::oidc::upstream::requested_claims::RequestedClaims;
use exeunt::oidc::upstream::{Admits, AuthMethod, SCOPE, Upstream};
use secrecy::SecretString;

use crate::support::eventually;
use crate::support::ledger::{open, sign_in_as};
use crate::support::provider::{PASSWORD, Provider, SECRET, metadata, provider};
use crate::support::relying_party::{Ear, Tokens};
use crate::support::scene::{Scene, by_frame, by_server};
use crate::support::visitor::{Answer, Visitor};

/// The upper house, and the lower one with its applications: ledger hears by its server, atlas by a frame.
struct Chain {
    upper: Provider,
    lower: Scene,
}

impl Chain {
    /// `describe` says how the upper house tells the lower one.
    async fn of(describe: impl FnOnce(&mut ClientMetadata, &Upstream, &Provider)) -> Self {
        let nowhere = metadata("https://exeunt.example");
        let upper = provider().await.client("exeunt", nowhere).start().await;
        let upstream = Upstream {
            id: "house".to_owned(),
            issuer: upper.issuer.clone(),
            client_id: "exeunt".to_owned(),
            auth_method: AuthMethod::ClientSecretBasic,
            scope: SCOPE.to_owned(),
            request_claims: RequestedClaims::default(),
            label: "The upper house".to_owned(),
            logo: None,
            domains: Vec::new(),
            admits: Admits::Anyone,
            refreshes_claims: true,
            claims: BTreeMap::new(),
            private_networks: Vec::new(),
            sign_out: SignOut::default(),
            oauth2: None,
        };
        let declared = DeclaredUpstream {
            upstream: upstream.clone(),
            secret: Some(SecretString::from(SECRET)),
            place: Place::Program,
        };
        let lower = Scene::with(
            &["ledger", "atlas"],
            |name: &str, ear: &Ear| match name {
                "ledger" => by_server(ear),
                _ => by_frame(ear),
            },
            |wish| wish.configure(|config| config.upstreams.push(declared)),
        )
        .await;
        let ours = &lower.provider.config.issuer;
        let upper = upper
            .restart(|config| {
                let metadata = &mut config.clients[0].metadata;
                metadata.redirect_uris = vec![upstream.callback(ours)];
                describe(metadata, &upstream, &lower.provider);
            })
            .await;
        Self { upper, lower }
    }

    /// Ada signs in at the upper house, and by that at both applications of the lower one.
    async fn sign_in(&self, ada: &Visitor) -> Vec<Tokens> {
        let mut all = Vec::new();
        for application in &self.lower.applications {
            let mut answer = open(ada, &application.authorize_url(&[])).await;
            if answer.page() == "page-sign-in" {
                let form = answer.form_of("#upstream-house").unwrap();
                let sent = ada.submit(&answer, &form, &[]).await;
                let page = ada.follow(sent, &self.upper.issuer).await;
                let back = sign_in_as(ada, &page, "ada", PASSWORD).await;
                let back = ada.follow(back, &self.upper.issuer).await;
                answer = ada.follow(back, &self.lower.provider.issuer).await;
            }
            let code = answer.parameter("code");
            let code = code.unwrap_or_else(|| panic!("no code: {answer:?}"));
            let all_tokens = application.redeem(&code, &[]).await.json();
            all.push(Tokens { all: all_tokens });
        }
        all
    }

    /// She signs out there; answers where that leads.
    async fn leave(&self, ada: &Visitor) -> Answer {
        let page = open(ada, &self.upper.url("/end_session")).await;
        assert_eq!(page.page(), "page-confirm-sign-out", "{page:?}");
        let fields = [("scope", "everywhere")];
        let answer = ada.submit(&page, &page.form(), &fields).await;
        ada.follow(answer, &self.upper.issuer).await
    }

    async fn close(self) {
        self.lower.provider.stop().await;
        self.upper.stop().await;
    }
}

/// P2: from house to house by their servers.
#[actix_web::test]
async fn p2_who_leaves_at_the_upper_house_leaves_the_applications_of_the_lower_one() {
    let chain = Chain::of(|metadata, upstream, lower| {
        let ours = &lower.config.issuer;
        metadata.backchannel_logout_uri = Some(upstream.backchannel_logout_uri(ours));
    })
    .await;
    let (ada, issuer) = (Visitor::default(), &chain.lower.provider.issuer);
    let tokens = chain.sign_in(&ada).await;
    assert!(chain.lower.is_signed_in(&ada).await);
    chain.leave(&ada).await;
    let sid = tokens[0].sid(issuer).await;
    let told = chain.lower.applications[0].told_of(&sid, issuer).await;
    assert_eq!(told["sid"], sid.as_str());
    assert!(!chain.lower.is_signed_in(&ada).await);
    assert_eq!(chain.lower.delivery(&sid).await.cause, Cause::Upstream);
    // The upper house knows that the lower one has confirmed.
    let signed_out = chain.upper.url("/signed-out");
    let confirmed = async || (ada.get(&signed_out).await.states() == ["confirmed"]).then_some(());
    assert!(eventually(confirmed).await.is_some());
    chain.close().await;
}

/// P2: and by frames in the person's browser, frame in frame.
#[actix_web::test]
async fn p2_who_leaves_at_the_upper_house_leaves_the_lower_one_by_frames() {
    let chain = Chain::of(|metadata, upstream, lower| {
        let ours = &lower.config.issuer;
        metadata.frontchannel_logout_uri = Some(upstream.frontchannel_logout_uri(ours));
    })
    .await;
    let (ada, issuer) = (Visitor::default(), &chain.lower.provider.issuer);
    let tokens = chain.sign_in(&ada).await;
    let leaving = chain.leave(&ada).await;
    assert_eq!(leaving.page(), "page-leaving", "{leaving:?}");
    let frames = leaving.attributes("iframe", "src");
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert!(frames[0].starts_with(issuer.as_str()), "{frames:?}");
    assert!(chain.lower.is_signed_in(&ada).await);
    // In a frame on another site the browser brings no cookies of ours.
    let framed = Visitor::default().get(&frames[0]).await;
    assert_eq!(framed.page(), "page-signed-out-elsewhere", "{framed:?}");
    let policy = framed.header("content-security-policy");
    let ancestors = format!("frame-ancestors {}", chain.upper.issuer);
    assert!(policy.ends_with(&ancestors), "{policy}");
    let sid = tokens[0].sid(issuer).await;
    chain.lower.applications[0].told_of(&sid, issuer).await;
    assert!(!chain.lower.is_signed_in(&ada).await);
    // Atlas hears in a frame of that frame.
    let sid = tokens[1].sid(issuer).await;
    let inner = framed.attributes("iframe", "src");
    let atlas = &chain.lower.applications[1].ear.base;
    assert_eq!(inner.len(), 1, "{inner:?}");
    assert!(inner[0].starts_with(&format!("{atlas}/out?")), "{inner:?}");
    assert!(inner[0].ends_with(&format!("sid={sid}")), "{inner:?}");
    assert_eq!(chain.lower.delivery(&sid).await.state, DeliveryState::Asked);
    chain.close().await;
}
