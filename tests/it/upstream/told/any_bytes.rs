//! Whatever comes in where other providers tell us of sign-outs: what they did not sign ends nothing and breaks nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::Stage;
use crate::support::visitor::Visitor;

/// As many as take a few seconds.
const REQUESTS: usize = 200;
const ADA: (&str, &str) = ("ada-there", "session-there");

/// Bytes, words of such tokens, and what nearly is one: a sound one with a few of its characters changed, cut off or put
/// in, or its claims under no signature of theirs.
fn token(sound: String) -> impl Strategy<Value = String> {
    let parts: Vec<String> = sound.split('.').map(str::to_owned).collect();
    let changed = {
        let sound = sound.clone();
        let place = 0..sound.len();
        (place, "[A-Za-z0-9_.=-]{1,3}", 0..3_usize).prop_map(move |(place, other, cut)| {
            let mut token = sound.clone();
            let end = (place + cut).min(token.len());
            token.replace_range(place..end, &other);
            token
        })
    };
    let header = prop_oneof![
        Just(parts[0].clone()),
        "\\PC{0,40}".prop_map(|text| URL_SAFE_NO_PAD.encode(text)),
        select(vec![
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256","typ":"logout+jwt"}"#,
            r#"{"alg":"RS256","kid":"k1"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"alg":"ES256","kid":"k1","crit":[]}"#,
        ])
        .prop_map(|text| URL_SAFE_NO_PAD.encode(text)),
    ];
    let signature = prop::collection::vec(any::<u8>(), 0..80);
    let claims = parts[1].clone();
    let unsigned = (header, signature).prop_map(move |(header, signature)| {
        format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
    });
    prop_oneof![
        1 => "\\PC{0,200}",
        1 => "[a-z.=]{1,2}".prop_map(|text| text.repeat(9_000)),
        2 => unsigned,
        3 => changed.prop_filter("it is the sound one", move |token| {
            // Of the last characters some bits stand for nothing.
            token.get(..sound.len() - 3) != sound.get(..sound.len() - 3)
        }),
    ]
}

/// Attacks 62, 96: requests that break the server, or that end what nobody may end.
#[actix_web::test]
async fn whatever_comes_in_without_their_signature_ends_nothing_and_breaks_nothing() {
    let stage = Stage::set().await;
    let provider = &stage.scene.provider;
    let ada = Visitor::default();
    stage.sign_in(&ada, ADA).await;
    let sound = stage.house.sign(&stage.claims(ADA, "j1"));
    let url = provider.url(&stage.house.path("backchannel_logout"));
    let framed = provider.url(&stage.house.path("frontchannel_logout"));
    let stranger = Visitor::default();
    let mut runner = TestRunner::default();
    let mut pick =
        |strategy: BoxedStrategy<String>| strategy.new_tree(&mut runner).unwrap().current();
    for _ in 0..REQUESTS {
        let token = pick(token(sound.clone()).boxed());
        let answer = stage.house.tell(provider, &token).await;
        // 503 is for what only newer keys could tell.
        let status = answer.status.as_u16();
        assert!(matches!(status, 400 | 503), "{token}: {answer:?}");
        let body = pick("(logout_token=|&|=|%[0-9a-fA-FzZ]{2}|[a-z.]){0,12}".boxed());
        let request = stranger.client().post(&url).body(body.clone());
        let form = "application/x-www-form-urlencoded";
        let request = request.header("content-type", form);
        let answer = stranger.send(&url, request).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let query = pick("((iss|sid)=[a-z:/]{0,3}|&|=|%[0-9a-fA-FzZ]{2}){0,9}".boxed());
        let answer = stranger.get(&format!("{framed}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
    assert!(stage.is_in(&ada).await);
    assert_eq!(stage.house.tell(provider, &sound).await.status, 200);
    assert!(!stage.is_in(&ada).await);
    stage.close().await;
}
