//! Redis is away, forgets, or is meddled with; the provider is killed.

use redis::AsyncCommands as _;

use super::{API, Person, by_redis, wish};
use crate::support::eventually;
use crate::support::guarded;
use crate::support::process::{Process, free_port, program};
use crate::support::provider::{SECRET, database};
use crate::support::redis::Redis;
use crate::support::relying_party::RelyingParty;
use crate::support::service::Reader;
use crate::support::visitor::http_client;

const LOG: &str = "exeunt:{https://api.example/?a=b&c}:log";
const STATE: &str = "exeunt:{https://api.example/?a=b&c}:state";

/// P3: it forgot everything, and says it all again once it is back.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn p3_a_redis_that_forgot_everything_is_told_it_all_again() {
    let mut redis = Redis::forgetful().await;
    let provider = wish(&redis).await.start().await;
    Reader::added(&provider, API, None).await;
    let service = by_redis(&provider, &redis).start().await;
    let (ada, bob, eve) = (
        Person::signed_in(&provider).await,
        Person::signed_in(&provider).await,
        Person::signed_in(&provider).await,
    );
    service.comes_to_say(200, &eve.token).await;
    ada.leaves().await;
    service.comes_to_say(401, &ada.token).await;
    redis.is_killed();
    // Nobody who leaves meanwhile waits for it.
    bob.leaves().await;
    redis.comes_back().await;
    service.comes_to_say(401, &bob.token).await;
    assert_eq!(service.says(&ada.token).await, 401);
    let newcomer = by_redis(&provider, &redis).start().await;
    newcomer.comes_to_say(200, &eve.token).await;
    for token in [&ada.token, &bob.token] {
        assert_eq!(newcomer.says(token).await, 401);
    }
    provider.stop().await;
}

/// P3: entries that vanished there, one of them or all, or the state beside them, come back, and so does a list that says
/// it is further than the log; who follows reads all of it again.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn p3_a_gap_in_redis_is_noticed_and_mended() {
    let redis = Redis::forgetful().await;
    let provider = wish(&redis).await.start().await;
    Reader::added(&provider, API, None).await;
    let ada = Person::signed_in(&provider).await;
    let bob = Person::signed_in(&provider).await;
    ada.leaves().await;
    bob.leaves().await;
    let mut connection = redis.connection().await;
    let length = async || {
        let mut connection = redis.connection().await;
        connection.xlen::<_, usize>(LOG).await.unwrap()
    };
    assert!(
        eventually(async || (length().await == 2).then_some(()))
            .await
            .is_some()
    );
    for meddling in ["XDEL", "DEL stream", "DEL state", "HSET ahead", "FLUSHALL"] {
        let history: String = connection.hget(STATE, "history").await.unwrap();
        let mut command = redis::cmd(meddling.split(' ').next().unwrap());
        match meddling {
            "XDEL" => {
                let all: redis::streams::StreamRangeReply =
                    connection.xrange_all(LOG).await.unwrap();
                command.arg(LOG).arg(&all.ids[0].id);
            }
            "DEL stream" => drop(command.arg(LOG)),
            "DEL state" => drop(command.arg(STATE)),
            "HSET ahead" => drop(command.arg(STATE).arg("to").arg(1_000_000)),
            _ => {}
        }
        command
            .query_async::<redis::Value>(&mut connection)
            .await
            .unwrap();
        let mended = eventually(async || {
            let mut connection = redis.connection().await;
            let now: Option<String> = connection.hget(STATE, "history").await.unwrap();
            (now.is_some_and(|now| now != history) && length().await == 2).then_some(())
        });
        assert!(mended.await.is_some(), "{meddling}");
    }
    let newcomer = by_redis(&provider, &redis).start().await;
    for person in [&ada, &bob] {
        newcomer.comes_to_say(401, &person.token).await;
    }
    provider.stop().await;
}

/// P1, P3: what was committed is published by whoever comes next, though the provider was killed before it could.
#[actix_web::test]
#[ignore = "needs redis-server: scripts/test has it"]
async fn p3_a_provider_that_was_killed_between_commit_and_publishing_publishes_later() {
    let mut redis = Redis::durable().await;
    let house = House::build(&redis).await;
    let provider = house.start().await;
    let service = house.service(&redis).start().await;
    let (one, other) = (house.token().await, house.token().await);
    service.comes_to_say(200, &one).await;
    // There is no publishing now.
    redis.is_killed();
    let answer = house.party.revoke(&one, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // SIGKILL.
    drop(provider);
    redis.comes_back().await;
    let provider = house.start().await;
    service.comes_to_say(401, &one).await;
    service.comes_to_say(200, &other).await;
    // It goes on where Redis stands: what was known there is told no second time.
    let answer = house.party.revoke(&other, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    service.comes_to_say(401, &other).await;
    let length: usize = redis.connection().await.xlen(LOG).await.unwrap();
    assert_eq!(length, 2);
    drop(provider);
}

/// The program in a process of its own, with an application that has tokens without people.
struct House {
    folder: tempfile::TempDir,
    issuer: String,
    party: RelyingParty,
}

impl House {
    async fn build(redis: &Redis) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, database) = (free_port(), database(&folder).await);
        let issuer = format!("http://localhost:{port}");
        let text = format!(
            r#"
            issuer = "{issuer}"
            [database]
            url = "{}"
            [bus]
            url = "{}"
            [[clients]]
            client_id = "ledger"
            client_secret = "{SECRET}"
            redirect_uris = ["https://ledger.example/callback"]
            grant_types = ["client_credentials"]
            response_types = []
            access_token_audience = "{API}"
            [[services]]
            identifier = "{API}"
            "#,
            database.as_str(),
            redis.url(),
        );
        std::fs::write(folder.path().join("exeunt.toml"), text).unwrap();
        let party = RelyingParty::at(&issuer, "ledger", "https://ledger.example");
        Self {
            folder,
            issuer,
            party,
        }
    }

    async fn start(&self) -> Process {
        let mut command = program(self.folder.path());
        let process = Process::spawn(command.args(["serve", "--config", "exeunt.toml"]));
        let ready = eventually(async || {
            let answer = http_client().get(format!("{}/readyz", self.issuer)).send();
            answer.await.ok().filter(|answer| answer.status() == 200)
        });
        assert!(ready.await.is_some(), "exeunt serve does not become ready");
        process
    }

    fn service(&self, redis: &Redis) -> guarded::Wish {
        guarded::Wish {
            issuer: self.issuer.clone(),
            identifier: API.to_owned(),
            redis: Some(redis.url()),
            ..guarded::Wish::default()
        }
    }

    async fn token(&self) -> String {
        let fields = [("grant_type", "client_credentials")];
        let answer = self.party.token(&fields).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}
