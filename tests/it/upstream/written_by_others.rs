//! Signing in through a provider that others wrote: `oidc-provider`, which runs on Node.
//!
//! `EXEUNT_TEST_NODE_MODULES` names the folder in which `node_modules` has what node/package-lock.json says.

use std::path::Path;
use std::process::{Command, Stdio};

use chrono::TimeDelta;
use exeunt::config::{DeclaredUpstream, Place};
use exeunt::flows::upstream::trial;
use exeunt::oidc::upstream::{AuthMethod, Upstream};
use serde_json::{Value, json};

use super::house;
use super::requested_claims::{NOT_ENOUGH, essential, requested};
use super::stub::notice;
use crate::support::ledger::{is_signed_in, open};
use crate::support::process::{Process, free_port};
use crate::support::provider::{Provider, Wish, provider};
use crate::support::relying_party::{Ear, RelyingParty, verify};
use crate::support::scene::by_server;
use crate::support::visitor::{Answer, Visitor, http_client};
use crate::support::{environment, eventually, repository};

/// What it gives us: no character of it means the same in a header, in a form and in a URL.
const SECRET: &str = "of+many%20characters:/&=?~and-more-than-24";

/// The one that others wrote.
struct Stranger {
    process: Process,
    issuer: String,
    wish: Value,
}

impl Stranger {
    async fn start(wish: Value) -> Self {
        let folder = environment("EXEUNT_TEST_NODE_MODULES");
        let folder = folder.expect("EXEUNT_TEST_NODE_MODULES names a folder: run scripts/test");
        let folder = Path::new(&folder).parent().unwrap();
        let script = repository().join("tests/it/upstream/node/provider.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(wish.to_string());
        command.current_dir(folder).stdout(Stdio::null());
        let mut stranger = Self {
            process: Process::spawn(&mut command),
            issuer: format!("http://localhost:{}", wish["port"]),
            wish,
        };
        let discovery = format!("{}/.well-known/openid-configuration", stranger.issuer);
        let up = eventually(async || match stranger.process.ended() {
            Some(status) => Some(Err(status)),
            None => http_client().get(&discovery).send().await.ok().map(Ok),
        });
        let up = up.await.expect("it starts");
        if let Err(status) = up {
            panic!("{status}: {}", stranger.process.last_words());
        }
        stranger
    }

    /// Ends it, and starts it at the same address: with new keys, and knowing nobody.
    async fn start_again(self) -> Self {
        let Self { process, wish, .. } = self;
        process.stop();
        Self::start(wish).await
    }
}

/// An application of ours, which hears; our provider; and the other one, through which people sign in.
struct Chain {
    ear: Ear,
    party: RelyingParty,
    ours: Provider,
    stranger: Stranger,
}

impl Chain {
    async fn open(method: AuthMethod, algorithm: &str, more: Value) -> Self {
        Self::with(method, algorithm, more, |wish| wish).await
    }

    async fn with(
        method: AuthMethod,
        algorithm: &str,
        more: Value,
        change: impl FnOnce(Wish) -> Wish,
    ) -> Self {
        let ear = Ear::open().await;
        let wish = change(provider().await.client("ledger", by_server(&ear)));
        let ours = wish.issuer();
        let at = |door: &str| format!("{ours}/upstreams/house/{door}");
        let mut client = json!({
            "client_id": "exeunt",
            "client_secret": SECRET,
            "token_endpoint_auth_method": method.as_str(),
            "redirect_uris": [at("callback")],
            "post_logout_redirect_uris": [at("signed_out")],
            "backchannel_logout_uri": at("backchannel_logout"),
            "backchannel_logout_session_required": true,
        });
        if !method.uses_secret() {
            client["jwks_uri"] = format!("{ours}/jwks").into();
            client["token_endpoint_auth_signing_alg"] = "RS256".into();
            client.as_object_mut().unwrap().remove("client_secret");
        }
        let port = free_port();
        let mut asked = json!({ "port": port, "algorithm": algorithm, "client": client });
        for (name, value) in more.as_object().into_iter().flatten() {
            asked[name] = value.clone();
        }
        let upstream = Upstream {
            auth_method: method,
            ..house(&format!("http://localhost:{port}"))
        };
        let declared = DeclaredUpstream {
            upstream,
            secret: method.uses_secret().then(|| SECRET.into()),
            place: Place::Program,
        };
        let wish = wish.configure(|config| config.upstreams.push(declared));
        // It asks for our keys when we first sign something for it.
        let ours = wish.start().await;
        Self {
            party: RelyingParty::of(&ours, "ledger"),
            ear,
            ours,
            stranger: Stranger::start(asked).await,
        }
    }

    /// The way from the application to the other provider's page, or to its answer where it has nothing to ask.
    async fn go_there(&self, visitor: &Visitor) -> Answer {
        self.go_there_for(visitor, &[]).await
    }

    async fn go_there_for(&self, visitor: &Visitor, more: &[(&str, &str)]) -> Answer {
        let page = open(visitor, &self.party.authorize_url(more)).await;
        let button = page.form_of("#upstream-house").expect("there is a button");
        let sent = visitor.submit(&page, &button, &[]).await;
        visitor.follow(sent, &self.stranger.issuer).await
    }

    /// The way from the application to the other provider's answer, which is still to come to us.
    async fn ask_there(&self, visitor: &Visitor) -> Answer {
        let page = self.go_there(visitor).await;
        match page.has("input[name=login]") {
            true => self.sign_in_there(visitor, &page).await,
            false => page,
        }
    }

    async fn sign_in_there(&self, visitor: &Visitor, page: &Answer) -> Answer {
        let fields = [("login", "ada"), ("password", "whatever")];
        let sent = visitor.submit(page, &page.form(), &fields).await;
        visitor.follow(sent, &self.stranger.issuer).await
    }

    /// The tokens that the application gets for what comes to us.
    async fn tokens(&self, visitor: &Visitor, back: Answer) -> Value {
        let answer = visitor.follow(back, &self.ours.issuer).await;
        let code = answer.parameter("code");
        let code = code.unwrap_or_else(|| panic!("no code: {answer:?}"));
        self.party.redeem(&code, &[]).await.json()
    }

    /// The claims of the ID token among them.
    async fn arrive(&self, visitor: &Visitor, back: Answer) -> Value {
        let tokens = self.tokens(visitor, back).await;
        let id_token = tokens["id_token"].as_str().unwrap().to_owned();
        verify(&self.ours.issuer, &id_token).await.1
    }

    async fn sign_in(&self, visitor: &Visitor) -> Value {
        let back = self.ask_there(visitor).await;
        self.arrive(visitor, back).await
    }

    async fn close(self) {
        self.ours.stop().await;
    }
}

/// Each way to prove who we are, and each kind of signature that we take and it makes.
#[actix_web::test]
#[ignore = "needs Node and oidc-provider: run scripts/test"]
async fn people_come_in_through_a_provider_that_others_wrote() {
    for (method, algorithm) in [
        (AuthMethod::ClientSecretBasic, "RS256"),
        (AuthMethod::ClientSecretPost, "ES256"),
        (AuthMethod::PrivateKeyJwt, "PS256"),
        (AuthMethod::ClientSecretBasic, "EdDSA"),
    ] {
        let chain = Chain::open(method, algorithm, json!({})).await;
        let ada = Visitor::default();
        let claims = chain.sign_in(&ada).await;
        assert!(is_signed_in(&chain.party, &ada).await, "{method:?}");
        // The same person from another browser.
        let again = chain.sign_in(&Visitor::default()).await;
        assert_eq!(again["sub"], claims["sub"], "{method:?} {algorithm}");
        assert!(chain.ear.notices().is_empty(), "nobody has left");
        chain.close().await;
    }
}

#[actix_web::test]
#[ignore = "needs Node and oidc-provider: run scripts/test"]
async fn an_answer_by_a_form_of_a_provider_that_others_wrote_is_taken() {
    let options = json!({ "answers_by_form": true });
    let chain = Chain::open(AuthMethod::ClientSecretBasic, "RS256", options).await;
    let ada = Visitor::default();
    let page = chain.ask_there(&ada).await;
    let form = page.form();
    assert!(form.action.ends_with("/callback"), "{page:?}");
    let fields: Vec<(&str, &str)> = form
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    // A browser leaves our cookies at home here.
    let parked = ada.post_from_elsewhere(&form.action, &fields).await;
    chain.arrive(&ada, parked).await;
    assert!(is_signed_in(&chain.party, &ada).await);
    chain.close().await;
}

#[actix_web::test]
#[ignore = "needs Node and oidc-provider: run scripts/test"]
async fn new_keys_of_a_provider_that_others_wrote_are_found() {
    let by_secret = AuthMethod::ClientSecretBasic;
    let mut chain = Chain::with(by_secret, "RS256", json!({}), Wish::manual_clock).await;
    let before = chain.sign_in(&Visitor::default()).await;
    chain.stranger = chain.stranger.start_again().await;
    // Keys that were just fetched are not asked for again at once.
    chain.ours.advance(TimeDelta::minutes(2));
    let after = chain.sign_in(&Visitor::default()).await;
    assert_eq!(before["sub"], after["sub"]);
    chain.close().await;
}

/// Signs out on the other provider's page.
async fn leave_there(visitor: &Visitor, stranger: &Stranger) -> Answer {
    let end = format!("{}/session/end", stranger.issuer);
    let page = visitor.get(&end).await;
    let yes = [("logout", "yes")];
    visitor.submit(&page, &page.form(), &yes).await
}

/// Its logout token ends the session that came from there, and the application hears of it.
#[actix_web::test]
#[ignore = "needs Node and oidc-provider: run scripts/test"]
async fn who_leaves_at_a_provider_that_others_wrote_leaves_here_and_at_the_application() {
    for algorithm in ["RS256", "ES256"] {
        let chain = Chain::open(AuthMethod::ClientSecretBasic, algorithm, json!({})).await;
        let (ada, elsewhere) = (Visitor::default(), Visitor::default());
        let claims = chain.sign_in(&ada).await;
        chain.sign_in(&elsewhere).await;
        leave_there(&ada, &chain.stranger).await;
        let notice = chain.ear.wait_for(1).await.remove(0);
        let told = notice.claims(&chain.ours.issuer).await;
        assert_eq!(told["sid"], claims["sid"], "{told}");
        assert!(!is_signed_in(&chain.party, &ada).await);
        // Her other session there goes on, and so does the one here that came of it.
        assert!(is_signed_in(&chain.party, &elsewhere).await);
        assert_eq!(chain.ear.notices().len(), 1);
        chain.close().await;
    }
}

/// RP-Initiated Logout 1.0 §2: who signs out here and takes the offer leaves there, too, and comes back.
#[actix_web::test]
#[ignore = "needs Node and oidc-provider: run scripts/test"]
async fn who_signs_out_here_leaves_at_a_provider_that_others_wrote_too() {
    let chain = Chain::open(AuthMethod::ClientSecretBasic, "RS256", json!({})).await;
    let ada = Visitor::default();
    chain.sign_in(&ada).await;
    let page = open(&ada, &chain.ours.url("/end_session")).await;
    let sent = ada
        .submit(&page, &page.form_of("#sign-out").unwrap(), &[])
        .await;
    let page = ada.follow(sent, &chain.ours.issuer).await;
    let offer = page.form_of("#sign-out-elsewhere").expect("it is offered");
    let sent = ada.submit(&page, &offer, &[]).await;
    let there = ada.follow(sent, &chain.stranger.issuer).await;
    let sent = ada
        .submit(&there, &there.form(), &[("logout", "yes")])
        .await;
    let back = ada.follow(sent, &chain.stranger.issuer).await;
    let page = ada.follow(back, &chain.ours.issuer).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.url.starts_with(&chain.ours.issuer), "{page:?}");
    // She is out there, too: it asks who comes next.
    let asked = chain.go_there(&ada).await;
    assert!(asked.has("input[name=login]"), "{asked:?}");
    chain.close().await;
}

/// Core §5.5: what no scope brings comes when it is asked for by name, from userinfo or in the ID token, and is known here.
#[actix_web::test]
#[ignore = "needs Node and oidc-provider: run scripts/test"]
async fn a_claim_that_a_provider_that_others_wrote_is_asked_for_by_name_is_known_here() {
    let mut chain = Chain::open(AuthMethod::ClientSecretBasic, "RS256", json!({})).await;
    let scope = [("scope", "openid profile email")];
    for (asked, nickname, email) in [
        (json!({}), Value::Null, Value::Null),
        (
            json!({ "userinfo": { "nickname": { "essential": true }, "email": null } }),
            json!("ada the stranger"),
            json!("ada@elsewhere.example"),
        ),
        (
            json!({ "id_token": { "nickname": null } }),
            json!("ada the stranger"),
            Value::Null,
        ),
    ] {
        let request_claims = requested(&asked);
        chain.ours = chain
            .ours
            .restart(|config| {
                let upstream = &mut config.upstreams[0].upstream;
                upstream.scope = "openid".to_owned();
                upstream.request_claims = request_claims;
            })
            .await;
        let ada = Visitor::default();
        let page = chain.go_there_for(&ada, &scope).await;
        let back = chain.sign_in_there(&ada, &page).await;
        let tokens = chain.tokens(&ada, back).await;
        let token = tokens["access_token"].as_str().unwrap();
        let told = chain.party.userinfo(token).await.json();
        assert_eq!(
            (&told["nickname"], &told["email"]),
            (&nickname, &email),
            "{asked}: {told}"
        );
        // It says of itself that it can.
        let upstream = &chain.ours.flows().config.upstreams[0].upstream;
        let trial = trial::test(chain.ours.flows(), upstream).await.unwrap();
        assert!(
            !trial.shortcomings.join(" ").contains("claims"),
            "{:?}",
            trial.shortcomings
        );
    }
    chain.close().await;
}

/// Core §5.5.1.1: who proves no class that will do does not get past the other provider, where it listens, nor past us, where
/// it does not.
#[actix_web::test]
#[ignore = "needs Node and oidc-provider: run scripts/test"]
async fn an_essential_class_is_proven_at_a_provider_that_others_wrote_or_nobody_comes_in() {
    let by_secret = AuthMethod::ClientSecretBasic;
    let classes = json!(["silver", "gold"]);
    for ignores_claims in [false, true] {
        let options = json!({ "classes": classes, "ignores_claims": ignores_claims });
        let mut chain = Chain::open(by_secret, "RS256", options).await;
        for (values, is_met) in [(vec!["gold", "silver"], true), (vec!["gold"], false)] {
            let request_claims = requested(&essential(&values));
            chain.ours = chain
                .ours
                .restart(|config| config.upstreams[0].upstream.request_claims = request_claims)
                .await;
            let ada = Visitor::default();
            let page = chain.go_there(&ada).await;
            let back = chain.sign_in_there(&ada, &page).await;
            match (is_met, ignores_claims) {
                (true, false) => {
                    assert_eq!(chain.arrive(&ada, back).await["acr"], "silver");
                }
                (false, false) => {
                    // It asks again: for another way to sign in.
                    assert!(back.has("input[name=login]"), "{back:?}");
                    let turn_back = back.attributes("a[href$='/abort']", "href").remove(0);
                    let sent = ada.get(&turn_back).await;
                    let back = ada.follow(sent, &chain.stranger.issuer).await;
                    let page = ada.follow(back, &chain.ours.issuer).await;
                    assert!(page.form_of("#upstream-house").is_some(), "{page:?}");
                }
                // What nobody asked it does not say.
                (_, true) => {
                    let page = ada.follow(back, &chain.ours.issuer).await;
                    assert_eq!(page.status, 403, "{page:?}");
                    assert!(notice(&page).contains(NOT_ENOUGH), "{page:?}");
                }
            }
            let is_in = is_signed_in(&chain.party, &ada).await;
            assert_eq!(is_in, is_met && !ignores_claims, "{values:?}");
        }
        chain.close().await;
    }
}
