//! Others' keys: they come and go, and can't always be had.

use chrono::TimeDelta;

use super::{KEYS, METADATA, Partner};
use crate::support::client_key::ClientKey;
use crate::support::exchange::token_of;
use crate::support::ledger::json_error;
use crate::support::publisher::Document;

/// Attack 36: keys come and go there too.
#[actix_web::test]
async fn a_trusted_issuers_new_key_is_found_and_its_old_one_forgotten() {
    let partner = Partner::open(|_, _| {}).await;
    let (old, new) = (ClientKey::called("old"), ClientKey::called("new"));
    partner.publish(&[&old]);
    let sign = |key: &ClientKey| key.sign(&key.header(), &partner.claims());
    token_of(&partner.exchange(&sign(&old)).await);
    partner.publish(&[&new]);
    // Not more often than once a minute, whoever sends tokens of keys that nobody knows.
    assert_eq!(partner.exchange(&sign(&new)).await.status, 400);
    assert_eq!(partner.publisher.asked(KEYS), 1);
    partner.provider.advance(TimeDelta::minutes(1));
    token_of(&partner.exchange(&sign(&new)).await);
    assert_eq!(partner.publisher.asked(KEYS), 2);
    assert_eq!(partner.exchange(&sign(&old)).await.status, 400);
    partner.provider.stop().await;
}

/// What can't be checked is not believed, and is said to be for now.
#[actix_web::test]
async fn while_a_trusted_issuers_keys_cant_be_had_nothing_of_it_is_believed() {
    let partner = Partner::open(|_, _| {}).await;
    let key = ClientKey::generate();
    let broken = || Document::Status(500);
    let other = || Document::Text("{}".to_owned(), "");
    let again = || partner.provider.advance(TimeDelta::seconds(11));
    let unavailable = async |what: &str| {
        let token = key.sign(&key.header(), &partner.claims());
        let answer = partner.exchange(&token).await;
        assert_eq!(answer.status, 503, "{what}: {answer:?}");
        assert_eq!(json_error(&answer), "temporarily_unavailable", "{what}");
        assert_eq!(answer.header("retry-after"), "10");
        assert!(!answer.body.contains("secret words"));
    };
    for (what, document) in [("broken", broken()), ("empty", other())] {
        partner.publisher.publish(METADATA, document);
        unavailable(what).await;
        again();
    }
    partner.say(&partner.publisher.base);
    for (what, document) in [("no keys", broken()), ("no set", other())] {
        partner.publisher.publish(KEYS, document);
        unavailable(what).await;
        again();
    }
    partner.publish(&[&key]);
    let token = key.sign(&key.header(), &partner.claims());
    token_of(&partner.exchange(&token).await);
    partner.provider.stop().await;
    // Metadata that is another's would bring another's keys.
    let partner = Partner::open(|_, _| {}).await;
    partner.publish(&[&key]);
    partner.say("https://other.example");
    let token = key.sign(&key.header(), &partner.claims());
    assert_eq!(partner.exchange(&token).await.status, 503);
    partner.provider.stop().await;
}
