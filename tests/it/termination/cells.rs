//! The rows of the matrix, and their cells.

use chrono::TimeDelta;
use exeunt::oidc::logout::Cause;
use exeunt::oidc::logout::termination::{Artefact, Fate, Reach, fate, termination};
use exeunt::store::consents;
use url::Url;

use super::{NEW, Stage};
use crate::support::provider::PASSWORD;
use crate::support::relying_party::Tokens;
use crate::support::visitor::Visitor;

impl Stage {
    /// Whether the artefact is still of use.
    pub async fn is_of_use(&self, cause: Cause, artefact: Artefact) -> bool {
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
