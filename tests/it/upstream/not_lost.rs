//! A refresh token that the other house gave is kept beside a session or taken back there: whatever goes wrong between the
//! moment in which it was given and the one in which the session begins.

use std::sync::Arc;

use chrono::TimeDelta;
use exeunt::flows::upstream::finish::finish;
use exeunt::flows::upstream::refresh_tokens::PATIENCE;
use exeunt::oidc::params::Params;
use exeunt::oidc::upstream::Upstream;
use exeunt::oidc::upstream::leaving::SignOut;
use exeunt::server::{self, Seams};
use exeunt::store::upstream_tokens;
use serde_json::{Value, json};
use url::Url;

use super::stub::{Manner, Ours, Stub, notice};
use crate::support::eventually;
use crate::support::fixtures::Side;
use crate::support::ledger::{is_signed_in, open, sign_in};
use crate::support::provider::{Provider, Wish};
use crate::support::visitor::Visitor;

/// A house that gives refresh tokens, and ours, which asks for them.
pub async fn houses(ours: impl FnOnce(Wish) -> Wish) -> (Stub, Ours) {
    let stub = Stub::open();
    stub.behave(|manner| manner.gives_refresh_tokens = true);
    let upstream = Upstream {
        scope: "openid profile offline_access".to_owned(),
        sign_out: SignOut::Stay,
        ..stub.upstream()
    };
    let ours = Ours::with(vec![upstream], |wish| {
        ours(wish.configure(|config| config.logout.retry_first = TimeDelta::milliseconds(1)))
    });
    let ours = ours.await;
    (stub, ours)
}

pub fn ada() -> Value {
    json!({ "sub": "ada" })
}

/// Waits until as many tokens were taken back, and no more, all of them different.
pub async fn assert_revoked(stub: &Stub, count: usize) {
    let enough = eventually(async || (stub.revoked().len() >= count).then_some(()));
    assert!(enough.await.is_some(), "{:?} of {count}", stub.revoked());
    let mut revoked = stub.revoked();
    revoked.sort();
    revoked.dedup();
    assert_eq!(revoked.len(), count, "{revoked:?}");
}

/// How many tokens of that provider's are known, of those that fit.
pub async fn known(provider: &Provider, fit: &str) -> u64 {
    let mut side = Side::open(provider.config.database.as_str()).await;
    let count = format!("UPDATE upstream_tokens SET attempts = attempts WHERE {fit}");
    side.execute(&count).await
}

pub async fn assert_forgotten(provider: &Provider) {
    let gone = eventually(async || (known(provider, "TRUE").await == 0).then_some(()));
    assert!(gone.await.is_some(), "it is known for ever");
}

/// Waits until the stub was asked at a path so often.
pub async fn wait_for(stub: &Stub, path: &str, count: usize) {
    let asked = eventually(async || (stub.asked(path) >= count).then_some(()));
    assert!(asked.await.is_some(), "{path} was not asked for");
}

/// From an authorization request to the address that leads back from the stub.
pub async fn back(ours: &Ours, stub: &Stub, visitor: &Visitor, claims: &Value) -> String {
    let location = ours.sent(visitor, "house", &[]).await;
    stub.answer(&location, claims, ours.now())
}

/// What the house says of somebody, and how it behaves.
type Way = (Value, fn(&mut Manner));

/// The clock goes on, and nobody waits for the patience to be over: the test would give up before.
#[actix_web::test]
async fn who_is_not_believed_to_be_anybody_leaves_no_refresh_token_there() {
    let (stub, ours) = houses(|wish| wish).await;
    let nothing: fn(&mut Manner) = |_| {};
    let ways: [Way; 8] = [
        (json!({ "sub": "ada", "aud": "somebody else" }), nothing),
        (json!({ "sub": "ada", "nonce": "another" }), nothing),
        (ada(), |manner| manner.gives_id_tokens = false),
        (ada(), |manner| {
            manner.tokens = json!({ "access_token": null });
        }),
        (ada(), |manner| manner.userinfo = Some((503, String::new()))),
        (ada(), |manner| manner.userinfo = Some((403, String::new()))),
        (ada(), |manner| {
            manner.userinfo = Some((200, "?".to_owned()))
        }),
        (ada(), |manner| {
            manner.userinfo = Some((200, json!({ "sub": "grace" }).to_string()));
        }),
    ];
    for (number, (claims, behave)) in (1..).zip(ways) {
        stub.behave(behave);
        let visitor = Visitor::default();
        let answer = ours.sign_in(&visitor, &stub, &claims).await;
        assert!(!notice(&answer).is_empty(), "{answer:?}");
        assert_revoked(&stub, number).await;
        stub.behave(|manner| {
            manner.gives_id_tokens = true;
            manner.tokens = json!({ "token_type": "Bearer" });
            manner.userinfo = None;
        });
    }
    assert_forgotten(&ours.provider).await;
    ours.provider.stop().await;
}

#[actix_web::test]
async fn who_is_nobody_s_guest_any_more_leaves_no_refresh_token_there() {
    let (stub, ours) = houses(|wish| wish).await;
    // The application's request is not known any more.
    let visitor = Visitor::default();
    let location = back(&ours, &stub, &visitor, &ada()).await;
    ours.provider.sql("DELETE FROM interactions").await;
    let answer = ours.come_back(&visitor, &location).await;
    assert_eq!(answer.page(), "page-error", "{answer:?}");
    assert_revoked(&stub, 1).await;

    // A link, of a sign-in there that is older than the question.
    let account = ours.provider.url("/account");
    sign_in(&visitor, &open(&visitor, &account).await).await;
    let link = async || {
        let page = open(&visitor, &account).await;
        let form = page.form_of("#link-house").expect("there is a button");
        visitor.submit(&page, &form, &[]).await.location().unwrap()
    };
    let claims = json!({ "sub": "ada", "auth_time": ours.now() - 1000 });
    let location = stub.answer(&link().await, &claims, ours.now());
    let page = ours.come_back(&visitor, &location).await;
    assert!(!page.has("#links .link"), "{page:?}");
    assert_revoked(&stub, 2).await;

    // And one whose session has ended meanwhile.
    let sent = link().await;
    let page = open(&visitor, &account).await;
    let form = page.form_of("#end-everything").unwrap();
    visitor.submit(&page, &form, &[]).await;
    let location = stub.answer(&sent, &ada(), ours.now());
    let answer = ours.come_back(&visitor, &location).await;
    assert_eq!(answer.page(), "page-error", "{answer:?}");
    assert_revoked(&stub, 3).await;
    assert_forgotten(&ours.provider).await;
    ours.provider.stop().await;
}

/// A server drops what it did for somebody who hangs up.
#[actix_web::test]
async fn who_hangs_up_while_the_token_is_given_leaves_none_there() {
    let (stub, ours) = houses(|wish| wish.manual_clock()).await;
    let visitor = Visitor::default();
    let location = back(&ours, &stub, &visitor, &ada()).await;
    let config = ours.provider.config.clone();
    let beside = Arc::new(server::open(config, Seams::default()).await.unwrap());
    let query = Url::parse(&location).unwrap();
    let params = Params::parse(query.query().unwrap().as_bytes()).unwrap();
    let browser = visitor.cookie("exeunt-browser").unwrap();
    stub.hold("/token");
    tokio::select! {
        _ = finish(&beside, "house", &params, &browser) => panic!("nobody hung up"),
        () = wait_for(&stub, "/token", 1) => {}
    }
    stub.release("/token");
    let written = eventually(async || {
        let written = known(&ours.provider, "due_at IS NOT NULL").await;
        (written == 1).then_some(())
    });
    assert!(written.await.is_some(), "it is lost");
    ours.provider.advance(PATIENCE + TimeDelta::minutes(1));
    assert_revoked(&stub, 1).await;
    assert_forgotten(&ours.provider).await;
    beside.database.clone().close().await;
    ours.provider.stop().await;
}

/// She comes back while the database takes no token; then it does again.
async fn come_back_in_vain(stub: &Stub, ours: &Ours) {
    let visitor = Visitor::default();
    let location = back(ours, stub, &visitor, &ada()).await;
    let rename = async |from: &str, to: &str| {
        let rename = format!("ALTER TABLE {from} RENAME TO {to}");
        ours.provider.sql(&rename).await;
    };
    rename("upstream_tokens", "elsewhere").await;
    let answer = ours.come_back(&visitor, &location).await;
    assert!(answer.status.is_server_error(), "{answer:?}");
    assert!(!is_signed_in(&ours.party, &visitor).await);
    rename("elsewhere", "upstream_tokens").await;
}

#[actix_web::test]
async fn a_token_that_the_database_did_not_take_is_taken_back_when_it_does() {
    let (stub, ours) = houses(|wish| wish).await;
    come_back_in_vain(&stub, &ours).await;
    assert_revoked(&stub, 1).await;
    assert_forgotten(&ours.provider).await;
    ours.provider.stop().await;
}

/// The clock stands, so that nothing but the stop has it written.
#[actix_web::test]
async fn a_stop_does_not_forget_a_token_that_the_database_did_not_take() {
    let (stub, ours) = houses(|wish| wish.manual_clock()).await;
    come_back_in_vain(&stub, &ours).await;
    assert_eq!(known(&ours.provider, "TRUE").await, 0);
    assert_eq!(stub.revoked(), [""; 0]);
    let provider = ours.provider.restart(|_| {}).await;
    provider.advance(TimeDelta::seconds(2));
    assert_revoked(&stub, 1).await;
    assert_forgotten(&provider).await;
    provider.stop().await;
}

/// What a node of another version may leave; and more of it than is looked at at once.
#[actix_web::test]
async fn a_token_whose_session_ended_without_it_is_taken_back_in_the_end() {
    let (stub, ours) = houses(|wish| wish.manual_clock()).await;
    let (leaving, staying) = (Visitor::default(), Visitor::default());
    for visitor in [&leaving, &staying] {
        ours.provider.advance(TimeDelta::seconds(1));
        ours.sign_in(visitor, &stub, &ada()).await;
    }
    let mut side = Side::open(ours.provider.config.database.as_str()).await;
    let ended = side
        .execute(
            "UPDATE sessions SET ended_at = created_at, end_cause = 'everywhere' WHERE id = \
             (SELECT session_id FROM upstream_tokens ORDER BY id LIMIT 1)",
        )
        .await;
    assert_eq!(ended, 1);
    let id = side.id(77, "i");
    let orphan = format!("{id}, {id}, '{}', '', 0", stub.base);
    let into = "upstream_tokens (id, session_id, issuer, sealed_token, attempts)";
    side.insert(700, into, &orphan).await;
    drop(side);
    ours.provider.advance(TimeDelta::minutes(5));
    let (db, clock) = (
        ours.provider.flows().database.read(),
        &ours.provider.flows().clock,
    );
    let rest = eventually(async || {
        ours.provider.advance(TimeDelta::seconds(1));
        let overlooked = upstream_tokens::overlooked(db, 1).await.unwrap();
        let waiting = upstream_tokens::count_waiting(db, clock.now()).await;
        (overlooked.is_empty() && waiting.unwrap() == 0).then_some(())
    });
    assert!(rest.await.is_some(), "some are known for ever");
    assert_eq!(known(&ours.provider, "TRUE").await, 1);
    assert_eq!(stub.revoked(), ["refresh-token-of-the-other-house-1"]);
    assert!(is_signed_in(&ours.party, &staying).await);
    assert_eq!(known(&ours.provider, "due_at IS NULL").await, 1);
    ours.provider.stop().await;
}
