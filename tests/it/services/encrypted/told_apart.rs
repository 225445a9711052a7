//! Which token it is that comes back: one service's from another's, one format's from another's, whole from altered.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{API, House, Way, add, decode, refreshed, start, tokens_in};
use crate::support::ledger::json_error;
use crate::support::services::ARCHIVE;
use crate::support::visitor::Visitor;

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
        archive.hears_of_a_token().await;
        assert_eq!(api.named_tokens().await, [json!(null); 0]);
        provider.stop().await;
    }
}

/// A token to a service's own key has for us what we sealed into its header: who alters that has another token.
#[actix_web::test]
async fn a_token_is_known_by_our_own_words_in_its_header_and_by_no_others() {
    let house = House::open(Way::Nested).await;
    let token = &house.token;
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
        assert!(!house.is_good(&altered).await, "{unknown}");
        assert_eq!(
            house.party.revoke(&altered, &[]).await.status,
            200,
            "{unknown}"
        );
    }
    // Nobody is told that a token was taken back of which it can't be said what it is.
    for without in [json!(null), json!(7)] {
        let answer = house.party.revoke(&with(without), &[]).await;
        assert_eq!(answer.status, 400);
        assert_eq!(json_error(&answer), "unsupported_token_type");
    }
    assert!(house.is_good(token).await);
    // With our words in its header it is no more than the token that these are from.
    let made = with(json!(reference)).replace(rest, ".aXY.dGV4dA.dGFn");
    assert_eq!(house.party.revoke(&made, &[]).await.status, 200);
    assert!(!house.is_good(token).await);
    house.provider.stop().await;
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
