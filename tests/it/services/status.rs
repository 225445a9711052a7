//! Token Status List: a service asks for a `status` claim, and looks up the bit that it names.

use std::io::Read as _;
use std::process::Stdio;

use chrono::TimeDelta;
use exeunt::flows::{end_session, people, service_keys};
use exeunt::oidc::client::GrantType;
use exeunt::oidc::logout::Cause;
use exeunt::oidc::service::{Service, TokenFormat};
use exeunt::store::orders::OrderScope;
use exeunt::store::status_entries::{self, StatusEntry};
use exeunt_guard::{Expected, cwt};
use flate2::read::ZlibDecoder;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::process::Command;

use super::reader::decode;
use crate::support::exchange::{own_token, signed_in};
use crate::support::ledger::{ledger_with, with_refresh};
use crate::support::provider::{Provider, Wish};
use crate::support::relying_party::{RelyingParty, verify};
use crate::support::repository;
use crate::support::services::{API, service};
use crate::support::visitor::{Answer, Visitor};

async fn wish(service: Service) -> Wish {
    let everything = |metadata: &mut exeunt::oidc::client::ClientMetadata| {
        with_refresh(metadata);
        metadata.grant_types.push(GrantType::ClientCredentials);
    };
    ledger_with(everything)
        .await
        .service(service)
        .manual_clock()
}

fn asking() -> Service {
    Service {
        claims: ["name", "status"].map(str::to_owned).to_vec(),
        ..service(API)
    }
}

/// Where the token says that its status is.
async fn place(provider: &Provider, token: &str) -> (String, u64) {
    let (_, claims) = verify(&provider.issuer, token).await;
    place_in(&claims["status"])
}

fn place_in(status: &Value) -> (String, u64) {
    let list = &status["status_list"];
    let uri = list["uri"].as_str().unwrap().to_owned();
    (uri, list["idx"].as_u64().unwrap())
}

async fn fetch(uri: &str) -> Answer {
    let visitor = Visitor::default();
    visitor.send(uri, visitor.client().get(uri)).await
}

/// The bit at a place, of a list that is checked as the specification has it (§8.3).
async fn bit(provider: &Provider, (uri, index): &(String, u64)) -> bool {
    let answer = fetch(uri).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/statuslist+jwt");
    let (header, claims) = verify(&provider.issuer, &answer.body).await;
    assert_eq!(header["typ"], "statuslist+jwt");
    assert_eq!(claims["sub"], *uri);
    let number = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!(number("exp"), number("iat") + 300);
    assert_eq!(number("ttl"), 30);
    assert_eq!(claims["status_list"]["bits"], 1);
    let packed = decode(claims["status_list"]["lst"].as_str().unwrap());
    let mut bytes = Vec::new();
    ZlibDecoder::new(&packed[..])
        .read_to_end(&mut bytes)
        .unwrap();
    assert_eq!(bytes.len(), 131_072, "the index is never out of bounds");
    assert!(packed.len() < 4000, "{}", packed.len());
    let index = usize::try_from(*index).unwrap();
    bytes[index / 8] >> (index % 8) & 1 == 1
}

/// P3, attacks 43 and 44: whatever takes a token back turns its bit, and none of the others.
#[actix_web::test]
async fn p3_the_bit_of_a_token_is_set_by_whatever_takes_it_back() {
    let provider = wish(asking()).await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let visitors: Vec<_> = (0..4).map(|_| Visitor::default()).collect();
    let mut given = Vec::new();
    for visitor in &visitors {
        given.push(signed_in(&party, visitor).await);
    }
    let mut places = Vec::new();
    for tokens in &given {
        places.push(place(&provider, &tokens.get("access_token")).await);
    }
    let program = place(&provider, &own_token(&party).await).await;
    let bits = async || {
        let mut bits = Vec::new();
        for place in places.iter().chain([&program]) {
            bits.push(bit(&provider, place).await);
        }
        // A list is looked up once a second at most.
        provider.advance(TimeDelta::seconds(1));
        bits
    };
    let mut indices: Vec<_> = places.iter().map(|(_, index)| *index).collect();
    indices.sort_unstable();
    indices.dedup();
    assert_eq!(indices.len(), 4, "each has a place of its own");
    assert_eq!(bits().await, [false; 5]);

    let token = given[0].get("access_token");
    assert_eq!(party.revoke(&token, &[]).await.status, 200);
    assert_eq!(bits().await, [true, false, false, false, false]);
    let refresh_token = given[1].get("refresh_token");
    assert_eq!(party.revoke(&refresh_token, &[]).await.status, 200);
    assert_eq!(bits().await, [true, true, false, false, false]);
    let hint = given[2].get("id_token");
    let url = party.end_session_url(&[("id_token_hint", &hint)]);
    visitors[2].get(&url).await;
    assert_eq!(bits().await, [true, true, true, false, false]);
    let flows = provider.flows();
    people::disable_user(flows, "ada").await.unwrap().unwrap();
    assert_eq!(bits().await, [true, true, true, true, false]);
    let client = OrderScope::Client("ledger".to_owned());
    end_session::end_many(flows, client, Cause::Administrator)
        .await
        .unwrap();
    assert_eq!(bits().await, [true; 5]);

    let provider = provider.restart(|_| {}).await;
    for place in places.iter().chain([&program]) {
        assert!(bit(&provider, place).await);
    }
    // When the last token of a list has expired, the list is gone, and no place of it is given again.
    provider.advance(TimeDelta::minutes(70));
    let gone = crate::support::eventually(async || {
        provider.advance(TimeDelta::minutes(5));
        (fetch(&program.0).await.status == 404).then_some(())
    });
    assert!(gone.await.is_some());
    provider.stop().await;
}

#[actix_web::test]
async fn a_list_is_sent_to_whoever_asks_and_kept_by_its_tag() {
    let provider = wish(asking()).await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let token = signed_in(&party, &Visitor::default())
        .await
        .get("access_token");
    let (uri, index) = place(&provider, &token).await;
    let first = fetch(&uri).await;
    assert_eq!(first.header("cache-control"), "public, max-age=30");
    assert_eq!(first.header("access-control-allow-origin"), "*");
    let asked = async |name: &str, value: &str| {
        let visitor = Visitor::default();
        let request = visitor.client().get(&uri).header(name, value);
        visitor.send(&uri, request).await.status.as_u16()
    };
    let tag = first.header("etag").to_owned();
    assert_eq!(asked("if-none-match", &tag).await, 304);
    assert_eq!(asked("accept", "application/statuslist+jwt").await, 200);
    assert_eq!(asked("accept", "application/statuslist+cwt").await, 406);
    provider.advance(TimeDelta::seconds(30));
    assert_eq!(asked("if-none-match", &tag).await, 304, "nothing changed");
    provider.advance(TimeDelta::seconds(30));
    assert_eq!(
        asked("if-none-match", &tag).await,
        200,
        "it must not expire"
    );
    let tag = fetch(&uri).await.header("etag").to_owned();
    provider.advance(TimeDelta::seconds(1));
    assert_eq!(party.revoke(&token, &[]).await.status, 200);
    assert_eq!(asked("if-none-match", &tag).await, 200);
    assert!(bit(&provider, &(uri.clone(), index)).await);
    // How it was yesterday nobody is told, nor what is not there.
    assert_eq!(fetch(&format!("{uri}?time=1767268800")).await.status, 501);
    for unknown in ["0", "-1", "x", "99999999999999999999", "1/2"] {
        let (base, _) = uri.rsplit_once('/').unwrap();
        let answer = fetch(&format!("{base}/{unknown}")).await;
        assert_eq!(answer.status, 404, "{unknown}");
    }
    provider.stop().await;
}

#[actix_web::test]
async fn a_token_of_a_service_that_does_not_ask_says_nothing_of_a_status() {
    let provider = wish(service(API)).await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let token = own_token(&party).await;
    let (_, claims) = verify(&provider.issuer, &token).await;
    assert_eq!(claims.get("status"), None);
    provider.stop().await;
}

/// A short token that has a status has a name too, by which the place is found when it is taken back alone.
#[actix_web::test]
async fn a_short_token_has_a_status_where_its_service_asks_for_it() {
    let short = Service {
        format: TokenFormat::Cwt,
        claims: vec!["status".to_owned()],
        ..service(API)
    };
    let provider = wish(short).await.start().await;
    let start = service_keys::Start::Now;
    let made = service_keys::rotate(provider.flows(), API, start).await;
    let made = made.unwrap().unwrap_or_else(|why| panic!("{why:?}"));
    let [mac, cipher] = [made.key.mac(), made.key.cipher()].map(|key| decode(key.expose_secret()));
    let (mac, cipher) = (&mac.try_into().unwrap(), &cipher.try_into().unwrap());
    let keys = [cwt::Key::new(made.kid, mac, cipher).unwrap()];
    let party = RelyingParty::of(&provider, "ledger");
    let token = own_token(&party).await;
    let now = provider.flows().clock.now().timestamp();
    let expected = Expected::new(&provider.issuer, API);
    let claims = cwt::parse(&token, &keys, &expected, now).unwrap();
    assert!(claims.jti.is_some());
    let place = place_in(&claims.more["status"]);
    assert!(!bit(&provider, &place).await);
    assert_eq!(party.revoke(&token, &[]).await.status, 200);
    provider.advance(TimeDelta::seconds(1));
    assert!(bit(&provider, &place).await);
    provider.stop().await;
}

/// Many at once, at two nodes: no two tokens have one place.
/// Attack 49: of the places that the lost history gave after the copy was made nothing is known, so no list says that one
/// of them is good.
#[actix_web::test]
async fn p3_after_a_restore_no_list_of_before_is_there() {
    let provider = wish(asking()).await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let token = signed_in(&party, &Visitor::default()).await;
    let before = place(&provider, &token.get("access_token")).await;
    assert!(!bit(&provider, &before).await);
    let path = before.0.strip_prefix(&provider.issuer).unwrap().to_owned();
    let provider = provider.restored().await;
    provider.advance(TimeDelta::seconds(1));
    assert_eq!(fetch(&provider.url(&path)).await.status, 404);
    let party = RelyingParty::of(&provider, "ledger");
    let token = signed_in(&party, &Visitor::default()).await;
    let after = place(&provider, &token.get("access_token")).await;
    assert!(!bit(&provider, &after).await);
    provider.stop().await;
}

#[actix_web::test]
async fn no_two_tokens_have_one_place() {
    let provider = wish(asking()).await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let given = futures_util::future::join_all((0..12).map(|_| own_token(&party))).await;
    let mut places = Vec::new();
    for token in &given {
        places.push(place(&provider, token).await);
    }
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 12);
    // Who comes second to a place is told so, on either database.
    let (uri, index) = &places[0];
    let list = uri.split("/status-lists/").nth(1).unwrap();
    let flows = provider.flows();
    let now = flows.clock.now();
    let entry = StatusEntry {
        service: API,
        jti: "another",
        grant: "grant",
        session: None,
        user_id: None,
        client_id: "ledger",
        issued_at: now,
        kept_until: now + TimeDelta::minutes(10),
    };
    let tx = flows.database.begin().await.unwrap();
    let index = u32::try_from(*index).unwrap();
    assert!(
        !status_entries::take(&tx, list, index, &entry)
            .await
            .unwrap()
    );
    drop(tx);
    provider.stop().await;
}

/// Another implementation: Python, zlib and jwcrypto.
#[actix_web::test]
#[ignore = "needs Python packages: run scripts/test"]
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment what the machine offers"
)]
async fn another_implementation_reads_the_status_of_a_token() {
    let provider = wish(asking()).await.start().await;
    let party = RelyingParty::of(&provider, "ledger");
    let ada = Visitor::default();
    let (dead, good) = (
        signed_in(&party, &ada).await.get("access_token"),
        signed_in(&party, &ada).await.get("access_token"),
    );
    let python = std::env::var("EXEUNT_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let read = async |token: &str| {
        let read = Command::new(&python)
            .arg(repository().join("tests/it/services/status_list.py"))
            .args([&provider.issuer, token])
            .stderr(Stdio::inherit())
            .output();
        let output = read.await.unwrap();
        assert!(output.status.success(), "the script failed");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(read(&dead).await, "VALID");
    assert_eq!(party.revoke(&dead, &[]).await.status, 200);
    provider.advance(TimeDelta::seconds(1));
    assert_eq!(read(&dead).await, "INVALID");
    assert_eq!(read(&good).await, "VALID");
    provider.stop().await;
}
