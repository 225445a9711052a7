//! The termination matrix, cell by cell: each cause comes through its own door, and what becomes of each
//! artefact is what the table says (`oidc::logout::termination`).

mod afterwards;
mod at_once;

use chrono::TimeDelta;
use exeunt::flows::{end_session, people};
use exeunt::jose::HashPurpose;
use exeunt::oidc::claims::UserClaims;
use exeunt::oidc::client::GrantType::{AuthorizationCode, RefreshToken};
use exeunt::oidc::client::{Client, ClientMetadata, KeptSecret};
use exeunt::oidc::logout::Cause;
use exeunt::oidc::logout::termination::{Artefact, Fate, Reach, fate, termination};
use exeunt::store::consents;
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::support::elsewhere::Elsewhere;
use crate::support::exchange::{asked, client_rule, token_of};
use crate::support::people::{change_password, press, sign_in_here};
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

    /// Has the cause come through its own door.
    async fn come(&self, cause: Cause) {
        let (scene, beside) = (&self.scene, &self.beside);
        let flows = scene.provider.flows();
        let session_id = scene.session_id(&self.sid).await;
        match cause {
            Cause::Logout => {
                let hint = self.online.get("id_token");
                let url = self.ledger.end_session_url(&[("id_token_hint", &hint)]);
                assert_eq!(self.reached.get(&url).await.status, 303);
            }
            Cause::OneSession => {
                let id = session_id.to_string();
                press(scene, beside, "/account/end-session", ("session", &id)).await;
            }
            Cause::OneApplication => {
                press(scene, beside, "/account/leave", ("sid", &self.sid)).await;
            }
            Cause::Everywhere => {
                press(scene, beside, "/account/end-everything", ("", "")).await;
            }
            Cause::Replaced => {
                let url = self.ledger.authorize_url(&[("prompt", "login")]);
                let page = self.reached.get(&url).await;
                let page = self.reached.follow(page, &scene.provider.issuer).await;
                let fields = [("username", "grace"), ("password", PASSWORD)];
                self.reached.submit(&page, &page.form(), &fields).await;
            }
            Cause::Administrator => {
                let ended = end_session::end_session(flows, session_id, cause);
                assert!(ended.await.unwrap());
            }
            Cause::UserDisabled => people::disable_user(flows, "bob").await.unwrap().unwrap(),
            Cause::UserDeleted => people::delete_user(flows, "bob").await.unwrap().unwrap(),
            Cause::PasswordChanged => {
                let answer = change_password(scene, beside, PASSWORD, NEW).await;
                assert_eq!(answer.status, 303);
            }
            Cause::PasswordReset => {
                let password = SecretString::from(NEW);
                let reset = people::reset_password(flows, "bob", &password);
                reset.await.unwrap().unwrap();
            }
            Cause::RefreshReuse => {
                let spent = self.online.get("refresh_token");
                assert_eq!(self.ledger.refresh(&spent).await.status, 200);
                scene.provider.advance(TimeDelta::seconds(11));
                assert_eq!(self.ledger.refresh(&spent).await.status, 400);
            }
            Cause::TokenRevoked => {
                let token = self.online.get("refresh_token");
                assert_eq!(self.ledger.revoke(&token, &[]).await.status, 200);
            }
            Cause::ConsentWithdrawn => {
                press(scene, beside, "/account/withdraw", ("client_id", "ledger")).await;
            }
            Cause::ClientDisabled => {
                let disabled = people::disable_client(flows, "ledger");
                disabled.await.unwrap().unwrap();
            }
            Cause::ClientDeleted => {
                let removed = people::remove_client(flows, "ledger");
                removed.await.unwrap().unwrap();
            }
            Cause::Idle | Cause::Expired => {
                scene.provider.advance(LIFE + TimeDelta::milliseconds(1));
            }
            Cause::Upstream => {
                let named = [("sid", "session-there")];
                let told = self.elsewhere.tell_of(&scene.provider, &named, "j1");
                assert_eq!(told.await.status, 200);
            }
            Cause::Restored => panic!("nothing is served meanwhile"),
        }
        // What begins in the millisecond of an order is meant too; and workers look again.
        scene.provider.advance(TimeDelta::seconds(1));
    }

    /// Whether the artefact is still of use.
    async fn is_of_use(&self, cause: Cause, artefact: Artefact) -> bool {
        let issuer = &self.scene.provider.issuer;
        match artefact {
            Artefact::SessionCookie => {
                let holder = Visitor::default();
                let port = Url::parse(issuer).unwrap().port().unwrap();
                holder.put_cookie(&format!("exeunt-session-{port}"), &self.cookie);
                self.scene.is_signed_in(&holder).await
            }
            Artefact::Code => self.ledger.redeem(&self.code, &[]).await.status == 200,
            Artefact::AccessToken => {
                let token = self.online.get("access_token");
                self.ledger.userinfo(&token).await.status == 200
            }
            Artefact::ExchangedToken => {
                let provider = &self.scene.provider;
                let told = self.api.introspect(provider, &self.exchanged).await;
                told.json()["active"] == true
            }
            Artefact::RefreshFamily => {
                let token = self.online.get("refresh_token");
                self.ledger.refresh(&token).await.status == 200
            }
            Artefact::OfflineAccess => {
                let token = self.offline.get("refresh_token");
                self.ledger.refresh(&token).await.status == 200
            }
            Artefact::Consent => {
                let db = self.scene.provider.flows().database.read();
                let known = consents::find(db, self.user_id, "ledger").await.unwrap();
                known.is_some()
            }
            Artefact::ParkedConsent => {
                let page = &self.parked_consent;
                let fields = [("decision", "allow")];
                let answer = self.reached.submit(page, &page.form(), &fields).await;
                answer.parameter("code").is_some()
            }
            Artefact::ParkedSignIn => {
                let page = &self.parked_sign_in;
                let replaced = matches!(cause, Cause::PasswordChanged | Cause::PasswordReset);
                let password = if replaced { NEW } else { PASSWORD };
                let fields = [("username", "bob"), ("password", password)];
                let answer = self.reached.submit(page, &page.form(), &fields).await;
                let answer = self.reached.follow(answer, issuer).await;
                answer.parameter("code").is_some() || answer.page() == "page-consent"
            }
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

/// The row of a cause. P2: the application hears of it. P3: what died stays dead.
async fn check_row(cause: Cause) {
    let mut stage = Stage::set(cause).await;
    let issuer = stage.scene.provider.issuer.clone();
    // Before: every cell would fail if nothing were of use to begin with.
    let token = stage.online.get("access_token");
    assert_eq!(stage.ledger.userinfo(&token).await.status, 200, "{cause:?}");
    let before = stage.is_of_use(cause, Artefact::ExchangedToken).await;
    assert!(before, "{cause:?}: the exchanged token");
    if cause == Cause::Restored {
        stage.scene.provider = stage.scene.provider.restored().await;
        stage.scene.provider.advance(TimeDelta::seconds(1));
    } else {
        stage.come(cause).await;
    }
    // What changes nothing is looked at first; a consent given or a sign-in begun anew comes last.
    for artefact in [
        Artefact::SessionCookie,
        Artefact::AccessToken,
        Artefact::ExchangedToken,
        Artefact::Code,
        Artefact::RefreshFamily,
        Artefact::OfflineAccess,
        Artefact::Consent,
        Artefact::ParkedConsent,
        Artefact::ParkedSignIn,
    ] {
        let survives = stage.is_of_use(cause, artefact).await;
        let expected = fate(cause, artefact) == Fate::Survives;
        assert_eq!(survives, expected, "{cause:?} x {artefact:?}");
        if artefact == Artefact::OfflineAccess {
            let reach = termination(cause).reach;
            let beside = !matches!(reach, Reach::Person | Reach::Everyone)
                && !matches!(cause, Cause::Idle | Cause::Expired);
            let signed_in = stage.scene.is_signed_in(&stage.beside).await;
            assert_eq!(signed_in, beside, "{cause:?}: the browser beside");
        }
    }
    // What services hear is what we say ourselves: of a grant that outlives the cause, what it gave before is dead too
    // where it names a session that ended, and what it gives now is good.
    let api = &stage.api;
    for token in [&token, &stage.exchanged] {
        assert!(api.hears_of(token).await, "{cause:?}: a service hears");
    }
    if fate(cause, Artefact::OfflineAccess) == Fate::Survives {
        let offline = stage.offline.get("refresh_token");
        let next = Tokens {
            all: stage.ledger.refresh(&offline).await.json(),
        };
        let token = next.get("access_token");
        assert_eq!(stage.ledger.userinfo(&token).await.status, 200, "{cause:?}");
        let told = stage.ledger.introspect(&token, &[]).await.json();
        assert_eq!(told["active"], true, "{cause:?}");
        assert!(!api.deny_list().await.names(&token), "{cause:?}: its grant");
    }
    stage.ledger.told_of(&stage.sid, &issuer).await;
    let delivery = stage.scene.delivery(&stage.sid).await;
    assert_eq!(delivery.cause, cause);
    let told = stage.ledger.told(0, &issuer).await;
    let of_it = told
        .iter()
        .filter(|claims| claims["sid"] == stage.sid.as_str());
    assert_eq!(of_it.count(), 1, "{cause:?}: told once");
    stage.scene.provider.stop().await;
}

/// P2, P3: attacks 41, 43, 46, 61.
#[actix_web::test]
async fn p2_each_cause_of_a_person_ends_what_the_table_says_and_tells_the_application() {
    for cause in BY_THE_PERSON {
        check_row(cause).await;
    }
}

/// P2, P3: attacks 41, 43, 46.
#[actix_web::test]
async fn p2_each_cause_of_others_ends_what_the_table_says_and_tells_the_application() {
    for cause in BY_OTHERS {
        check_row(cause).await;
    }
}

const BY_THE_PERSON: [Cause; 7] = [
    Cause::Logout,
    Cause::OneSession,
    Cause::OneApplication,
    Cause::Everywhere,
    Cause::Replaced,
    Cause::PasswordChanged,
    Cause::ConsentWithdrawn,
];

const BY_OTHERS: [Cause; 12] = [
    Cause::Administrator,
    Cause::UserDisabled,
    Cause::UserDeleted,
    Cause::PasswordReset,
    Cause::RefreshReuse,
    Cause::TokenRevoked,
    Cause::ClientDisabled,
    Cause::ClientDeleted,
    Cause::Idle,
    Cause::Expired,
    Cause::Restored,
    Cause::Upstream,
];

#[test]
fn every_cause_has_its_row_checked() {
    let mut checked = [&BY_THE_PERSON[..], &BY_OTHERS[..]].concat();
    assert_eq!(checked.len(), Cause::ALL.len());
    checked.sort_unstable_by_key(|cause| cause.as_str());
    checked.dedup();
    assert_eq!(checked.len(), Cause::ALL.len());
    assert_eq!(Artefact::ALL.len(), 9);
}
