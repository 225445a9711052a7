//! A guard that follows its issuer: a small server plays the issuer, and says what each test wants it to say.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use exeunt_guard::jwt::{self, Algorithm, SigningKey, VerifyingKey};
use exeunt_guard::{Claims, Guard, Refused, Staleness};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::formats::{NOW, SERVICE, claims};

/// The issuer, as far as a guard sees it.
struct Issuer {
    address: String,
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
}

struct State {
    issuer: String,
    keys: Vec<Value>,
    /// The log: each entry with its number.
    log: Vec<(u64, Value)>,
    /// The last number that was given.
    last: u64,
    /// What is older is not kept.
    oldest: u64,
    /// Whether answers are packed for who accepts that.
    packs: bool,
    /// Answers that are given first, whatever is asked: a status and a body.
    first: Vec<(u16, String)>,
    /// What was asked: path and query, and the Authorization header.
    asked: Vec<(String, Option<String>)>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            issuer: address.clone(),
            keys: Vec::new(),
            log: Vec::new(),
            last: 0,
            oldest: 0,
            packs: false,
            first: Vec::new(),
            asked: Vec::new(),
        }));
        let (changed, changes) = watch::channel(());
        let served = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&served), changes.clone()));
            }
        });
        Self {
            address,
            state,
            changed,
        }
    }

    /// One that has published a key.
    async fn with_key() -> (Self, SigningKey) {
        let issuer = Self::start().await;
        let key = issuer.key("1");
        (issuer, key)
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let done = work(&mut self.state.lock().unwrap());
        self.changed.send_replace(());
        done
    }

    fn revoke(&self, entry: Value) -> u64 {
        self.with(|state| {
            state.last += 1;
            let number = state.last;
            state.log.push((number, entry));
            number
        })
    }

    fn asked(&self, path: &str) -> usize {
        self.with(|state| {
            state
                .asked
                .iter()
                .filter(|(asked, _)| asked.starts_with(path))
                .count()
        })
    }

    /// A new signing key, published.
    fn key(&self, kid: &str) -> SigningKey {
        let key = SigningKey::generate(Algorithm::ES256, kid).unwrap();
        self.with(|state| state.keys.push(key.public_jwk()));
        key
    }

    fn token(&self, key: &SigningKey, sid: &str) -> String {
        let claims = Claims {
            iss: self.address.clone(),
            sid: Some(sid.into()),
            ..claims()
        };
        jwt::generate(&claims, key).unwrap()
    }

    /// With a key, and a guard that has taken its list already.
    async fn with_guard() -> (Self, SigningKey, Guard) {
        let (issuer, key) = Self::with_key().await;
        let guard = issuer.guard_with_list().await;
        (issuer, key, guard)
    }

    /// A guard that is strict, and has taken the list.
    async fn guard_with_list(&self) -> Guard {
        let guard = self.guard(STRICT).await;
        until("the snapshot is taken", || guard.age().is_some()).await;
        guard
    }

    async fn guard(&self, staleness: Staleness) -> Guard {
        Guard::builder(&self.address, SERVICE)
            .clock(|| NOW)
            .staleness(staleness)
            .service_secret("a secret: 100 %")
            .wait_for_list(Duration::ZERO)
            .connect()
            .await
            .unwrap()
    }
}

/// One connection, one request after the other.
async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>, mut changes: watch::Receiver<()>) {
    let mut request = Vec::new();
    loop {
        let mut room = [0; 4096];
        match stream.read(&mut room).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&room[..read]),
        }
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut request)).unwrap();
        let path = text.split(' ').nth(1).unwrap().to_owned();
        let authorization = text
            .lines()
            .find_map(|line| line.strip_prefix("authorization: ").map(str::to_owned));
        state
            .lock()
            .unwrap()
            .asked
            .push((path.clone(), authorization));
        let began = Instant::now();
        let (status, body) = loop {
            changes.borrow_and_update();
            let waited = began.elapsed() > Duration::from_secs(2);
            if let Some(answer) = answer(&mut state.lock().unwrap(), &path, waited) {
                break answer;
            }
            let _changed =
                tokio::time::timeout(Duration::from_millis(500), changes.changed()).await;
        };
        let packs = state.lock().unwrap().packs && text.contains("accept-encoding: gzip");
        let (packing, body) = match packs {
            true => ("content-encoding: gzip\r\n", pack(&body)),
            false => ("", body.into_bytes()),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{packing}content-length: {}\r\n\r\n",
            body.len()
        );
        let answer = [head.into_bytes(), body].concat();
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn pack(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

/// The answer, or none while there is nothing new and the poll has not `waited` long enough.
fn answer(state: &mut State, path: &str, waited: bool) -> Option<(u16, String)> {
    let ok = |body: Value| Some((200, body.to_string()));
    if path == "/.well-known/openid-configuration" {
        return ok(json!({
            "issuer": state.issuer,
            "jwks_uri": format!("{}/jwks", state.issuer),
        }));
    }
    if path == "/jwks" {
        return ok(json!({ "keys": state.keys }));
    }
    if !state.first.is_empty() {
        return Some(state.first.remove(0));
    }
    let entries = |after: u64| -> Vec<&Value> {
        let new = state.log.iter().filter(|(number, _)| *number > after);
        new.map(|(_, entry)| entry).collect()
    };
    let said = |from: u64| json!({ "issuer": state.issuer, "from": from, "to": state.last, "now": NOW, "entries": entries(from) });
    if path == "/revocations/snapshot" {
        return ok(said(0));
    }
    let after: u64 = path
        .strip_prefix("/revocations?after=")
        .and_then(|query| query.split('&').next()?.parse().ok())
        .unwrap();
    if after < state.oldest || after > state.last {
        return Some((410, r#"{"error":"gone"}"#.into()));
    }
    if after == state.last && !waited && !path.ends_with("wait=0") {
        return None;
    }
    ok(said(after))
}

/// Waits until it is so, for some seconds at most.
#[expect(
    clippy::disallowed_methods,
    reason = "what is waited for happens in the background, on its own clock"
)]
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the guard refuses the token as revoked.
async fn until_refused(guard: &Guard, token: &str) {
    until("it is refused", || {
        guard.verify(token) == Err(Refused::Revoked)
    })
    .await;
}

/// Waits until the guard lets the token pass: its list is fresh.
async fn until_fresh(guard: &Guard, token: &str) {
    until("it is fresh", || guard.verify(token).is_ok()).await;
}

const STRICT: Staleness = Staleness::RefuseBeyond(Duration::from_secs(30));

fn session(sid: &str) -> Value {
    json!({ "kind": "session", "sid": sid, "until": NOW + 600 })
}

#[tokio::test]
async fn a_revoked_session_is_refused_a_moment_later() {
    let (issuer, key) = Issuer::with_key().await;
    issuer.revoke(session("before"));
    let guard = issuer.guard_with_list().await;
    assert_eq!(
        guard.verify(&issuer.token(&key, "before")),
        Err(Refused::Revoked)
    );
    let token = issuer.token(&key, "s1");
    assert!(guard.verify(&token).is_ok());

    until("it polls", || {
        issuer.asked("/revocations?after=1&wait=20") > 0
    })
    .await;
    let began = Instant::now();
    issuer.revoke(session("s1"));
    until_refused(&guard, &token).await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );

    // The service has said who it is: both halves form-encoded (RFC 6749 §2.3.1).
    let said = issuer.with(|state| state.asked.last().unwrap().1.clone());
    use base64::Engine as _;
    let both = "https%3A%2F%2Fapi.example%2F:a+secret%3A+100+%25";
    let basic = base64::engine::general_purpose::STANDARD.encode(both);
    assert_eq!(said, Some(format!("Basic {basic}")));
}

#[tokio::test]
async fn a_reader_that_is_too_far_behind_takes_the_whole_list() {
    let (issuer, key, guard) = Issuer::with_guard().await;
    assert_eq!(issuer.asked("/revocations/snapshot"), 1);
    issuer.with(|state| {
        state.last += 100;
        state.oldest = state.last;
        let number = state.last;
        state.log.push((number, session("s1")));
    });
    let token = issuer.token(&key, "s1");
    until_refused(&guard, &token).await;
    assert_eq!(issuer.asked("/revocations/snapshot"), 2);
}

#[tokio::test]
async fn a_part_of_what_is_new_proves_nothing_and_the_rest_is_asked_for_at_once() {
    let (issuer, key, guard) = Issuer::with_guard().await;
    until("it polls", || {
        issuer.asked("/revocations?after=0&wait=20") > 0
    })
    .await;
    issuer.with(|state| {
        for number in 1..=100 {
            state.log.push((number, session(&number.to_string())));
        }
        state.last = 100;
    });
    let token = issuer.token(&key, "100");
    until_refused(&guard, &token).await;
    until("the rest is asked for", || {
        issuer.asked("/revocations?after=100&wait=0") == 1
    })
    .await;
    until("it waits again", || {
        issuer.asked("/revocations?after=100&wait=20") == 1
    })
    .await;
}

#[tokio::test]
async fn a_gap_in_the_numbers_has_the_whole_list_taken() {
    let (issuer, key, guard) = Issuer::with_guard().await;
    issuer.with(|state| {
        state.last = 2;
        state.log.push((1, session("s1")));
        let gap = json!({ "issuer": state.issuer, "from": 1, "to": 2, "now": NOW, "entries": [session("s2")] });
        state.first.push((200, gap.to_string()));
    });
    let token = issuer.token(&key, "s1");
    until_refused(&guard, &token).await;
    assert_eq!(issuer.asked("/revocations/snapshot"), 2);
}

#[tokio::test]
async fn an_entry_that_is_not_understood_makes_the_list_no_fresh_one() {
    let (issuer, key) = Issuer::with_key().await;
    issuer.revoke(json!({ "kind": "tenant", "tenant": "t1", "until": NOW + 600 }));
    issuer.revoke(session("s1"));
    let guard = issuer.guard(STRICT).await;
    let token = issuer.token(&key, "s1");
    until_refused(&guard, &token).await;
    let other = issuer.token(&key, "s2");
    assert_eq!(guard.verify(&other), Err(Refused::Stale));
    assert_eq!(guard.age(), None);
    // It goes on hearing all the same.
    issuer.revoke(session("s3"));
    let third = issuer.token(&key, "s3");
    until_refused(&guard, &third).await;
}

#[tokio::test]
async fn an_issuer_that_fails_is_asked_again_and_nothing_of_another_is_believed() {
    let (issuer, key) = Issuer::with_key().await;
    issuer.revoke(session("s1"));
    issuer.with(|state| {
        let other = json!({ "issuer": "https://evil.example", "from": 0, "to": 9, "now": NOW, "entries": [] });
        state.first = vec![
            (500, String::new()),
            (401, "{}".into()),
            (200, "no JSON".into()),
            (200, other.to_string()),
            (410, "{}".into()),
        ];
    });
    let guard = issuer.guard(STRICT).await;
    assert_eq!(guard.verify(&issuer.token(&key, "s2")), Err(Refused::Stale));
    let token = issuer.token(&key, "s1");
    until_refused(&guard, &token).await;
    until_fresh(&guard, &issuer.token(&key, "s2")).await;
    assert_eq!(issuer.asked("/revocations/snapshot"), 6);
}

#[tokio::test]
async fn a_snapshot_may_come_packed() {
    let (issuer, key) = Issuer::with_key().await;
    issuer.with(|state| state.packs = true);
    issuer.revoke(session("s1"));
    let guard = issuer.guard(STRICT).await;
    until_fresh(&guard, &issuer.token(&key, "s2")).await;
    let token = issuer.token(&key, "s1");
    assert_eq!(guard.verify(&token), Err(Refused::Revoked));
    assert_eq!(issuer.asked("/revocations/snapshot"), 1);
}

#[tokio::test]
async fn connecting_waits_for_the_list_and_not_for_ever() {
    let (issuer, key) = Issuer::with_key().await;
    issuer.revoke(session("s1"));
    let connect = || {
        Guard::builder(&issuer.address, SERVICE)
            .clock(|| NOW)
            .staleness(STRICT)
            .service_secret("secret")
    };
    let guard = connect().connect().await.unwrap();
    assert_eq!(
        guard.verify(&issuer.token(&key, "s1")),
        Err(Refused::Revoked)
    );
    assert!(guard.verify(&issuer.token(&key, "s2")).is_ok());

    issuer.with(|state| state.first = vec![(500, String::new()); 100]);
    let began = Instant::now();
    let patience = Duration::from_millis(200);
    let guard = connect().wait_for_list(patience).connect().await.unwrap();
    assert!(began.elapsed() >= patience && began.elapsed() < Duration::from_secs(5));
    assert_eq!(guard.verify(&issuer.token(&key, "s2")), Err(Refused::Stale));
}

/// A service whose keys are given starts though its issuer is down, and asks it for no keys.
#[tokio::test]
async fn a_guard_without_discovery_needs_no_issuer_to_start() {
    let key = SigningKey::generate(Algorithm::ES256, "1").unwrap();
    let of = |staleness| {
        Guard::builder("http://127.0.0.1:1", SERVICE)
            .clock(|| NOW)
            .signers([VerifyingKey::from_jwk(&key.public_jwk()).unwrap()])
            .staleness(staleness)
            .service_secret("secret")
            .without_discovery()
            .wait_for_list(Duration::from_millis(50))
            .connect()
    };
    let claims = Claims {
        iss: "http://127.0.0.1:1".into(),
        ..claims()
    };
    let token = jwt::generate(&claims, &key).unwrap();
    let guard = of(Staleness::Accept).await.unwrap();
    assert_eq!(guard.check(&token).await, Ok(claims.clone()));
    let other = SigningKey::generate(Algorithm::ES256, "2").unwrap();
    let unknown = jwt::generate(&claims, &other).unwrap();
    assert_eq!(guard.check(&unknown).await, Err(Refused::UnknownKey));
    let guard = of(STRICT).await.unwrap();
    assert_eq!(guard.check(&token).await, Err(Refused::Stale));
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_a_minute() {
    let issuer = Issuer::start().await;
    let first = issuer.key("1");
    let guard = issuer.guard(Staleness::Accept).await;
    assert!(guard.check(&issuer.token(&first, "s1")).await.is_ok());
    assert_eq!(issuer.asked("/jwks"), 1);
    let second = issuer.key("2");
    let token = issuer.token(&second, "s1");
    let both = tokio::join!(guard.check(&token), guard.check(&token));
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(issuer.asked("/jwks"), 2, "once for both");
    let third = issuer.key("3");
    for _ in 0..3 {
        let refused = guard.check(&issuer.token(&third, "s1")).await;
        assert_eq!(refused, Err(Refused::UnknownKey));
    }
    assert_eq!(issuer.asked("/jwks"), 2);
}

#[tokio::test]
async fn discovery_must_be_the_issuers_own() {
    let issuer = Issuer::start().await;
    issuer.key("1");
    let connect = |address: String| Guard::builder(address, SERVICE).connect();
    let told = connect("http://id.example".into()).await.unwrap_err();
    assert!(told.to_string().contains("not https"), "{told}");
    issuer.with(|state| state.issuer = "https://other.example".into());
    let told = connect(issuer.address.clone()).await.unwrap_err();
    assert!(told.to_string().contains("another issuer's"), "{told}");
    issuer.with(|state| {
        state.issuer = issuer.address.clone();
        state.keys.clear();
    });
    let told = connect(issuer.address.clone()).await.unwrap_err();
    assert!(told.to_string().contains("no key"), "{told}");
}
