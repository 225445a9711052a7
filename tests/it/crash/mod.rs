//! `kill -9`, and a database that hangs up: what was committed is delivered by the next process or another one, and
//! nothing that ended lives again.
//!
//! `scripts/crash` does it a thousand times. `EXEUNT_TEST_KILLS` says how often, `EXEUNT_TEST_SEED` repeats the choice
//! of causes and moments that a run printed.

mod causes;
mod evidence;
mod guest;
mod house;
mod migrations;
mod restored;

use std::collections::BTreeSet;
use std::time::Duration;

use exeunt::flows::{people, services};
use exeunt::jose::HashPurpose;
use exeunt::oidc::client::{Client, ClientMetadata, GrantType, KeptSecret};
use exeunt::random::{OsRandom, Random, SeededRandom};
use futures_util::future::join_all;
use secrecy::SecretString;
use serde_json::Value;

use self::causes::WAYS;
use self::evidence::Evidence;
use self::guest::Guest;
use self::house::House;
use crate::support::provider::{PASSWORD, SECRET, metadata};
use crate::support::relying_party::{Ear, RelyingParty, Reply, published_keys};
use crate::support::service::{Reader, service};
use crate::support::{environment, eventually};

/// Guests of a round whose sessions somebody ends, and whose sessions nobody does.
const LEAVING: usize = 5;
const STAYING: usize = 1;

/// How often one asks again.
const TRIES: usize = 20;

/// The application that everyone uses.
const SHARED: &str = "shared";

/// The service that hears what was taken back.
const SERVICE: &str = "https://api.example/";
/// A little less than access tokens are good for.
const GOOD_FOR: Duration = Duration::from_secs(9 * 60);

/// What happens to the provider in the middle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blow {
    /// A node is killed; where there are two, the other one goes on.
    Kill,
    /// The database cuts every connection, three times.
    CutOff,
}

/// P2: across crashes. P1: who was told that it is done can rely on it. P3: and it stays so.
#[actix_web::test]
async fn p2_killed_at_any_moment_every_application_is_told_by_the_next_process() {
    let kills = environment("EXEUNT_TEST_KILLS").map_or(24, |kills| kills.parse().unwrap());
    withstand(Blow::Kill, kills).await;
}

/// P2, P1: a database error never answers "signed out". Only PostgreSQL hangs up: SQLite is a file.
#[actix_web::test]
async fn p2_cut_off_from_the_database_at_any_moment_every_application_is_told() {
    if environment("EXEUNT_TEST_DATABASE").as_deref() == Some("postgres") {
        let kills = environment("EXEUNT_TEST_KILLS").map_or(12, |kills| kills.parse().unwrap());
        withstand(Blow::CutOff, kills).await;
    }
}

/// A seeded choice of moments and causes.
struct Fate(SeededRandom);

impl Fate {
    fn decide() -> Self {
        let seed = environment("EXEUNT_TEST_SEED").map_or_else(
            || {
                let random: &dyn Random = &OsRandom;
                (random.fraction() * f64::from(u32::MAX)) as u64
            },
            |seed| seed.parse().unwrap(),
        );
        eprintln!("EXEUNT_TEST_SEED={seed}");
        Self(SeededRandom::new(seed))
    }

    /// Somewhere between now and `longest` from now.
    fn within(&self, longest: Duration) -> Duration {
        let random: &dyn Random = &self.0;
        longest.mul_f64(random.fraction())
    }
}

/// Everything that lasts longer than a round.
struct Run {
    house: House,
    fate: Fate,
    ears: [Ear; 2],
    service: Reader,
    evidence: Evidence,
    guests: Vec<Guest>,
    asked_again: usize,
}

async fn withstand(blow: Blow, blows: usize) {
    let mut run = Run::begin(blows).await;
    for number in 0..blows {
        let node = number % run.house.nodes();
        run.round(blow, number, node).await;
        if number % 10 == 9 {
            run.say(&format!("{} of {blows} blows", number + 1));
        }
    }
    run.end().await;
}

impl Run {
    async fn begin(blows: usize) -> Self {
        let fate = Fate::decide();
        let mut house = House::build().await;
        let ears = [Ear::open().await, Ear::open().await];
        let people = blows * (LEAVING + STAYING);
        let secret = prepare(&house, &ears, people).await;
        for node in 0..house.nodes() {
            house.start(node, false).await;
        }
        let keys = published_keys(&house.issuer).await;
        Self {
            service: Reader {
                identifier: SERVICE.to_owned(),
                secret,
                feed: format!("{}/revocations", house.issuer),
            },
            evidence: Evidence::new(&house.issuer, keys),
            house,
            fate,
            ears,
            guests: Vec::new(),
            asked_again: 0,
        }
    }

    /// Some come, the blow falls while they leave, and who was told nothing asks again.
    async fn round(&mut self, blow: Blow, number: usize, node: usize) {
        let mut here = self.welcome(number, node).await;
        for guest in &here {
            self.evidence.expect(guest);
        }
        // Some notices are under way when the end comes, some wait for their next try.
        self.ears[0].answer_next(&[Reply::Status(500), Reply::Status(200), Reply::Status(503)]);
        if number % 6 == 1 {
            self.ears[1].answer_next(&[Reply::Hang]);
        }
        let house = &mut self.house;
        let moments = [(); 3].map(|()| self.fate.within(Duration::from_millis(700)));
        let told = match blow {
            Blow::Kill => {
                // Its process is taken out first: those who leave look at the house all the while.
                let process = house.take(node);
                let leave = join_all(here.iter().map(|guest| guest.try_to_leave(house)));
                let kill = async {
                    wait(moments[0]).await;
                    process.kill();
                };
                tokio::join!(leave, kill).0
            }
            Blow::CutOff => {
                let house = &*house;
                let leave = join_all(here.iter().map(|guest| guest.try_to_leave(house)));
                let cuts = async {
                    for moment in moments {
                        wait(moment).await;
                        house.cut_off().await;
                    }
                };
                tokio::join!(leave, cuts).0
            }
        };
        if blow == Blow::Kill {
            // Some of the processes find that who was idle has left.
            self.house.start(node, number % 8 == 5).await;
        }
        self.asked_again += told.iter().filter(|told| !**told).count();
        let house = &self.house;
        join_all(here.iter().zip(told).map(async |(guest, mut told)| {
            for _ in 0..TRIES {
                if told {
                    break;
                }
                told = guest.try_to_leave(house).await;
            }
            assert!(told, "{} is never told", guest.how());
            guest.assert_left(house).await;
        }))
        .await;
        self.evidence.read(&self.ears);
        self.guests.append(&mut here);
    }

    /// New people sign in, at the node that was started last.
    async fn welcome(&self, number: usize, node: usize) -> Vec<Guest> {
        let house = &self.house;
        // They all come from one address, which is more than one office sends.
        let mut side = house.side().await;
        side.execute("DELETE FROM throttles").await;
        house.lead_to((node + house.nodes() - 1) % house.nodes());
        let shared = RelyingParty::at(&house.issuer, SHARED, &self.ears[0].base);
        let first = number * (LEAVING + STAYING);
        let guests = (first + 1..=first + LEAVING + STAYING).map(|serial| {
            let (issuer, base) = (&house.issuer, &self.ears[1].base);
            let own = RelyingParty::at(issuer, &own_client_id(serial), base);
            let shared = &shared;
            async move { Guest::sign_in(house, format!("guest-{serial}"), shared, &own).await }
        });
        let mut guests = join_all(guests).await;
        house.came_from_elsewhere(&mut side).await;
        for (count, guest) in guests.iter_mut().take(LEAVING).enumerate() {
            guest.way = Some(&WAYS[(number * LEAVING + count) % WAYS.len()]);
            let moment = self.fate.within(Duration::from_millis(600));
            guest
                .haste
                .set(moment.as_millis().is_multiple_of(2).then_some(moment));
        }
        house.lead_anywhere();
        guests
    }

    /// The clock ends what nobody else has ended; then everything must have arrived.
    async fn end(mut self) {
        let longest = self.guests.iter().map(Guest::lives_for).max();
        wait(longest.unwrap_or_default()).await;
        for guest in &self.guests {
            guest.assert_gone(&self.house).await;
        }
        // What a killed process had claimed is free again when its lease runs out.
        for _ in 0..240 {
            self.evidence.read(&self.ears);
            if self.evidence.missing().is_empty() {
                break;
            }
            wait(Duration::from_millis(500)).await;
        }
        self.say("all blows");
        assert_eq!(
            self.evidence.missing(),
            Vec::<&String>::new(),
            "never told of"
        );
        self.assert_heard().await;
        let noted = self.causes().await;
        eprintln!("{noted:?}");
        for way in WAYS.iter().take(self.guests.len()) {
            let cause = way.cause.as_str();
            assert!(noted.contains(cause), "nothing ended by {cause}");
        }
    }

    /// P3: whatever died when, a service hears of every token that would still be good by itself.
    async fn assert_heard(&self) {
        let lately = self.guests.iter();
        let lately = lately.filter(|guest| guest.since.elapsed() < GOOD_FOR);
        let tokens: Vec<String> = lately
            .flat_map(|guest| [&guest.shared, &guest.own])
            .map(|part| part.tokens.get("access_token"))
            .collect();
        assert!(!tokens.is_empty());
        let heard = eventually(async || {
            let list = self.service.deny_list().await;
            tokens.iter().all(|token| list.names(token)).then_some(())
        });
        assert!(heard.await.is_some(), "a service never hears of a token");
    }

    /// The causes that are noted with the notices, as the command line shows them.
    async fn causes(&self) -> BTreeSet<String> {
        let line = ["delivery", "list", "--limit", "10000", "--json"];
        let list = self.house.command(&line, "", Duration::from_secs(60)).await;
        let list: Value = serde_json::from_str(&list.unwrap()).unwrap();
        let all = list.as_array().unwrap().iter();
        all.map(|notice| notice["cause"].as_str().unwrap().to_owned())
            .collect()
    }

    fn say(&self, when: &str) {
        eprintln!(
            "after {when}: {} guests, {} of whom asked again; {} notices for {} parts in sessions, {} after the \
             application had confirmed, {} parts to come",
            self.guests.len(),
            self.asked_again,
            self.evidence.received,
            self.evidence.parts(),
            self.evidence.repeated,
            self.evidence.missing().len()
        );
    }
}

/// Everyone who will come, and their applications; and a service, whose secret is answered.
async fn prepare(house: &House, ears: &[Ear; 2], people: usize) -> String {
    let provider = house.provider().await;
    let password = SecretString::from(PASSWORD);
    let hash = provider.passwords.hash(&password).await.unwrap();
    let mut side = house.side().await;
    side.insert_people("guest", 1, people, hash.as_str()).await;
    side.insert_people("stranger", 2, 1, hash.as_str()).await;
    let secret = provider.master.hash(HashPurpose::ClientSecret, SECRET);
    let shared = [(SHARED.to_owned(), &ears[0])];
    let own = (1..=people).map(|serial| (own_client_id(serial), &ears[1]));
    for (client_id, ear) in shared.into_iter().chain(own) {
        let client = Client {
            client_id,
            secret: Some(KeptSecret::Hashed(secret.clone())),
            metadata: ClientMetadata {
                backchannel_logout_uri: Some(ear.backchannel_logout_uri()),
                grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
                access_token_audience: Some(SERVICE.to_owned()),
                ..metadata(&ear.base)
            },
        };
        people::add_client(&provider, client)
            .await
            .unwrap()
            .unwrap();
    }
    // What each allowed their own application.
    let guest = side.id(1, "i");
    side.insert(
        people,
        "consents (user_id, client_id, scope, granted_at)",
        &format!("{guest}, 'own-' || i, 'openid', 0"),
    )
    .await;
    let service = services::add(&provider, service(SERVICE, None), &[]).await;
    provider.database.close().await;
    service.unwrap().unwrap().secret
}

fn own_client_id(serial: usize) -> String {
    format!("own-{serial}")
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process is killed at a moment of no clock of ours"
)]
async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}
