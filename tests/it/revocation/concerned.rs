//! Which services hear of an entry: those for which there may be a token that it names, and no others.

use chrono::TimeDelta;
use exeunt::flows::{account, end_session, people, services};
use exeunt::oidc::client::GrantType;
use exeunt::oidc::logout::Cause;
use exeunt::oidc::permission::Permission;
use exeunt::oidc::service::Service;
use exeunt::store::consents::{self, Consent};
use exeunt::store::orders::OrderScope;
use exeunt::store::{self, client_assertions};
use serde_json::Value;

use crate::support::eventually;
use crate::support::exchange::own_token;
use crate::support::ledger::{ledger_with, with_refresh};
use crate::support::provider::{Provider, Wish, metadata};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::service::{Reader, entries};
use crate::support::services::{API, ARCHIVE, service};
use crate::support::visitor::Visitor;

async fn wish() -> Wish {
    let everything = |metadata: &mut exeunt::oidc::client::ClientMetadata| {
        with_refresh(metadata);
        metadata.grant_types.push(GrantType::ClientCredentials);
        metadata.grant_types.push(GrantType::Implicit);
        metadata.response_types = ["code", "id_token token"].map(str::to_owned).to_vec();
    };
    let mut mallory = metadata("https://mallory.example");
    everything(&mut mallory);
    let wish = ledger_with(everything).await;
    wish.client("mallory", mallory).manual_clock()
}

async fn added(provider: &Provider, identifier: &str, clients: Option<&[&str]>) -> Reader {
    let wanted = Service {
        clients: clients.map(|clients| clients.iter().map(|&known| known.to_owned()).collect()),
        ..service(identifier)
    };
    let added = services::add(provider.flows(), wanted, &[]).await;
    Reader::of(provider, identifier, &added.unwrap().unwrap().secret)
}

async fn tokens(party: &RelyingParty, visitor: &Visitor, resources: &[&str]) -> Tokens {
    let mut asked = vec![("scope", "openid read")];
    asked.extend(resources.iter().map(|&resource| ("resource", resource)));
    let answer = party.sign_in(visitor, &asked).await;
    let code = answer.parameter("code").unwrap();
    let resource: Vec<_> = resources.iter().map(|&name| ("resource", name)).collect();
    let answer = party
        .redeem(&code, &resource[..resource.len().min(1)])
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens { all: answer.json() }
}

async fn kinds(reader: &Reader) -> Vec<String> {
    let all = entries(&reader.snapshot().await);
    let kind = |entry: &Value| entry["kind"].as_str().unwrap().to_owned();
    let mut kinds: Vec<_> = all.iter().map(kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

async fn sign_out(party: &RelyingParty, visitor: &Visitor, tokens: &Tokens) {
    let hint = tokens.get("id_token");
    let url = party.end_session_url(&[("id_token_hint", &hint)]);
    visitor.get(&url).await;
}

/// P3: a service that takes an application no more has tokens of it all the same, until they expire. Attacks 43 and 44:
/// whatever ends them, it hears.
#[actix_web::test]
async fn p3_a_service_hears_of_the_tokens_it_has_though_it_takes_their_application_no_more() {
    let provider = wish().await.start().await;
    let api = added(&provider, API, Some(&["ledger"])).await;
    let party = RelyingParty::of(&provider, "ledger");
    let visitors: Vec<_> = (0..5).map(|_| Visitor::default()).collect();
    let mut given = Vec::new();
    for visitor in &visitors {
        given.push(tokens(&party, visitor, &[API]).await);
    }
    let own = own_token(&party).await;
    provider
        .sql("UPDATE services SET clients = '[\"mallory\"]'")
        .await;
    let provider = provider.restart(|_| {}).await;
    let party = RelyingParty::of(&provider, "ledger");
    provider.advance(TimeDelta::seconds(40));
    let token = |number: usize| given[number].get("access_token");

    assert_eq!(party.revoke(&token(0), &[]).await.status, 200);
    let refresh_token = given[1].get("refresh_token");
    assert_eq!(party.revoke(&refresh_token, &[]).await.status, 200);
    sign_out(&party, &visitors[2], &given[2]).await;
    for number in 0..3 {
        assert!(api.hears_of(&token(number)).await, "{number}");
    }
    assert!(!api.deny_list().await.names(&token(3)));
    assert_eq!(kinds(&api).await, ["grant", "session", "token"]);

    people::disable_user(provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    assert!(api.hears_of(&token(3)).await);
    assert!(!api.deny_list().await.names(&own));
    let everything = OrderScope::Client("ledger".to_owned());
    let cause = Cause::Administrator;
    end_session::end_many(provider.flows(), everything, cause)
        .await
        .unwrap();
    assert!(api.hears_of(&own).await);
    provider.stop().await;
}

/// Attack 74: what is another's is not seen, though it might have been asked for.
#[actix_web::test]
async fn a_service_that_had_no_part_in_a_session_hears_nothing_of_it() {
    let provider = wish().await.start().await;
    let (api, archive) = (
        added(&provider, API, None).await,
        added(&provider, ARCHIVE, None).await,
    );
    // One whose name is like the other's, as patterns go.
    let alike = added(&provider, "https://api_example/", None).await;
    let (ledger, mallory) = (
        RelyingParty::of(&provider, "ledger"),
        RelyingParty::of(&provider, "mallory"),
    );
    let ada = Visitor::default();
    let at_api = tokens(&ledger, &ada, &[API]).await;
    // Another application in the same session, at another service; and one at none.
    let at_archive = tokens(&mallory, &ada, &[ARCHIVE]).await;
    tokens(&ledger, &Visitor::default(), &[]).await;
    provider.advance(TimeDelta::seconds(40));
    sign_out(&ledger, &ada, &at_api).await;
    for (reader, own, others) in [
        (&api, &at_api, &at_archive),
        (&archive, &at_archive, &at_api),
    ] {
        assert!(reader.hears_of(&own.get("access_token")).await);
        let heard = entries(&reader.snapshot().await);
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert!(!reader.deny_list().await.names(&others.get("access_token")));
    }
    assert_eq!(kinds(&alike).await, [""; 0]);
    // The person is known to both, and to no third.
    people::disable_user(provider.flows(), "ada")
        .await
        .unwrap()
        .unwrap();
    for reader in [&api, &archive] {
        let heard = eventually(async || {
            let kinds = kinds(reader).await;
            kinds.contains(&"subject".to_owned()).then_some(kinds)
        });
        assert!(heard.await.is_some());
    }
    let client = OrderScope::Client("mallory".to_owned());
    end_session::end_many(provider.flows(), client, Cause::Administrator)
        .await
        .unwrap();
    let heard = eventually(async || {
        let kinds = kinds(&archive).await;
        kinds.contains(&"client".to_owned()).then_some(())
    });
    assert!(heard.await.is_some());
    assert!(!kinds(&api).await.contains(&"client".to_owned()));
    assert_eq!(kinds(&alike).await, [""; 0]);
    provider.stop().await;
}

/// P3: an application's tokens were for one service where none was named, and are for another now.
#[actix_web::test]
async fn p3_a_service_hears_of_the_tokens_that_were_for_it_before_their_application_changed() {
    let audience = |config: &mut exeunt::config::Config, audience: Option<&str>| {
        let ledger = config
            .clients
            .iter_mut()
            .find(|known| known.client_id == "ledger");
        ledger.unwrap().metadata.access_token_audience = audience.map(str::to_owned);
    };
    let provider = wish().await.configure(|config| audience(config, Some(API)));
    let provider = provider.start().await;
    let (api, archive) = (
        added(&provider, API, None).await,
        added(&provider, ARCHIVE, None).await,
    );
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let before = tokens(&party, &ada, &[]).await;
    let mut provider = provider;
    for next in [None, Some(ARCHIVE)] {
        provider = provider.restart(|config| audience(config, next)).await;
    }
    let party = RelyingParty::of(&provider, "ledger");
    let after = tokens(&party, &ada, &[]).await;
    provider.advance(TimeDelta::seconds(40));
    sign_out(&party, &ada, &after).await;
    for (reader, tokens) in [(&api, &before), (&archive, &after)] {
        assert!(reader.hears_of(&tokens.get("access_token")).await);
    }
    provider.stop().await;
}

/// P3: a grant that comes with its token, in a transaction that began before an order and commits after it, is not there when
/// the order is told. What was given while an order was given is named when its session ends too.
#[actix_web::test]
async fn p3_what_was_given_while_an_order_was_given_is_named_by_its_session_as_well() {
    // What an application is given is good for as long as any token: so its part says when it was given something.
    let short = wish().await.configure(|config| {
        config.tokens.access = TimeDelta::minutes(5);
        config.tokens.id = TimeDelta::minutes(5);
    });
    let provider = short.start().await;
    let api = added(&provider, API, None).await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let asked = [
        ("response_type", "id_token token"),
        ("scope", "openid read"),
        ("resource", API),
    ];
    let earlier = Visitor::default();
    party.sign_in(&earlier, &asked).await;
    provider.advance(TimeDelta::minutes(6));
    let answer = party.sign_in(&ada, &asked).await;
    assert!(answer.parameter("access_token").is_some(), "{answer:?}");
    provider.advance(TimeDelta::seconds(2));
    let cause = Cause::Administrator;
    end_session::end_many(provider.flows(), OrderScope::All, cause)
        .await
        .unwrap();
    let heard = eventually(async || {
        let heard = entries(&api.snapshot().await);
        (heard.iter().any(|entry| entry["kind"] == "session")).then_some(heard)
    });
    let heard = heard.await.expect("the session is named");
    let of = |kind: &str| heard.iter().filter(|entry| entry["kind"] == kind).count();
    assert_eq!((of("all"), of("session")), (1, 1), "{heard:?}");
    provider.stop().await;
}

/// P3: a token that came of a refresh token which has expired since, and has been forgotten, is good for longer than that was;
/// what takes its grant back names it.
#[actix_web::test]
async fn p3_a_token_that_outlives_its_refresh_token_is_named_with_its_grant() {
    let short = wish().await.configure(|config| {
        config.tokens.refresh = TimeDelta::minutes(2);
        config.tokens.access = TimeDelta::hours(1);
        let ledger = config
            .clients
            .iter_mut()
            .find(|known| known.client_id == "ledger");
        ledger.unwrap().metadata.access_token_audience = Some(API.to_owned());
    });
    let provider = short.start().await;
    let api = added(&provider, API, None).await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let offline = [("scope", "openid offline_access"), ("prompt", "consent")];
    let first = party.tokens(&ada, &offline).await;
    let sub = first.id_claims(&provider.issuer).await["sub"].clone();
    sign_out(&party, &ada, &first).await;
    provider.advance(TimeDelta::seconds(90));
    let answer = party.refresh(&first.get("refresh_token")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = Tokens { all: answer.json() }.get("access_token");
    // Until a sweep is over, which leaves nothing that nobody can use.
    let jti =
        "INSERT INTO client_assertions (client_id, jti, expires_at) VALUES ('ledger', 'used', 1)";
    provider.sql(jti).await;
    let flows = provider.flows();
    provider.advance(TimeDelta::minutes(6));
    let swept = eventually(async || {
        let tx = flows.database.begin().await.unwrap();
        let until = flows.clock.now();
        let is_new = client_assertions::use_once(&tx, "ledger", "used", until).await;
        is_new.unwrap().then_some(())
    });
    assert!(swept.await.is_some());
    assert!(!api.deny_list().await.names(&token));
    let user_id = sub.as_str().unwrap().parse().unwrap();
    let tx = flows.database.begin().await.unwrap();
    let consent = Consent {
        permission: Permission::default(),
        granted_at: flows.clock.now(),
    };
    let given = consents::save(&tx, user_id, "ledger", &consent).await;
    given.unwrap();
    store::commit(tx).await.unwrap();
    let withdrawn = account::withdraw_consent(flows, user_id, "ledger").await;
    assert!(withdrawn.unwrap());
    assert!(api.hears_of(&token).await);
    provider.stop().await;
}
