//! When a person is asked to sign in, and when nothing may be shown (Core §3.1.2.1).

use chrono::TimeDelta;
use exeunt::oidc::logout::Cause;
use exeunt::store::sessions::listing::{self, Wanted};
use exeunt::store::{self, sessions, users};

use crate::support::ledger::{add_grace, error, ledger, open, sign_in, sign_in_as};
use crate::support::provider::{PASSWORD, Provider};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::visitor::{Answer, Visitor};

async fn start() -> (Provider, RelyingParty, Visitor) {
    let provider = ledger().await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party, Visitor::default())
}

#[actix_web::test]
async fn prompt_none_shows_nothing() {
    let (provider, party, ada) = start().await;
    let silent = party.authorize_url(&[("prompt", "none")]);
    let answer = ada.get(&silent).await;
    assert_eq!(error(&answer), "login_required");
    assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
    party.sign_in(&ada, &[]).await;
    assert!(ada.get(&silent).await.parameter("code").is_some());
    provider.stop().await;
}

/// What ada is answered while her only session ends: it has been decided by then, and nothing is written yet.
async fn while_the_session_ends(provider: &Provider, ada: &Visitor, url: &str) -> Answer {
    let flows = provider.flows();
    let (db, now) = (flows.database.read(), flows.clock.now());
    let wanted = Wanted {
        ended: Some(false),
        ..Wanted::default()
    };
    let living = listing::page(db, &wanted, flows.alive(now), 9).await;
    let living = living.unwrap();
    let [session] = &living[..] else {
        panic!("one session lives");
    };
    let tx = flows.database.begin().await.unwrap();
    // On PostgreSQL nobody waits for a transaction, but for what it holds.
    users::lock(&tx, session.user_id).await.unwrap();
    // Long enough for the request to come that far; on a machine on which it is not, what is answered is the same.
    let moment = flows.clock.now() + TimeDelta::milliseconds(500);
    let ending = async {
        flows.clock.sleep_until(moment).await;
        sessions::mark_ended(&tx, &[session.id], Cause::Administrator, moment)
            .await
            .unwrap();
        store::commit(tx).await.unwrap();
    };
    let (answer, ()) = tokio::join!(ada.get(url), ending);
    answer
}

/// Core §3.1.2.6: a frame in which an application asks silently must come back to it, whatever happens meanwhile.
#[actix_web::test]
async fn a_session_that_ends_between_the_decision_and_the_answer_is_as_good_as_none() {
    let (provider, party, ada) = start().await;
    for mode in ["query", "fragment"] {
        party.sign_in(&ada, &[]).await;
        let silent = party.authorize_url(&[("prompt", "none"), ("response_mode", mode)]);
        let answer = while_the_session_ends(&provider, &ada, &silent).await;
        assert_eq!(error(&answer), "login_required", "{mode}");
        assert_eq!(answer.parameter("state").as_deref(), Some("the-state"));
        assert_eq!(answer.parameter("iss"), Some(provider.issuer.clone()));
        assert!(answer.location().unwrap().starts_with(&party.redirect_uri));
    }
    party.sign_in(&ada, &[]).await;
    let answer = while_the_session_ends(&provider, &ada, &party.authorize_url(&[])).await;
    let page = ada.follow(answer, &provider.issuer).await;
    assert_eq!(page.page(), "page-sign-in", "{page:?}");
    assert!(sign_in(&ada, &page).await.parameter("code").is_some());
    provider.stop().await;
}

async fn auth_time(provider: &Provider, party: &RelyingParty, answer: &Answer) -> i64 {
    let code = answer
        .parameter("code")
        .unwrap_or_else(|| panic!("no code: {answer:?}"));
    let tokens = Tokens {
        all: party.redeem(&code, &[]).await.json(),
    };
    tokens.id_claims(&provider.issuer).await["auth_time"]
        .as_i64()
        .unwrap()
}

/// Attack 73 (CVE-2023-3597): an old sign-in passed off as a new one.
#[actix_web::test]
async fn a_new_sign_in_is_asked_for_where_the_application_wants_one_and_once() {
    let provider = ledger().await.manual_clock().start().await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let answer = party.sign_in(&ada, &[]).await;
    let mut before = auth_time(&provider, &party, &answer).await;
    for more in [
        ("prompt", "login"),
        ("prompt", "select_account"),
        ("max_age", "0"),
        ("max_age", "1"),
    ] {
        provider.advance(TimeDelta::seconds(2));
        let silent = if more.0 == "max_age" {
            let url = party.authorize_url(&[more, ("prompt", "none")]);
            assert_eq!(error(&ada.get(&url).await), "login_required");
            party.authorize_url(&[("max_age", "2"), ("prompt", "none")])
        } else {
            party.authorize_url(&[("prompt", "none")])
        };
        let same = auth_time(&provider, &party, &ada.get(&silent).await).await;
        assert_eq!(same, before, "{more:?}");
        let page = open(&ada, &party.authorize_url(&[more])).await;
        assert_eq!(page.page(), "page-sign-in", "{more:?}");
        // Going back to the application without signing in again is not possible from here.
        provider.advance(TimeDelta::seconds(5));
        let answer = sign_in(&ada, &page).await;
        let after = auth_time(&provider, &party, &answer).await;
        assert_eq!(after, before + 7, "{more:?}");
        before = after;
    }
    let silent = party.authorize_url(&[("max_age", "10000"), ("prompt", "none")]);
    assert!(ada.get(&silent).await.parameter("code").is_some());
    provider.stop().await;
}

#[actix_web::test]
async fn the_hint_of_who_signs_in_is_filled_in_as_text() {
    let (provider, party, ada) = start().await;
    let hint = "\"><script>alert(1)</script>";
    let page = open(&ada, &party.authorize_url(&[("login_hint", hint)])).await;
    assert_eq!(page.attributes("#username", "value"), [hint]);
    assert!(!page.body.contains("<script>alert"));
    provider.stop().await;
}

#[actix_web::test]
async fn wishes_that_cannot_be_met_are_no_errors() {
    let (provider, party, ada) = start().await;
    for more in [
        ("display", "popup"),
        ("display", "wap"),
        ("ui_locales", "se tlh de"),
        ("acr_values", "urn:mace:incommon:iap:gold 2"),
        ("claims_locales", "se"),
        ("claims", "{\"userinfo\":{\"name\":{\"essential\":true}}}"),
        ("scope", "openid unknown"),
        ("id_token_hint", "no token at all"),
    ] {
        let answer = party.sign_in(&ada, &[more]).await;
        assert!(answer.parameter("code").is_some(), "{more:?}");
    }
    provider.stop().await;
}

/// Attack 35 (CVE-2026-4349): a forged token, or another person's, as the hint.
#[actix_web::test]
async fn an_id_token_hint_says_who_is_expected_and_lets_nobody_in() {
    let provider = ledger().await.configure(add_grace).start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let (ada, grace) = (Visitor::default(), Visitor::default());
    let about_ada = party.tokens(&ada, &[]).await.get("id_token");
    let hinted = [("id_token_hint", about_ada.as_str())];
    let silent = [hinted[0], ("prompt", "none")];
    // Nobody is signed in by a hint.
    let answer = grace.get(&party.authorize_url(&silent)).await;
    assert_eq!(error(&answer), "login_required");
    assert!(
        ada.get(&party.authorize_url(&silent))
            .await
            .parameter("code")
            .is_some()
    );

    let page = open(&grace, &party.authorize_url(&[])).await;
    let answer = sign_in_as(&grace, &page, "grace", PASSWORD).await;
    assert!(answer.parameter("code").is_some());
    let answer = grace.get(&party.authorize_url(&silent)).await;
    assert_eq!(error(&answer), "login_required");
    let page = open(&grace, &party.authorize_url(&hinted)).await;
    assert_eq!(page.page(), "page-sign-in");
    let answer = sign_in_as(&grace, &page, "grace", PASSWORD).await;
    assert_eq!(error(&answer), "login_required");

    // A token that we did not sign expects nobody: whoever is signed in is still who they are.
    let (message, _) = about_ada.rsplit_once('.').unwrap();
    let forged = format!("{message}.AAAA");
    let answer = party.sign_in(&grace, &[("id_token_hint", &forged)]).await;
    let tokens = Tokens {
        all: party
            .redeem(&answer.parameter("code").unwrap(), &[])
            .await
            .json(),
    };
    let claims = crate::support::relying_party::verify(&provider.issuer, &about_ada)
        .await
        .1;
    assert_ne!(
        tokens.id_claims(&provider.issuer).await["sub"],
        claims["sub"]
    );
    provider.stop().await;
}

/// Attack 35: a hint that nobody can read, passed off as one about whoever is signed in. A person who can be asked is not
/// shut out by it.
#[actix_web::test]
async fn a_hint_that_cannot_be_read_gets_no_silent_answer() {
    let (provider, party, ada) = start().await;
    let tokens = party.tokens(&ada, &[]).await;
    let mine = tokens.get("id_token");
    let (message, signature) = mine.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let silent = |hint: &str| party.authorize_url(&[("prompt", "none"), ("id_token_hint", hint)]);
    assert!(ada.get(&silent(&mine)).await.parameter("code").is_some());
    for (what, hint) in [
        ("no token", "no token at all".to_owned()),
        ("cut short", message.to_owned()),
        ("forged", format!("{message}.AAAA")),
        (
            "said to be unsigned",
            format!("eyJhbGciOiJub25lIn0.{claims}."),
        ),
        ("of other claims", format!("{header}.e30.{signature}")),
        ("an access token", tokens.get("access_token")),
    ] {
        let answer = ada.get(&silent(&hint)).await;
        assert_eq!(error(&answer), "login_required", "{what}");
        assert_eq!(answer.parameter("code"), None, "{what}");
        let shown = party.sign_in(&ada, &[("id_token_hint", &hint)]).await;
        assert!(shown.parameter("code").is_some(), "{what}");
    }
    // Nothing at all is no hint.
    assert!(ada.get(&silent("")).await.parameter("code").is_some());
    provider.stop().await;
}
