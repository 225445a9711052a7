//! The termination matrix, cell by cell: each cause comes through its own door, and what becomes of each
//! artefact is what the table says (`oidc::logout::termination`).

mod afterwards;
mod at_once;
mod cells;
mod doors;

use chrono::TimeDelta;
use exeunt::flows::people;
use exeunt::jose::HashPurpose;
use exeunt::oidc::claims::UserClaims;
use exeunt::oidc::client::GrantType::{AuthorizationCode, RefreshToken};
use exeunt::oidc::client::{Client, ClientMetadata, KeptSecret};
use exeunt::oidc::logout::Cause;
use secrecy::SecretString;
use uuid::Uuid;

use crate::support::elsewhere::Elsewhere;
use crate::support::exchange::{asked, client_rule, token_of};
use crate::support::people::sign_in_here;
use crate::support::provider::{PASSWORD, SECRET};
use crate::support::relying_party::{Ear, RelyingParty, Tokens};
use crate::support::scene::{Application, Scene, by_server};
use crate::support::service::Reader;
use crate::support::services::API;
use crate::support::visitor::{Answer, Visitor};

const NEW: &str = "another analytical engine";

const LIFE: TimeDelta = TimeDelta::minutes(5);

const OFFLINE: &str = "openid email offline_access";

/// Bob in two browsers: in one of them he has everything that there is at ledger, the other is beside it.
struct Stage {
    scene: Scene,
    /// Through which bob came in in the reached browser, where that is the cause.
    elsewhere: Elsewhere,
    ledger: Application,
    reached: Visitor,
    beside: Visitor,
    /// The cookie of the reached browser as it was.
    cookie: String,
    user_id: Uuid,
    sid: String,
    online: Tokens,
    offline: Tokens,
    /// What ledger was given for its access token, for a service that admits nobody else.
    exchanged: String,
    api: Reader,
    code: String,
    parked_sign_in: Answer,
    parked_consent: Answer,
}

impl Stage {
    async fn set(cause: Cause) -> Self {
        let elsewhere = Elsewhere::open().await;
        let scene = Scene::with(
            &["atlas"],
            |_, ear| by_server(ear),
            |wish| {
                wish.manual_clock().configure(|config| {
                    config.exchange.rules.push(client_rule("ledger", API));
                    match cause {
                        Cause::Upstream => elsewhere.declare(config),
                        Cause::Idle => config.session.idle = Some(LIFE),
                        Cause::Expired => config.session.absolute = LIFE,
                        Cause::TokenRevoked => config.tokens.revocation_ends_participation = true,
                        _ => {}
                    }
                })
            },
        )
        .await;
        let flows = scene.provider.flows();
        // Whom no file declares, so that they can be deleted; and so the application.
        let password = SecretString::from(PASSWORD);
        for name in ["bob", "grace"] {
            let claims = UserClaims::default();
            let added = people::add_user(flows, name, Some(&password), claims);
            added.await.unwrap().unwrap();
        }
        let ear = Ear::open().await;
        let metadata = ClientMetadata {
            skip_consent: false,
            scope: Some(OFFLINE.to_owned()),
            grant_types: vec![AuthorizationCode, RefreshToken],
            // A service that hears what becomes of its tokens.
            access_token_audience: Some(API.to_owned()),
            ..by_server(&ear)
        };
        let secret = flows.master.hash(HashPurpose::ClientSecret, SECRET);
        let client = Client {
            client_id: "ledger".to_owned(),
            secret: Some(KeptSecret::Hashed(secret)),
            metadata,
        };
        people::add_client(flows, client).await.unwrap().unwrap();
        let party = RelyingParty::at(&scene.provider.issuer, "ledger", &ear.base);
        let ledger = Application { ear, party };

        let issuer = &scene.provider.issuer;
        let (reached, beside) = (Visitor::default(), Visitor::default());
        for visitor in [&beside, &reached] {
            sign_in_here(&scene, visitor, "bob").await;
        }
        if cause == Cause::Upstream {
            come_in_from(&elsewhere, &scene, &reached).await;
        }
        for visitor in [&beside, &reached] {
            scene.applications[0].tokens(visitor, &[]).await;
        }
        let online = consent(&ledger, &reached, issuer, "openid email").await;
        // What was done in the millisecond of a request would answer it.
        let tick = || scene.provider.advance(TimeDelta::seconds(1));
        tick();
        let offline = consent(&ledger, &reached, issuer, OFFLINE).await;
        tick();
        let api = Reader::added(&scene.provider, API, Some(&["ledger"])).await;
        let token = online.get("access_token");
        let exchanged = token_of(&ledger.token(&asked(&token, API)).await);
        let claims = online.id_claims(issuer).await;
        let open = async |more: &[(&str, &str)]| {
            let answer = reached.get(&ledger.authorize_url(more)).await;
            reached.follow(answer, issuer).await
        };
        let code = open(&[]).await.parameter("code").expect("there is a code");
        let parked_sign_in = open(&[("prompt", "login")]).await;
        assert_eq!(parked_sign_in.page(), "page-sign-in");
        let parked_consent = open(&[("prompt", "consent")]).await;
        assert_eq!(parked_consent.page(), "page-consent");
        Self {
            user_id: claims["sub"].as_str().unwrap().parse().unwrap(),
            sid: claims["sid"].as_str().unwrap().to_owned(),
            cookie: reached.cookie("exeunt-session").unwrap(),
            scene,
            elsewhere,
            ledger,
            reached,
            beside,
            online,
            offline,
            exchanged,
            api,
            code,
            parked_sign_in,
            parked_consent,
        }
    }
}

async fn consent(ledger: &Application, visitor: &Visitor, issuer: &str, scope: &str) -> Tokens {
    let url = ledger.authorize_url(&[("scope", scope), ("prompt", "consent")]);
    let page = visitor.follow(visitor.get(&url).await, issuer).await;
    let fields = [("decision", "allow")];
    let answer = visitor.submit(&page, &page.form(), &fields).await;
    let code = answer.parameter("code").expect("there is a code");
    let answer = ledger.redeem(&code, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens { all: answer.json() }
}

/// Bob links the other provider, and comes in by it in the same browser.
async fn come_in_from(elsewhere: &Elsewhere, scene: &Scene, visitor: &Visitor) {
    let (provider, there) = (&scene.provider, ("bob-there", "session-there"));
    let account = visitor.get(&provider.url("/account")).await;
    let form = account.form_of("#link-house").expect("there is a button");
    let sent = elsewhere.sent(&visitor.submit(&account, &form, &[]).await);
    let linked = elsewhere.send_back(provider, visitor, &sent, there).await;
    assert!(linked.has("#links .link"), "{linked:?}");
    // What was done in the millisecond of a request would answer it.
    provider.advance(TimeDelta::seconds(1));
    let url = scene.applications[0].authorize_url(&[("prompt", "login")]);
    let page = visitor
        .follow(visitor.get(&url).await, &provider.issuer)
        .await;
    let sent = elsewhere.leave_for(visitor, &page).await;
    let back = elsewhere.send_back(provider, visitor, &sent, there).await;
    assert!(back.parameter("code").is_some(), "{back:?}");
}
