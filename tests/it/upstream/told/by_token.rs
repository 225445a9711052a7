//! The logout token, and everything that can be wrong with it.

use exeunt::oidc::logout::Cause;
use serde_json::{Value, json};

use super::{Stage, assert_refused};
use crate::support::admin::metrics;
use crate::support::client_key::{ClientKey, sign_with_secret, unsigned};
use crate::support::elsewhere::EVENT;
use crate::support::provider::SECRET;
use crate::support::visitor::{Answer, Visitor};

const ADA: (&str, &str) = ("ada-there", "session-there");

/// P1, P2, attack 62: the answer comes once the session is over, and our applications hear of it.
#[actix_web::test]
async fn who_signs_out_there_is_signed_out_here_and_the_applications_hear_of_it() {
    let stage = Stage::set().await;
    let (scene, ledger) = (&stage.scene, &stage.scene.applications[0]);
    let ada = Visitor::default();
    let tokens = stage.sign_in(&ada, ADA).await;
    let sid = tokens.sid(&scene.provider.issuer).await;
    assert!(stage.is_in(&ada).await);
    let token = stage.house.sign(&stage.claims(ADA, "j1"));
    let answer = stage.house.tell(&scene.provider, &token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    for header in ["set-cookie", "access-control-allow-origin"] {
        assert_eq!(answer.header(header), "", "{header}");
    }
    assert!(!stage.is_in(&ada).await);
    let access = tokens.get("access_token");
    assert_eq!(ledger.userinfo(&access).await.status, 401);
    let told = ledger.told_of(&sid, &scene.provider.issuer).await;
    assert_eq!(told["events"], json!({ EVENT: {} }));
    assert_eq!(scene.delivery(&sid).await.cause, Cause::Upstream);
    let metrics = scene.provider.flows().metrics.render().unwrap();
    for line in [
        r#"exeunt_upstream_logouts_total{upstream="house",result="ended"} 1"#,
        r#"exeunt_sessions_ended_total{cause="upstream"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    stage.close().await;
}

/// Whoever watches counts sees the first one: it is no new series.
#[actix_web::test]
async fn counts_of_what_a_house_says_begin_at_nothing() {
    let stage = Stage::with(|wish| wish.manual_clock().with_admin()).await;
    let provider = &stage.scene.provider;
    let told = |count: u8| {
        let all = ["ended", "nobody", "refused", "unprovable"];
        all.map(|result| {
            let count = if result == "ended" { count } else { 0 };
            format!(
                r#"exeunt_upstream_logouts_total{{upstream="house",result="{result}"}} {count}"#
            )
        })
    };
    let shown = metrics(provider).await;
    for line in told(0) {
        assert!(shown.contains(&line), "{line}\n{shown}");
    }
    stage.sign_in(&Visitor::default(), ADA).await;
    assert_eq!(stage.tell_of(&[("sid", ADA.1)], "j1").await.status, 200);
    let shown = metrics(provider).await;
    for line in told(1) {
        assert!(shown.contains(&line), "{line}\n{shown}");
    }
    stage.close().await;
}

/// §2.4: `sub` or `sid` is enough, `typ` is recommended, other events may stand beside, and `aud` may be a list of one.
#[actix_web::test]
async fn what_the_specification_leaves_open_is_taken() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let key = &stage.house.key;
    let without = |name: &str| {
        let mut claims = stage.claims(ADA, name);
        claims.as_object_mut().unwrap().remove(name);
        claims
    };
    let with = |name: &str, value: Value| {
        let mut claims = stage.claims(ADA, &value.to_string());
        claims[name] = value;
        claims
    };
    let sound = stage.house.logout_header();
    let now = provider.flows().clock.now().timestamp();
    for (number, (header, claims)) in [
        (sound.clone(), without("sub")),
        (sound.clone(), without("sid")),
        (sound.clone(), with("aud", json!(["exeunt"]))),
        (
            sound.clone(),
            with("events", json!({ EVENT: {}, "urn:x": 1 })),
        ),
        (sound.clone(), with("iat", (now - 600).into())),
        (sound.clone(), with("iat", (now + 30).into())),
        (sound.clone(), with("exp", (now - 29).into())),
        (sound, with("trace_id", "t".into())),
        (key.header(), with("typ", 0.into())),
        (json!({ "alg": "ES256" }), with("typ", 1.into())),
        (
            json!({ "alg": "ES256", "kid": "k1", "typ": "JWT" }),
            with("typ", 2.into()),
        ),
        (
            json!({ "alg": "ES256", "kid": "k1", "typ": "application/Logout+JWT" }),
            with("typ", 3.into()),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let ada = Visitor::default();
        // Each time another session there: one that has ended never comes back.
        let sid = format!("s-{number}");
        stage.sign_in(&ada, ("ada-there", &sid)).await;
        let mut claims = claims;
        if claims.get("sid").is_some() {
            claims["sid"] = sid.clone().into();
        }
        let answer = stage
            .house
            .tell(provider, &key.sign(&header, &claims))
            .await;
        assert_eq!(answer.status, 200, "{header} {claims}: {answer:?}");
        assert!(!stage.is_in(&ada).await, "{header} {claims}");
        provider.advance(chrono::TimeDelta::milliseconds(1));
    }
    stage.close().await;
}

/// Attack 62, attack 31: each check of §2.6 broken alone. Nothing ends, and the refusal quotes nothing.
#[actix_web::test]
async fn a_logout_token_with_anything_wrong_with_it_ends_nothing() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let ada = Visitor::default();
    stage.sign_in(&ada, ADA).await;
    let now = provider.flows().clock.now().timestamp();
    let issuer = stage.house.issuer();
    let set = |name: &str, value: Value| (name.to_owned(), Some(value));
    let no = |name: &str| (name.to_owned(), None);
    let long = "x".repeat(256);
    for (name, value) in [
        set("iss", "https://marker.example".into()),
        set("iss", format!("{issuer}/").into()),
        set("iss", json!([issuer])),
        no("iss"),
        set("aud", "marker".into()),
        set("aud", json!(["exeunt", "marker"])),
        set("aud", json!([])),
        set("aud", json!({ "exeunt": true })),
        no("aud"),
        set("iat", (now - 631).into()),
        set("iat", (now + 31).into()),
        set("iat", now.to_string().into()),
        no("iat"),
        set("exp", (now - 31).into()),
        set("exp", (now + 120).to_string().into()),
        set("exp", Value::Null),
        no("exp"),
        set("events", json!({})),
        set("events", json!({ "urn:marker": {} })),
        set("events", json!({ EVENT: "marker" })),
        set("events", json!({ EVENT: null })),
        set("events", json!({ EVENT: [] })),
        set("events", json!([EVENT])),
        set("events", EVENT.into()),
        no("events"),
        set("nonce", "marker".into()),
        set("nonce", Value::Null),
        set("jti", 7.into()),
        set("jti", "".into()),
        set("jti", long.clone().into()),
        no("jti"),
        set("sub", json!(["ada-there"])),
        set("sub", "".into()),
        set("sub", "ada-there\0".into()),
        set("sub", long.clone().into()),
        set("sub", Value::Null),
        set("sid", 7.into()),
        set("sid", "".into()),
        set("sid", long.into()),
        set("padding", "x".repeat(16 * 1024).into()),
    ] {
        let mut claims = stage.claims(ADA, "broken");
        let object = claims.as_object_mut().unwrap();
        let what = format!("{name} {value:.40?}");
        match value {
            Some(value) => object.insert(name, value),
            None => object.remove(&name),
        };
        let answer = stage.house.tell(provider, &stage.house.sign(&claims)).await;
        assert_refused(&answer, &what);
    }
    let mut nobody = stage.claims(ADA, "broken");
    for name in ["sub", "sid"] {
        nobody.as_object_mut().unwrap().remove(name);
    }
    assert_refused(
        &stage.house.tell(provider, &stage.house.sign(&nobody)).await,
        "neither sub nor sid",
    );
    assert!(stage.is_in(&ada).await);
    // Not even the name that all of them had is used up.
    let sound = stage.house.sign(&stage.claims(ADA, "broken"));
    assert_eq!(stage.house.tell(provider, &sound).await.status, 200);
    assert!(!stage.is_in(&ada).await);
    stage.close().await;
}

/// Attacks 6, 30, 32, 62: headers and texts that mean something else to other readers, and other kinds of tokens.
#[actix_web::test]
async fn what_is_no_logout_token_ends_nothing() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let ada = Visitor::default();
    stage.sign_in(&ada, ADA).await;
    let (key, claims) = (&stage.house.key, stage.claims(ADA, "broken"));
    let header = |name: &str, value: Value| {
        let mut header = stage.house.logout_header();
        header[name] = value;
        key.sign(&header, &claims)
    };
    let id_token = {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove("events");
        key.sign(&key.header(), &claims)
    };
    let text = claims.to_string();
    let twice = text.replacen('{', r#"{"sub":"marker","#, 1);
    let sound_header = stage.house.logout_header().to_string();
    let twice_in_header = sound_header.replacen('{', r#"{"alg":"none","#, 1);
    let sound = stage.house.sign(&claims);
    let (message, signature) = sound.rsplit_once('.').unwrap();
    for (what, token) in [
        ("at+jwt", header("typ", "at+jwt".into())),
        ("secevent+jwt", header("typ", "secevent+jwt".into())),
        ("a typ that is no text", header("typ", 7.into())),
        ("crit", header("crit", json!(["marker"]))),
        ("b64", header("b64", false.into())),
        ("jwk", header("jwk", key.jwk())),
        ("jku", header("jku", "https://marker.example".into())),
        ("a kid that is no text", header("kid", 1.into())),
        ("alg none", unsigned(&claims)),
        ("another alg", header("alg", "RS256".into())),
        ("alg HS256", header("alg", "HS256".into())),
        (
            "HS256 under our secret",
            sign_with_secret("HS256", SECRET.as_bytes(), &claims),
        ),
        (
            "HS256 under the public key",
            sign_with_secret("HS256", key.jwk().to_string().as_bytes(), &claims),
        ),
        ("an ID token", id_token),
        ("a member twice", key.sign_text(&sound_header, &twice)),
        (
            "a member of the header twice",
            key.sign_text(&twice_in_header, &text),
        ),
        ("no JSON", key.sign_text(&sound_header, "marker")),
        ("no object", key.sign_text(&sound_header, "[]")),
        ("no signature", format!("{message}.")),
        ("too few parts", message.to_owned()),
        (
            "too many parts",
            format!("{message}.{signature}.{signature}"),
        ),
        ("a JWE", format!("{message}.a.b.{signature}")),
        ("no base64", format!("{message}.{signature}=")),
        ("nothing", ".".to_owned()),
        ("a word", "marker".to_owned()),
    ] {
        // So long after the last look at the keys that there may be another.
        provider.advance(chrono::TimeDelta::milliseconds(1));
        let answer = told_twice(&stage, &token).await;
        assert_refused(&answer, what);
    }
    assert!(stage.is_in(&ada).await);
    stage.close().await;
}

/// Attack 62: what somebody else has signed, under whatever name.
#[actix_web::test]
async fn what_the_other_provider_did_not_sign_ends_nothing() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let ada = Visitor::default();
    stage.sign_in(&ada, ADA).await;
    let claims = stage.claims(ADA, "broken");
    for key in [ClientKey::generate(), ClientKey::called("marker")] {
        let header = json!({ "alg": "ES256", "typ": "logout+jwt", "kid": key.kid });
        let answer = told_twice(&stage, &key.sign(&header, &claims)).await;
        assert_refused(&answer, key.kid);
        let header = json!({ "alg": "ES256", "typ": "logout+jwt" });
        let answer = told_twice(&stage, &key.sign(&header, &claims)).await;
        assert_refused(&answer, "without a name");
    }
    // Of one token the signature, of another the claims.
    let sound = stage.house.sign(&claims);
    let other = stage.house.sign(&stage.claims(("grace-there", "s"), "j"));
    let (_, signature) = sound.rsplit_once('.').unwrap();
    let (message, _) = other.rsplit_once('.').unwrap();
    let mixed = format!("{message}.{signature}");
    assert_refused(&told_twice(&stage, &mixed).await, "a mixture");
    assert!(stage.is_in(&ada).await);
    assert_eq!(stage.house.tell(provider, &sound).await.status, 200);
    stage.close().await;
}

/// A token under a key that may be newer than those that we have is asked for again, until newer ones were looked at.
async fn told_twice(stage: &Stage, token: &str) -> Answer {
    let provider = &stage.scene.provider;
    let answer = stage.house.tell(provider, token).await;
    if answer.status != 503 {
        return answer;
    }
    assert_ne!(answer.header("retry-after"), "");
    provider.advance(chrono::TimeDelta::seconds(61));
    stage.house.tell(provider, token).await
}

/// Attacks 6, 21, 96: only a form is read, and only what is in its body.
#[actix_web::test]
async fn a_logout_token_comes_by_a_form_and_in_no_other_way() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let ada = Visitor::default();
    stage.sign_in(&ada, ADA).await;
    let token = stage.house.sign(&stage.claims(ADA, "j1"));
    let url = provider.url("/upstreams/house/backchannel_logout");
    let fields = [("logout_token", token.as_str())];
    let server = Visitor::default();
    let client = server.client();
    let query = format!("{url}?logout_token={token}");
    for (what, request) in [
        (
            "JSON",
            client.post(&url).json(&json!({ "logout_token": token })),
        ),
        (
            "text",
            client.post(&url).body(format!("logout_token={token}")),
        ),
        (
            "nothing",
            client.post(&url).form(&[("other", token.as_str())]),
        ),
        ("twice", client.post(&url).form(&[fields[0], fields[0]])),
        ("a query", client.post(&query).form(&fields)),
    ] {
        assert_refused(&server.send(&url, request).await, what);
    }
    for (what, request, status) in [
        ("GET", client.get(&query), 405),
        ("HEAD", client.head(&query), 405),
        (
            "too long",
            client
                .post(&url)
                .form(&[("logout_token", "x".repeat(70_000))]),
            413,
        ),
    ] {
        assert_eq!(server.send(&url, request).await.status, status, "{what}");
    }
    let nowhere = provider.url("/upstreams/stable/backchannel_logout");
    let answer = server
        .send(&nowhere, client.post(&nowhere).form(&fields))
        .await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"], "invalid_request");
    assert!(stage.is_in(&ada).await);
    stage.close().await;
}
