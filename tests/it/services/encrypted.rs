//! Tokens that only their service can read are taken back one by one, and asked about, as all others are.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use exeunt::flows::service_keys::{self, Rotated, Start};
use exeunt::flows::services;
use exeunt::oidc::client::GrantType;
use exeunt::oidc::service::{Service, TokenFormat};
use exeunt_guard::cwt::{self, Nonce};
use exeunt_guard::jwe::{self, DecryptingKey, DirectKey};
use exeunt_guard::{Claims, Expected};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::reader::decode;
use crate::support::eventually;
use crate::support::ledger::{json_error, ledger_with, with_refresh};
use crate::support::provider::{Provider, metadata};
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::service::{Reader, entries};
use crate::support::services::{API, ARCHIVE, service};
use crate::support::visitor::Visitor;

/// What makes a token say something else.
type Change<'a> = &'a dyn Fn(&mut Claims);

/// What the service has to read its tokens with.
enum Key {
    Direct(Box<DirectKey>),
    Compact(Box<cwt::Key>),
    /// Its own, with which nothing is read here: what is inside is another test's.
    Own,
}

/// A service, and how its tokens are made.
struct Api {
    reader: Reader,
    key: Key,
}

/// How tokens can be encrypted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Under keys that are shared.
    Direct,
    /// To a key of the service's own.
    Nested,
    /// Short, and without a name.
    Short,
    /// Short, with all that a token may say.
    Told,
}

const WAYS: [Way; 4] = [Way::Direct, Way::Nested, Way::Short, Way::Told];

fn opened(format: TokenFormat, made: &Rotated) -> Key {
    let [mac, cipher] = [made.key.mac(), made.key.cipher()].map(|key| decode(key.expose_secret()));
    let cipher = &cipher.try_into().unwrap();
    match format {
        TokenFormat::Cwt => {
            let key = cwt::Key::new(made.kid, &mac.try_into().unwrap(), cipher);
            Key::Compact(Box::new(key.unwrap()))
        }
        _ => {
            let mac = &mac.try_into().unwrap();
            let key = DirectKey::new(made.kid.to_string(), mac, cipher);
            Key::Direct(Box::new(key.unwrap()))
        }
    }
}

async fn add(provider: &Provider, way: Way, identifier: &str) -> Api {
    let claims: &[&str] = match way {
        Way::Told => &["client_id", "jti", "grant", "auth_time", "acr"],
        _ => &["name"],
    };
    let format = match way {
        Way::Direct | Way::Nested => TokenFormat::Jwe,
        Way::Short | Way::Told => TokenFormat::Cwt,
    };
    let wanted = Service {
        format,
        claims: claims.iter().map(|&claim| claim.to_owned()).collect(),
        ..service(identifier)
    };
    let private = DecryptingKey::generate_jwk("theirs").unwrap();
    let jwks = [jwe::public_jwk(&private)];
    let jwks = match way {
        Way::Nested => &jwks[..],
        _ => &[],
    };
    let added = services::add(provider.flows(), wanted, jwks).await;
    let added = added.unwrap().unwrap();
    Api {
        key: match &added.key {
            Some(made) => opened(format, made),
            None => Key::Own,
        },
        reader: Reader {
            identifier: identifier.to_owned(),
            secret: added.secret,
            feed: provider.url("/revocations"),
        },
    }
}

/// Ledger, who may do what it likes, and Mallory.
async fn start() -> (Provider, RelyingParty) {
    let everything = |metadata: &mut exeunt::oidc::client::ClientMetadata| {
        with_refresh(metadata);
        metadata.grant_types.push(GrantType::ClientCredentials);
    };
    let mut mallory = metadata("https://mallory.example");
    everything(&mut mallory);
    let wish = ledger_with(everything).await.client("mallory", mallory);
    let provider = wish.manual_clock().start().await;
    let party = RelyingParty::of(&provider, "ledger");
    (provider, party)
}

async fn tokens_in(visitor: &Visitor, party: &RelyingParty, resources: &[&str]) -> Tokens {
    let mut asked = vec![("scope", "openid profile read")];
    asked.extend(resources.iter().map(|&resource| ("resource", resource)));
    let answer = party.sign_in(visitor, &asked).await;
    let code = answer.parameter("code").unwrap();
    let answer = party.redeem(&code, &[("resource", resources[0])]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens { all: answer.json() }
}

async fn tokens(party: &RelyingParty) -> Tokens {
    tokens_in(&Visitor::default(), party, &[API]).await
}

async fn refreshed(party: &RelyingParty, tokens: &Tokens, resource: &str) -> Tokens {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.get("refresh_token")),
        ("resource", resource),
    ];
    let answer = party.token(&fields).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Tokens { all: answer.json() }
}

impl Api {
    /// What the service is told of a token, which its client is told as well.
    async fn told(&self, provider: &Provider, party: &RelyingParty, token: &str) -> Value {
        let told = self.reader.introspect(provider, token).await;
        assert_eq!(told.status, 200);
        assert_eq!(party.introspect(token, &[]).await.json(), told.json());
        told.json()
    }

    async fn is_good(&self, provider: &Provider, party: &RelyingParty, token: &str) -> bool {
        let told = self.told(provider, party, token).await;
        if told["active"] != true {
            assert_eq!(told, json!({ "active": false }));
        }
        told["active"] == true
    }

    /// What the token says, to whom can read it.
    fn read(&self, provider: &Provider, token: &str) -> Claims {
        use exeunt::clock::Clock as _;
        let now = provider.clock.as_ref().unwrap().now().timestamp();
        let expected = Expected::new(&provider.issuer, &self.reader.identifier);
        match &self.key {
            Key::Direct(key) => {
                jwe::parse_direct(token, std::slice::from_ref(&**key), &expected, now).unwrap()
            }
            Key::Compact(key) => {
                cwt::parse(token, std::slice::from_ref(&**key), &expected, now).unwrap()
            }
            Key::Own => panic!("its signature is another test's"),
        }
    }

    /// A token that the service made by itself.
    fn forge(&self, claims: &Claims) -> String {
        match &self.key {
            Key::Direct(key) => jwe::generate_direct(claims, key, [7; 16]).unwrap(),
            Key::Compact(key) => cwt::generate(claims, key, Nonce::from_random([7; 12])).unwrap(),
            Key::Own => panic!("it can't"),
        }
    }

    /// The entries for single tokens that the service has heard.
    async fn named_tokens(&self) -> Vec<Value> {
        let all = entries(&self.reader.snapshot().await);
        let single = all.into_iter().filter(|entry| entry["kind"] == "token");
        single.collect()
    }
}

/// P1, P3, attack 47: of every format, that token alone, and not at another's word.
#[actix_web::test]
async fn p3_an_encrypted_token_that_was_revoked_is_good_nowhere_and_never_again() {
    for way in WAYS {
        let (provider, party) = start().await;
        let api = add(&provider, way, API).await;
        let first = tokens(&party).await;
        let token = first.get("access_token");
        let told = api.told(&provider, &party, &token).await;
        assert_eq!(told["active"], true, "{way:?}: {told}");
        let id = first.id_claims(&provider.issuer).await;
        for (name, value) in [
            ("iss", json!(provider.issuer)),
            ("aud", json!(API)),
            ("sub", id["sub"].clone()),
            ("sid", id["sid"].clone()),
            ("client_id", json!("ledger")),
            ("scope", json!("read")),
            ("token_type", json!("Bearer")),
        ] {
            assert_eq!(told[name], value, "{way:?}: {name}");
        }
        let [issued, expires] = ["iat", "exp"].map(|name| told[name].as_i64().unwrap());
        assert_eq!(expires - issued, 300);
        // Attack 29: it is another client's.
        let mallory = RelyingParty::of(&provider, "mallory");
        assert_eq!(mallory.revoke(&token, &[]).await.status, 200);
        let there = mallory.introspect(&token, &[]).await.json();
        assert_eq!(there, json!({ "active": false }));
        assert!(api.is_good(&provider, &party, &token).await);

        let second = refreshed(&party, &first, API).await.get("access_token");
        for hint in ["access_token", "refresh_token"] {
            let answer = party.revoke(&token, &[("token_type_hint", hint)]).await;
            assert_eq!(
                (answer.status.as_u16(), &*answer.body),
                (200, ""),
                "{way:?}"
            );
            assert!(!api.is_good(&provider, &party, &token).await, "{way:?}");
        }
        assert!(api.is_good(&provider, &party, &second).await, "{way:?}");
        let heard = eventually(async || api.named_tokens().await.pop())
            .await
            .unwrap();
        let hash = digest::digest(&digest::SHA256, token.as_bytes());
        let hash = URL_SAFE_NO_PAD.encode(hash);
        match way {
            Way::Short => assert_eq!(heard["hash"], hash),
            Way::Nested => assert_eq!(heard["jti"], told["jti"]),
            _ => assert_eq!(heard["jti"], json!(api.read(&provider, &token).jti)),
        }
        assert_eq!(heard.get("jti").is_some(), way != Way::Short);
        assert!(heard["until"].as_i64().unwrap() >= expires);

        let provider = provider.restart(|_| {}).await;
        let party = RelyingParty::of(&provider, "ledger");
        assert!(!api.is_good(&provider, &party, &token).await, "{way:?}");
        assert!(api.is_good(&provider, &party, &second).await, "{way:?}");
        provider.advance(TimeDelta::seconds(300));
        assert!(!api.is_good(&provider, &party, &second).await, "expired");
        provider.stop().await;
    }
}

/// Attack 43: what ends with its session ends in every format.
#[actix_web::test]
async fn an_encrypted_token_ends_with_its_session_and_a_clients_own_with_its_client() {
    for way in WAYS {
        let (provider, party) = start().await;
        let api = add(&provider, way, API).await;
        let ada = Visitor::default();
        let tokens = tokens_in(&ada, &party, &[API]).await;
        let token = tokens.get("access_token");
        let own = [("grant_type", "client_credentials"), ("resource", API)];
        let own = Tokens {
            all: party.token(&own).await.json(),
        };
        let own = own.get("access_token");
        let told = api.told(&provider, &party, &own).await;
        assert_eq!(told["sub"], "ledger", "{way:?}: {told}");
        let hint = tokens.get("id_token");
        ada.get(&party.end_session_url(&[("id_token_hint", &hint)]))
            .await;
        assert!(!api.is_good(&provider, &party, &token).await, "{way:?}");
        assert!(api.is_good(&provider, &party, &own).await, "{way:?}");
        // It is not said twice, and what is over is no error.
        assert_eq!(party.revoke(&token, &[]).await.status, 200);
        assert_eq!(party.revoke(&own, &[]).await.status, 200);
        assert!(!api.is_good(&provider, &party, &own).await, "{way:?}");
        assert_eq!(party.userinfo(&token).await.status, 401);
        provider.stop().await;
    }
}

/// A revoked refresh token takes along what its grant gave, also what does not name the grant.
#[actix_web::test]
async fn an_encrypted_token_ends_with_the_grant_that_it_came_of() {
    for way in WAYS {
        let (provider, party) = start().await;
        let api = add(&provider, way, API).await;
        let ada = Visitor::default();
        let tokens = tokens_in(&ada, &party, &[API]).await;
        let token = tokens.get("access_token");
        assert!(api.is_good(&provider, &party, &token).await);
        let refresh_token = tokens.get("refresh_token");
        assert_eq!(party.revoke(&refresh_token, &[]).await.status, 200);
        assert!(!api.is_good(&provider, &party, &token).await, "{way:?}");
        let again = tokens_in(&ada, &party, &[API]).await;
        let again = again.get("access_token");
        assert!(api.is_good(&provider, &party, &again).await, "{way:?}");
        provider.stop().await;
    }
}

/// The first key of every service has the same name.
#[actix_web::test]
async fn of_several_services_whose_keys_have_one_name_the_right_one_is_found() {
    for way in [Way::Direct, Way::Short] {
        let (provider, party) = start().await;
        let (api, archive) = (
            add(&provider, way, API).await,
            add(&provider, way, ARCHIVE).await,
        );
        let here = tokens_in(&Visitor::default(), &party, &[API, ARCHIVE]).await;
        let there = refreshed(&party, &here, ARCHIVE).await.get("access_token");
        let here = here.get("access_token");
        assert!(archive.is_good(&provider, &party, &there).await);
        // A service hears of its own tokens alone.
        let told = archive.reader.introspect(&provider, &here).await.json();
        assert_eq!(told, json!({ "active": false }));
        assert_eq!(party.revoke(&there, &[]).await.status, 200);
        assert!(!archive.is_good(&provider, &party, &there).await);
        assert!(api.is_good(&provider, &party, &here).await);
        assert!(
            eventually(async || archive.named_tokens().await.pop())
                .await
                .is_some()
        );
        assert_eq!(api.named_tokens().await, [json!(null); 0]);
        provider.stop().await;
    }
}

/// A service that shares a key with us can make tokens. They say nothing here that our own facts don't, and take nothing
/// back that is another's. Attack 29: revocation of what is not one's own.
#[actix_web::test]
async fn what_a_service_made_by_itself_is_believed_as_far_as_it_is_true_and_harms_nobody_else() {
    for way in [Way::Direct, Way::Told] {
        let (provider, party) = start().await;
        let api = add(&provider, way, API).await;
        let archive = add(&provider, way, ARCHIVE).await;
        let tokens = tokens_in(&Visitor::default(), &party, &[API, ARCHIVE]).await;
        let there = refreshed(&party, &tokens, ARCHIVE)
            .await
            .get("access_token");
        let true_claims = api.read(&provider, &tokens.get("access_token"));
        let mallory = RelyingParty::of(&provider, "mallory");
        let others = tokens_in(&Visitor::default(), &mallory, &[API]).await;
        let others = api.read(&provider, &others.get("access_token"));

        let untrue: [(&str, Change<'_>); 8] = [
            ("sub", &|claims| claims.sub = uuid::Uuid::nil().to_string()),
            ("client", &|claims| {
                claims.client_id = Some("mallory".into())
            }),
            ("grant", &|claims| claims.grant = others.grant.clone()),
            ("no grant", &|claims| {
                claims.grant = Some(uuid::Uuid::nil().to_string())
            }),
            ("a grant", &|claims| claims.grant = Some("grant".into())),
            ("sid", &|claims| claims.sid = others.sid.clone()),
            ("no sid", &|claims| {
                claims.sid = Some(uuid::Uuid::nil().to_string())
            }),
            ("neither", &|claims| {
                (claims.sid, claims.grant) = (None, None)
            }),
        ];
        for (what, change) in untrue {
            let mut claims = true_claims.clone();
            change(&mut claims);
            let forged = api.forge(&claims);
            let told = api.reader.introspect(&provider, &forged).await.json();
            assert_eq!(told, json!({ "active": false }), "{way:?}: {what}");
            assert_eq!(mallory.revoke(&forged, &[]).await.status, 200);
        }
        let same = api.forge(&true_claims);
        assert!(api.is_good(&provider, &party, &same).await);

        // The name of another service's token, in one of Mallory's own: it is that service's alone.
        let forged = api.forge(&Claims {
            jti: archive.read(&provider, &there).jti,
            ..others.clone()
        });
        assert_eq!(mallory.revoke(&forged, &[]).await.status, 200);
        assert!(!api.is_good(&provider, &mallory, &forged).await);
        assert!(archive.is_good(&provider, &party, &there).await);
        assert!(
            eventually(async || api.named_tokens().await.pop())
                .await
                .is_some()
        );
        assert_eq!(archive.named_tokens().await, [json!(null); 0]);
        // One that says it never expires is named for as long as tokens live here, ten minutes, and a minute of slack.
        let endless = api.forge(&Claims {
            exp: others.exp + 365 * 24 * 60 * 60,
            ..others.clone()
        });
        assert_eq!(mallory.revoke(&endless, &[]).await.status, 200);
        let both = eventually(async || {
            let named = api.named_tokens().await;
            (named.len() == 2).then_some(named)
        });
        for named in both.await.unwrap() {
            let until = named["until"].as_i64().unwrap();
            assert!(
                (others.exp..=others.iat + 12 * 60).contains(&until),
                "{named}"
            );
        }
        // Nor do we serve what anybody but us could have made.
        assert_eq!(party.userinfo(&same).await.status, 401);
        provider.stop().await;
    }
}

/// A token to a service's own key has for us what we sealed into its header: who alters that has another token.
#[actix_web::test]
async fn a_token_is_known_by_our_own_words_in_its_header_and_by_no_others() {
    let (provider, party) = start().await;
    let api = add(&provider, Way::Nested, API).await;
    let token = tokens(&party).await.get("access_token");
    let (protected, rest) = token.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decode(protected)).unwrap();
    let reference = header["ref"].as_str().unwrap();
    for name in ["alg", "enc", "cty", "kid", "epk"] {
        assert!(header.get(name).is_some(), "{name}");
    }
    let with = |reference: Value| {
        let mut header = header.clone();
        header["ref"] = reference;
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
    };
    let other = match reference.strip_suffix('A') {
        Some(begin) => format!("{begin}Q"),
        None => format!("{}A", &reference[..reference.len() - 1]),
    };
    for unknown in [
        json!(other),
        json!(""),
        json!("a b"),
        json!(&reference[1..]),
    ] {
        let altered = with(unknown.clone());
        assert!(!api.is_good(&provider, &party, &altered).await, "{unknown}");
        assert_eq!(party.revoke(&altered, &[]).await.status, 200, "{unknown}");
    }
    // Nobody is told that a token was taken back of which it can't be said what it is.
    for without in [json!(null), json!(7)] {
        let answer = party.revoke(&with(without), &[]).await;
        assert_eq!(answer.status, 400);
        assert_eq!(json_error(&answer), "unsupported_token_type");
    }
    assert!(api.is_good(&provider, &party, &token).await);
    // With our words in its header it is no more than the token that these are from.
    let made = with(json!(reference)).replace(rest, ".aXY.dGV4dA.dGFn");
    assert_eq!(party.revoke(&made, &[]).await.status, 200);
    assert!(!api.is_good(&provider, &party, &token).await);
    provider.stop().await;
}

/// P3, attack 36: keys that change leave no token behind that nobody could take back.
#[actix_web::test]
async fn p3_a_token_under_a_key_that_has_retired_is_known_as_long_as_it_lives() {
    for way in [Way::Direct, Way::Short] {
        let (provider, party) = start().await;
        let api = add(&provider, way, API).await;
        let rotate = async |start| {
            let made = service_keys::rotate(provider.flows(), API, start).await;
            made.unwrap().unwrap()
        };
        let tokens = tokens(&party).await;
        let (first, second) = (
            tokens.get("access_token"),
            refreshed(&party, &tokens, API).await.get("access_token"),
        );
        // The service's tokens were good for longer, before.
        provider.sql("UPDATE service_keys SET retire_at = 1").await;
        rotate(Start::Later(TimeDelta::zero())).await;
        assert!(api.is_good(&provider, &party, &first).await, "{way:?}");
        assert_eq!(party.revoke(&first, &[]).await.status, 200);
        assert!(!api.is_good(&provider, &party, &first).await, "{way:?}");
        assert!(
            eventually(async || api.named_tokens().await.pop())
                .await
                .is_some()
        );
        assert!(api.is_good(&provider, &party, &second).await, "{way:?}");
        // What somebody else knows proves nothing from then on.
        rotate(Start::Now).await;
        assert!(!api.is_good(&provider, &party, &second).await, "{way:?}");
        assert_eq!(party.revoke(&second, &[]).await.status, 200);
        provider.stop().await;
    }
}

/// Attack 42 (CVE-2020-15223): a database that fails, and a token that is said to be taken back.
#[actix_web::test]
async fn what_could_not_be_written_is_not_said_to_be_taken_back() {
    for way in WAYS {
        let (provider, party) = start().await;
        let api = add(&provider, way, API).await;
        let token = tokens(&party).await.get("access_token");
        provider
            .sql("ALTER TABLE revocations RENAME TO elsewhere")
            .await;
        assert_eq!(party.revoke(&token, &[]).await.status, 503, "{way:?}");
        provider
            .sql("ALTER TABLE elsewhere RENAME TO revocations")
            .await;
        assert!(api.is_good(&provider, &party, &token).await, "{way:?}");
        provider.stop().await;
    }
}

/// P3, attack 49: the history that was lost made tokens under keys that the service still has. Nothing that is left of it knows
/// their sessions, their grants or even their keys; they are dead all the same, to the last second.
#[actix_web::test]
async fn p3_what_a_lost_history_issued_under_shared_keys_stays_dead_when_a_copy_is_put_back() {
    for way in WAYS {
        let (provider, party) = start().await;
        let api = add(&provider, way, API).await;
        let token = tokens(&party).await.get("access_token");
        let fields = [("grant_type", "client_credentials"), ("resource", API)];
        let own = Tokens {
            all: party.token(&fields).await.json(),
        };
        let own = own.get("access_token");
        let told = api.told(&provider, &party, &token).await;
        let issued = told["iat"].as_i64().unwrap();
        // The copy is from before all of it.
        for table in [
            "refresh_tokens",
            "authorization_codes",
            "participants",
            "grants",
            "sessions",
        ] {
            provider.sql(&format!("DELETE FROM {table}")).await;
        }
        if way != Way::Nested {
            provider.sql("DELETE FROM service_keys").await;
        }
        let provider = provider.restored().await;
        let party = RelyingParty::of(&provider, "ledger");
        for token in [&token, &own] {
            assert!(!api.is_good(&provider, &party, token).await, "{way:?}");
            assert_eq!(party.revoke(token, &[]).await.status, 200);
            assert_eq!(party.userinfo(token).await.status, 401);
        }
        let heard = eventually(async || {
            let heard = entries(&api.reader.snapshot().await);
            heard.into_iter().find(|entry| entry["kind"] == "all")
        });
        let heard = heard.await.expect("everything is taken back");
        assert!(heard["before"].as_i64().unwrap() > issued, "{way:?}");
        assert!(heard["until"].as_i64() >= told["exp"].as_i64());
        // And what comes after it is good.
        if way != Way::Nested {
            let made = service_keys::rotate(provider.flows(), API, Start::Now).await;
            assert!(made.unwrap().is_ok());
        }
        let next = tokens(&party).await.get("access_token");
        assert!(api.is_good(&provider, &party, &next).await, "{way:?}");
        assert!(heard["before"].as_i64().unwrap() <= issued + 1);
        provider.stop().await;
    }
}

/// What nobody can use is not kept: a key when no token under it can live, and only then its name is free.
#[actix_web::test]
async fn a_retired_key_is_forgotten_when_no_token_under_it_can_live() {
    let (provider, party) = start().await;
    let api = add(&provider, Way::Short, API).await;
    let flows = provider.flows();
    let rotate = async |start| {
        let made = service_keys::rotate(flows, API, start).await;
        made.unwrap().unwrap_or_else(|why| panic!("{why:?}")).kid
    };
    let kids = async || {
        let kept = exeunt::store::service_keys::list(flows.database.read(), API).await;
        let kids = kept.unwrap().into_iter().map(|key| key.kid);
        kids.collect::<Vec<_>>()
    };
    let token = tokens(&party).await.get("access_token");
    provider.advance(TimeDelta::seconds(1));
    assert_eq!(rotate(Start::Later(TimeDelta::zero())).await, 2);
    // Sweeps come every five minutes. The longest that any token lives are ten, and the old key retires after six.
    for _ in 0..3 {
        provider.advance(TimeDelta::minutes(5));
    }
    assert_eq!(kids().await, ["1", "2"]);
    assert!(!api.is_good(&provider, &party, &token).await, "expired");
    let gone = eventually(async || {
        provider.advance(TimeDelta::minutes(5));
        (kids().await == ["2"]).then_some(())
    });
    assert!(gone.await.is_some());
    // The name of the newest is never free, though it was given up.
    assert_eq!(rotate(Start::Now).await, 3);
    assert_eq!(rotate(Start::Now).await, 4);
    provider.stop().await;
}

/// Attacks 30 and 32, and what is neither: one format's token in another's clothes, cut short, flipped, put together from two.
/// Nothing of it is good, nothing takes anything back, and nothing is too much for us.
#[actix_web::test]
async fn no_token_passes_for_one_of_another_format_whole_or_in_pieces() {
    let (provider, party) = start().await;
    let identifiers = [
        "https://a.example/",
        "https://b.example/",
        "https://c.example/",
    ];
    let mut known = Vec::new();
    for (way, identifier) in [Way::Direct, Way::Nested, Way::Short]
        .into_iter()
        .zip(identifiers)
    {
        let api = add(&provider, way, identifier).await;
        let tokens = tokens_in(&Visitor::default(), &party, &[identifier]).await;
        known.push((api, tokens));
    }
    let (signed, id_token) = {
        let tokens = party.tokens(&Visitor::default(), &[]).await;
        (tokens.get("access_token"), tokens.get("id_token"))
    };
    let mut good: Vec<String> = Vec::new();
    for (_, tokens) in &known {
        good.push(tokens.get("access_token"));
    }
    good.push(signed);
    let mut hostile = vec![id_token, String::new(), ".".repeat(4), ".".repeat(20_000)];
    for token in &good {
        let middle = token.len() / 2;
        for length in [1, middle, token.len() - 1] {
            hostile.push(token[..length].to_owned());
        }
        for place in [0, 9, middle, token.len() - 2] {
            let flipped = if &token[place..=place] == "A" {
                "B"
            } else {
                "A"
            };
            hostile.push(format!(
                "{}{flipped}{}",
                &token[..place],
                &token[place + 1..]
            ));
        }
        hostile.extend([
            format!("{token}="),
            format!("{token}."),
            format!(".{token}"),
        ]);
        for other in &good {
            let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
            let (ours, theirs) = (parts(token), parts(other));
            hostile.push(format!("{token}.{other}"));
            if other != token {
                // The header of the one before all else of the other.
                let rest = &theirs[1.min(theirs.len() - 1)..];
                hostile.push([&ours[..1], rest].concat().join("."));
                hostile.push(
                    [&ours[..ours.len() - 1], &theirs[theirs.len() - 1..]]
                        .concat()
                        .join("."),
                );
            }
        }
    }
    // With the header that we wrote into it, what is to a service's own key is that token, whatever is behind it.
    let (own, _) = good[1].split_once('.').unwrap();
    hostile.retain(|token| !(token.starts_with(own) && token.matches('.').count() == 4));
    hostile.retain(|token| !good.contains(token));
    for token in &hostile {
        for (api, _) in &known {
            let told = api.reader.introspect(&provider, token).await;
            match token.is_empty() {
                true => assert_eq!(told.status, 400),
                false => assert_eq!(told.json(), json!({ "active": false }), "{token}"),
            }
        }
        let answer = party.revoke(token, &[]).await;
        assert!(
            [200, 400].contains(&answer.status.as_u16()),
            "{token}: {answer:?}"
        );
        assert_ne!(party.userinfo(token).await.status, 200, "{token}");
    }
    for ((api, _), token) in known.iter().zip(&good) {
        assert!(api.is_good(&provider, &party, token).await);
        assert_eq!(api.named_tokens().await, [json!(null); 0]);
    }
    assert_eq!(party.userinfo(&good[3]).await.status, 200);
    provider.stop().await;
}
