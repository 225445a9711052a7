//! What came of a token ends with it: with its session, with its grant, and with it alone.

use chrono::TimeDelta;
use exeunt::flows::people;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::Notify;

use super::{API, ARCHIVE, CELLAR, House, VAULT, house, house_of, wish};
use crate::support::exchange::{
    ACCESS_TOKEN, ID_TOKEN, acting_by, as_service, asked, changed, client_rule, service_rule,
    signed_in, token_of,
};
use crate::support::ledger::{json_error, ledger_with, with_refresh};
use crate::support::provider::SECRET;
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::service::Reader;
use crate::support::services::service;
use crate::support::visitor::Visitor;

/// A child, a child of that, and one by the ID token.
async fn family(house: &House, tokens: &Tokens) -> Vec<(&'static str, String)> {
    let (provider, token) = (&house.provider, tokens.get("access_token"));
    let child = token_of(&as_service(provider, API, &asked(&token, ARCHIVE)).await);
    let grandchild = token_of(&as_service(provider, ARCHIVE, &asked(&child, VAULT)).await);
    let own = token_of(&house.ledger.token(&asked(&token, ARCHIVE)).await);
    vec![(ARCHIVE, child), (VAULT, grandchild), (ARCHIVE, own)]
}

async fn by_id_token(house: &House, tokens: &Tokens) -> String {
    let id_token = tokens.get("id_token");
    let fields = changed(&asked(&id_token, VAULT), "subject_token_type", ID_TOKEN);
    token_of(&house.ledger.token(&fields).await)
}

async fn assert_all(house: &House, tokens: &[(&str, String)], are_good: bool) {
    for (identifier, token) in tokens {
        assert_eq!(
            house.is_active(identifier, token).await,
            are_good,
            "{identifier}"
        );
        let reader = house.reader(identifier);
        if are_good {
            assert!(!reader.deny_list().await.names(token), "{identifier}");
        } else {
            assert!(reader.hears_of(token).await, "{identifier}");
        }
    }
}

/// P3, attack 45: a token that is taken back alone takes along what was exchanged for it, and what was exchanged for that.
#[actix_web::test]
async fn p3_a_token_that_is_taken_back_takes_its_children_along() {
    let house = house().await;
    let tokens = family(&house, &house.tokens).await;
    let other = by_id_token(&house, &house.tokens).await;
    assert_all(&house, &tokens, true).await;
    assert_eq!(house.ledger.revoke(&house.token(), &[]).await.status, 200);
    assert_all(&house, &tokens, false).await;
    // The ID token did not come from it, nor did what came from that.
    assert_all(&house, &[(VAULT, other)], true).await;
    // And of what was taken back nothing more comes.
    let answer = as_service(&house.provider, ARCHIVE, &asked(&tokens[0].1, VAULT)).await;
    assert_eq!(json_error(&answer), "invalid_request");
    house.provider.stop().await;
}

#[actix_web::test]
async fn a_child_that_is_taken_back_leaves_its_parent_and_takes_its_own_along() {
    let house = house().await;
    let tokens = family(&house, &house.tokens).await;
    assert_eq!(house.ledger.revoke(&tokens[0].1, &[]).await.status, 200);
    assert_all(&house, &tokens[..2], false).await;
    assert_all(&house, &tokens[2..], true).await;
    assert_all(&house, &[(API, house.token())], true).await;
    house.provider.stop().await;
}

/// P3: with its session, whoever exchanged it.
#[actix_web::test]
async fn p3_what_came_of_a_session_ends_with_it() {
    let house = house().await;
    let mut tokens = family(&house, &house.tokens).await;
    tokens.push((VAULT, by_id_token(&house, &house.tokens).await));
    let hint = house.tokens.get("id_token");
    let url = house.ledger.end_session_url(&[("id_token_hint", &hint)]);
    assert_eq!(house.ada.get(&url).await.status, 303);
    assert_all(&house, &tokens, false).await;
    house.provider.stop().await;
}

/// P3: with its grant.
#[actix_web::test]
async fn p3_what_came_of_a_grant_ends_with_it() {
    let house = house().await;
    let mut tokens = family(&house, &house.tokens).await;
    tokens.push((VAULT, by_id_token(&house, &house.tokens).await));
    let refresh = house.tokens.get("refresh_token");
    assert_eq!(house.ledger.revoke(&refresh, &[]).await.status, 200);
    assert_all(&house, &tokens, false).await;
    house.provider.stop().await;
}

/// P3: with the actor's token too.
#[actix_web::test]
async fn p3_what_an_actor_token_gave_ends_with_it() {
    let house = house().await;
    let (batch, actor) = house.batch().await;
    let token = house.token();
    let fields = acting_by(&asked(&token, ARCHIVE), &actor, ACCESS_TOKEN);
    let child = token_of(&as_service(&house.provider, API, &fields).await);
    let grandchild = token_of(&as_service(&house.provider, ARCHIVE, &asked(&child, VAULT)).await);
    let tokens = [(ARCHIVE, child), (VAULT, grandchild)];
    assert_all(&house, &tokens, true).await;
    assert_eq!(batch.revoke(&actor, &[]).await.status, 200);
    assert_all(&house, &tokens, false).await;
    assert_all(&house, &[(API, house.token())], true).await;
    let answer = as_service(&house.provider, API, &fields).await;
    assert_eq!(json_error(&answer), "invalid_request");
    house.provider.stop().await;
}

/// P3, attack 41: of somebody who is shut out, also where nothing but a grant with `offline_access` is left, and where a
/// service admits only others.
#[actix_web::test]
async fn p3_what_came_of_a_grant_without_a_session_ends_with_the_person() {
    let offline = |metadata: &mut exeunt::oidc::client::ClientMetadata| {
        with_refresh(metadata);
        (metadata.scope, metadata.skip_consent) = (None, false);
    };
    let mut archive = service(ARCHIVE);
    archive.clients = Some(vec!["nobody".to_owned()]);
    let wish = ledger_with(offline)
        .await
        .service(service(API))
        .service(archive);
    let wish = wish.manual_clock().configure(|config| {
        config.exchange.rules = vec![service_rule(API, ARCHIVE), client_rule("ledger", CELLAR)];
    });
    let provider = wish.start().await;
    let (ledger, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let more = [
        ("scope", "openid read offline_access"),
        ("resource", API),
        ("prompt", "consent"),
    ];
    let page = crate::support::ledger::consent_page(&ledger, &ada, &more).await;
    let answer = crate::support::ledger::allow(&ada, &page).await;
    let code = answer.parameter("code").unwrap();
    let tokens = Tokens {
        all: ledger.redeem(&code, &[("resource", API)]).await.json(),
    };
    let hint = tokens.get("id_token");
    let url = ledger.end_session_url(&[("id_token_hint", &hint)]);
    assert_eq!(ada.get(&url).await.status, 303);
    let refresh = tokens.get("refresh_token");
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
        ("resource", API),
    ];
    let token = token_of(&ledger.token(&fields).await);
    // Issued in a later second than what it came from, and in an earlier one than the order.
    provider.advance(TimeDelta::seconds(2));
    let child = token_of(&as_service(&provider, API, &asked(&token, ARCHIVE)).await);
    let reader = Reader::of(&provider, ARCHIVE, SECRET);
    let told = reader.introspect(&provider, &child).await.json();
    assert_eq!(told["active"], true, "{told}");
    assert!(told.get("sid").is_none());
    people::disable_user(provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    let told = reader.introspect(&provider, &child).await.json();
    assert_eq!(told["active"], false);
    assert!(reader.hears_of(&child).await);
    let answer = as_service(&provider, API, &asked(&token, ARCHIVE)).await;
    assert_eq!(json_error(&answer), "invalid_request");
    provider.stop().await;
}

/// P3: what is exchanged while the session ends is refused, or ends with it. Attack 61.
#[actix_web::test]
async fn p3_of_fifty_exchanges_against_a_sign_out_none_gives_what_lives_on() {
    let house = house().await;
    let (mut given, mut refused) = (0, 0);
    for place in [0, 12, 25, 49] {
        let ada = Visitor::default();
        let tokens = signed_in(&house.ledger, &ada).await;
        let (token, hint) = (tokens.get("access_token"), tokens.get("id_token"));
        let sign_out = house.ledger.end_session_url(&[("id_token_hint", &hint)]);
        let now = Notify::new();
        let exchanges = (0..50).map(async |number| {
            if number == place {
                now.notify_one();
            }
            match number % 2 {
                0 => as_service(&house.provider, API, &asked(&token, ARCHIVE)).await,
                _ => house.ledger.token(&asked(&token, ARCHIVE)).await,
            }
        });
        let exchanges = stream::iter(exchanges).buffered(10).collect::<Vec<_>>();
        let leave = async {
            now.notified().await;
            ada.get(&sign_out).await
        };
        let (answers, left) = tokio::join!(exchanges, leave);
        assert_eq!(left.status, 303);
        let late = as_service(&house.provider, API, &asked(&token, ARCHIVE)).await;
        assert_eq!(json_error(&late), "invalid_request");
        let mut last = None;
        for answer in answers {
            if answer.status != 200 {
                assert_eq!(json_error(&answer), "invalid_request", "{answer:?}");
                refused += 1;
                continue;
            }
            given += 1;
            let child = token_of(&answer);
            assert!(!house.is_active(ARCHIVE, &child).await);
            last = Some(child);
        }
        // One entry names them all.
        if let Some(child) = last {
            assert!(house.reader(ARCHIVE).hears_of(&child).await);
        }
    }
    assert!(given > 0 && refused > 0, "{given} given, {refused} refused");
    house.provider.stop().await;
}

/// P3: so it is with a token that is taken back while it, and what came of it, is exchanged.
#[actix_web::test]
async fn p3_of_many_exchanges_against_a_taking_back_none_gives_what_lives_on() {
    let house = house().await;
    let (mut given, mut refused) = (0, 0);
    for place in [3, 12, 25, 36] {
        let tokens = signed_in(&house.ledger, &Visitor::default()).await;
        let token = tokens.get("access_token");
        let child = token_of(&as_service(&house.provider, API, &asked(&token, ARCHIVE)).await);
        let now = Notify::new();
        let exchanges = (0..40).map(async |number| {
            if number == place {
                now.notify_one();
            }
            match number % 2 {
                0 => (
                    ARCHIVE,
                    as_service(&house.provider, API, &asked(&token, ARCHIVE)).await,
                ),
                _ => (
                    VAULT,
                    as_service(&house.provider, ARCHIVE, &asked(&child, VAULT)).await,
                ),
            }
        });
        let exchanges = stream::iter(exchanges).buffered(10).collect::<Vec<_>>();
        let take_back = async {
            now.notified().await;
            house.ledger.revoke(&token, &[]).await
        };
        let (answers, revoked) = tokio::join!(exchanges, take_back);
        assert_eq!(revoked.status, 200);
        for (identifier, answer) in answers {
            if answer.status != 200 {
                assert_eq!(json_error(&answer), "invalid_request", "{answer:?}");
                refused += 1;
                continue;
            }
            given += 1;
            let token = token_of(&answer);
            assert!(!house.is_active(identifier, &token).await, "{identifier}");
        }
    }
    assert!(given > 0 && refused > 0, "{given} given, {refused} refused");
    house.provider.stop().await;
}

/// P3: a rule that was taken away gives nothing more, and what it gave is taken back as before.
#[actix_web::test]
async fn p3_of_what_a_rule_gave_its_service_hears_though_the_rule_is_gone() {
    let wish = wish().await.configure(|config| {
        let mut archive = config.services.iter_mut();
        let archive = archive.find(|declared| declared.service.identifier == ARCHIVE);
        archive.unwrap().service.clients = Some(Vec::new());
    });
    let mut house = house_of(wish).await;
    let token = house.token();
    let child = token_of(&as_service(&house.provider, API, &asked(&token, ARCHIVE)).await);
    let by_id = by_id_token(&house, &house.tokens).await;
    house.provider = house
        .provider
        .restart(|config| config.exchange.rules.clear())
        .await;
    let answer = as_service(&house.provider, API, &asked(&token, ARCHIVE)).await;
    assert_eq!(json_error(&answer), "unauthorized_client");
    let tokens = [(ARCHIVE, child), (VAULT, by_id)];
    assert_all(&house, &tokens, true).await;
    let hint = house.tokens.get("id_token");
    let url = house.ledger.end_session_url(&[("id_token_hint", &hint)]);
    assert_eq!(house.ada.get(&url).await.status, 303);
    assert_all(&house, &tokens, false).await;
    house.provider.stop().await;
}
