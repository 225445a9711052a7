//! Refresh tokens that the other house gave are taken back there when the session here has ended, whatever ended it.

use chrono::TimeDelta;
use exeunt::flows::end_session;
use exeunt::oidc::logout::Cause;
use exeunt::oidc::logout::termination::{Artefact, Fate, fate};
use exeunt::oidc::upstream::Admits;
use exeunt::oidc::upstream::leaving::SignOut;
use exeunt::store::sessions;

use super::leaving::Street;
use crate::support::eventually;
use crate::support::fixtures::Side;
use crate::support::front::{Instead, Through};
use crate::support::ledger::{add_grace, is_signed_in, json_error, open, sign_in, sign_in_as};
use crate::support::provider::{PASSWORD, Wish};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

/// Where the other house takes tokens back.
const REVOKE: &str = "/revoke";

/// Where we ask for refresh tokens, and let people stay signed in there.
async fn street(ours: impl FnOnce(Wish) -> Wish) -> Street {
    Street::between(
        |upstream| {
            upstream.scope = "openid offline_access".to_owned();
            upstream.sign_out = SignOut::Stay;
        },
        |wish| {
            ours(wish.configure(|config| config.logout.retry_first = TimeDelta::milliseconds(1)))
        },
    )
    .await
}

impl Street {
    /// Waits until so many requests to take tokens back came to the other house.
    async fn asked_to_revoke(&self, count: usize) -> Vec<Through> {
        let came = || self.front.came(REVOKE);
        let all = eventually(async || {
            if let Some(clock) = &self.houses.ours.clock {
                clock.advance(TimeDelta::seconds(1));
            }
            Some(came()).filter(|all| all.len() >= count)
        });
        let all = all.await;
        all.unwrap_or_else(|| panic!("{} of {count} came", came().len()))
    }

    /// Whether a refresh token is good for nothing at the other house any more.
    async fn assert_dead(&self, token: &str) {
        let dead = eventually(async || {
            let active = self.exeunt().introspect(token, &[]).await.json();
            (active["active"] == false).then_some(())
        });
        assert!(dead.await.is_some(), "it is good for ever");
        let answer = self.exeunt().refresh(token).await;
        assert_eq!(json_error(&answer), "invalid_grant", "{answer:?}");
    }

    /// Ours, as the other house knows it.
    fn exeunt(&self) -> RelyingParty {
        RelyingParty::at(&self.front.base, "exeunt", "")
    }

    /// How many tokens are kept, of those that fit.
    async fn kept(&self, fit: &str) -> u64 {
        let mut side = Side::open(self.houses.ours.config.database.as_str()).await;
        let count = format!("UPDATE upstream_tokens SET attempts = attempts WHERE {fit}");
        side.execute(&count).await
    }

    /// Waits until none is kept, and it was counted so.
    async fn assert_forgotten(&self, result: &str) {
        let gone = eventually(async || (self.kept("TRUE").await == 0).then_some(()));
        assert!(gone.await.is_some(), "it is kept for ever");
        let text = self.houses.ours.flows().metrics.render().unwrap();
        let line = format!("exeunt_upstream_revocations_total{{result=\"{result}\"}} 1");
        assert!(text.contains(&line), "{line}: {text}");
    }
}

fn token(through: &Through) -> String {
    through.field("token").unwrap().to_owned()
}

/// RFC 7009 §2.1: as the very client that it was given to.
#[actix_web::test]
async fn who_signs_out_leaves_no_refresh_token_at_the_other_house() {
    let street = street(|wish| wish).await;
    let tokens = street.come(&[]).await;
    assert_eq!(street.kept("due_at IS NULL").await, 1);
    assert_eq!(street.front.came(REVOKE).len(), 0);
    street.sign_out(&tokens).await;
    let asked = street.asked_to_revoke(1).await;
    assert_eq!(asked[0].field("token_type_hint"), Some("refresh_token"));
    let authorization = asked[0].authorization.as_deref().unwrap();
    assert!(authorization.starts_with("Basic "), "{authorization}");
    street.assert_dead(&token(&asked[0])).await;
    street.assert_forgotten("revoked").await;
    street.close().await;
}

/// P2 of the other direction: no cause is forgotten.
#[actix_web::test]
async fn whatever_ends_a_session_its_refresh_token_is_taken_back() {
    let street = street(|wish| wish).await;
    let ends = |cause: &Cause| fate(*cause, Artefact::SessionCookie) == Fate::Dies;
    let causes: Vec<Cause> = Cause::ALL.into_iter().filter(ends).collect();
    for _ in &causes {
        street.houses.sign_in(&Visitor::default(), &[]).await;
    }
    let provider = street.houses.ours.flows();
    let later = provider.clock.now() + TimeDelta::seconds(1);
    let db = provider.database.read();
    let ids = sessions::unended_before(db, None, None, later, 100).await;
    let ids = ids.unwrap();
    assert_eq!(ids.len(), causes.len());
    for (id, cause) in ids.into_iter().zip(&causes) {
        end_session::end_session(provider, id, *cause)
            .await
            .unwrap();
    }
    let asked = street.asked_to_revoke(causes.len()).await;
    for through in &asked {
        street.assert_dead(&token(through)).await;
    }
    street.close().await;
}

/// By people and by the clock: somebody else signs in, everything ends, a session has lasted as long as it may.
#[actix_web::test]
async fn who_is_replaced_leaves_everywhere_or_stays_too_long_leaves_none_either() {
    let street = street(|wish| wish.manual_clock().configure(add_grace)).await;
    let party = &street.houses.party;
    street.come(&[]).await;
    street.houses.ours.advance(TimeDelta::seconds(1));
    let page = open(&street.ada, &party.authorize_url(&[("prompt", "login")])).await;
    sign_in_as(&street.ada, &page, "grace", PASSWORD).await;
    street.asked_to_revoke(1).await;

    // In two browsers, and from one of them.
    let (here, there) = (Visitor::default(), Visitor::default());
    street.houses.sign_in(&here, &[]).await;
    street.houses.sign_in(&there, &[]).await;
    let account = open(&here, &street.houses.ours.url("/account")).await;
    let form = account.form_of("#end-everything").unwrap();
    here.submit(&account, &form, &[]).await;
    street.asked_to_revoke(3).await;

    street.houses.sign_in(&Visitor::default(), &[]).await;
    street
        .houses
        .ours
        .advance(street.houses.ours.config.session.absolute);
    let asked = street.asked_to_revoke(4).await;
    for through in &asked {
        street.assert_dead(&token(through)).await;
    }
    street.close().await;
}

/// Attack 27: until it is taken back it is sealed.
#[actix_web::test]
async fn a_house_that_can_not_answer_is_asked_again() {
    let street =
        street(|wish| wish.configure(|config| config.logout.retry_first = TimeDelta::seconds(2)))
            .await;
    street.front.answer_next(REVOKE, &[503]);
    let tokens = street.come(&[]).await;
    street.sign_out(&tokens).await;
    let asked = street.asked_to_revoke(1).await;
    let token = token(&asked[0]);
    assert_eq!(street.kept("due_at IS NOT NULL").await, 1);
    let open = format!("sealed_token LIKE '%{token}%'");
    assert_eq!(street.kept(&open).await, 0);
    street.asked_to_revoke(2).await;
    street.assert_dead(&token).await;
    street.assert_forgotten("revoked").await;
    street.close().await;
}

/// A process that is gone in the middle leaves it to the next one.
#[actix_web::test]
async fn a_token_that_was_being_taken_back_when_the_server_went_is_taken_back_by_the_next() {
    let mut street = street(|wish| wish.manual_clock()).await;
    street.front.answer(REVOKE, Instead::Hang);
    let tokens = street.come(&[]).await;
    street.sign_out(&tokens).await;
    let asked = street.asked_to_revoke(1).await;
    street.houses.ours = street.houses.ours.restart(|_| {}).await;
    street.front.let_through(REVOKE);
    street.houses.ours.advance(TimeDelta::minutes(1));
    let again = street.asked_to_revoke(asked.len() + 1).await;
    assert_eq!(token(&asked[0]), token(&again[again.len() - 1]));
    street.assert_dead(&token(&asked[0])).await;
    street.close().await;
}

#[actix_web::test]
async fn a_token_that_can_not_be_taken_back_is_forgotten_at_once() {
    let street = street(|wish| wish).await;
    street
        .front
        .say("revocation_endpoint", serde_json::Value::Null);
    let tokens = street.come(&[]).await;
    assert_eq!(street.kept("TRUE").await, 1);
    street.sign_out(&tokens).await;
    street.assert_forgotten("impossible").await;
    assert_eq!(street.front.came(REVOKE).len(), 0);
    street.close().await;
}

#[actix_web::test]
async fn a_house_that_refuses_or_never_answers_is_not_asked_for_ever() {
    for (instead, result) in [(400, "refused"), (503, "given_up")] {
        let street = street(|wish| {
            wish.configure(|config| config.logout.give_up_after = TimeDelta::milliseconds(1))
        })
        .await;
        street.front.answer(REVOKE, Instead::Status(instead));
        let tokens = street.come(&[]).await;
        street.sign_out(&tokens).await;
        street.assert_forgotten(result).await;
        assert_eq!(street.front.came(REVOKE).len(), 1);
        street.close().await;
    }
}

#[actix_web::test]
async fn a_token_that_another_replaces_is_taken_back_and_the_session_goes_on() {
    let street = street(|wish| wish).await;
    street.come(&[]).await;
    let tokens = street.come(&[("prompt", "login")]).await;
    let first = street.asked_to_revoke(1).await;
    street.assert_dead(&token(&first[0])).await;
    assert!(is_signed_in(&street.houses.party, &street.ada).await);
    street.sign_out(&tokens).await;
    let both = street.asked_to_revoke(2).await;
    assert_ne!(token(&both[0]), token(&both[1]));
    street.assert_dead(&token(&both[1])).await;
    street.close().await;
}

/// What comes of no session is taken back too: of who is not let in, and of who links the two.
#[actix_web::test]
async fn a_token_of_a_sign_in_that_begins_no_session_is_taken_back_at_once() {
    let street = Street::between(
        |upstream| {
            upstream.scope = "openid offline_access".to_owned();
            upstream.admits = Admits::Nobody;
        },
        |wish| wish,
    )
    .await;
    let houses = &street.houses;
    assert_eq!(houses.sign_in(&street.ada, &[]).await.status, 403);
    street.asked_to_revoke(1).await;
    let page = open(&street.ada, &houses.party.authorize_url(&[])).await;
    sign_in(&street.ada, &page).await;
    let page = open(&street.ada, &houses.ours.url("/account")).await;
    let form = page.form_of("#link-house").unwrap();
    let sent = street.ada.submit(&page, &form, &[]).await;
    let there = street.ada.follow(sent, &houses.other.issuer).await;
    let back = houses.sign_in_there(&street.ada, &there).await;
    let account = houses.come_back(&street.ada, back).await;
    assert!(account.has("#links .link"), "{account:?}");
    let asked = street.asked_to_revoke(2).await;
    street.assert_dead(&token(&asked[1])).await;
    street.close().await;
}

/// One that hangs on the session there would take that along.
#[actix_web::test]
async fn a_refresh_token_that_was_not_asked_for_is_not_kept() {
    let street = Street::with(SignOut::Stay).await;
    street.come(&[]).await;
    assert_eq!(street.kept("TRUE").await, 0);
    street.close().await;
}
