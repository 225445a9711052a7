use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_767_268_800;
const LEEWAY: i64 = LONGEST_LEEWAY as i64;

fn claims() -> Claims {
    Claims {
        sub: "ada".into(),
        client_id: Some("ledger".into()),
        jti: Some("j1".into()),
        grant: Some("g1".into()),
        sid: Some("s1".into()),
        iat: NOW,
        exp: NOW + 600,
        ..Claims::default()
    }
}

fn entry(json: Value) -> Entry {
    match Heard::from_json(&json.to_string()) {
        Heard::Entry(entry) => entry,
        Heard::Unknown => panic!("{json} is not understood"),
    }
}

/// Whether a list with this entry alone denies a token that was made under the key `k1`.
fn denies(json: Value, claims: &Claims) -> bool {
    let list = DenyList::new();
    list.add(&entry(json), NOW);
    list.denies("token", claims, ["k1"])
}

#[test]
fn an_entry_denies_what_it_names_and_nothing_else() {
    let until = NOW + 600;
    let mine = [
        json!({ "kind": "token", "jti": "j1", "until": until }),
        json!({ "kind": "session", "sid": "s1", "until": until }),
        json!({ "kind": "grant", "grant": "g1", "until": until }),
        json!({ "kind": "subject", "sub": "ada", "before": NOW + 1, "until": until }),
        json!({ "kind": "client", "client_id": "ledger", "before": NOW + 1, "until": until }),
        json!({ "kind": "key", "kid": "k1", "until": until }),
        json!({ "kind": "all", "before": NOW + 1, "until": until }),
    ];
    for entry in mine {
        assert!(denies(entry.clone(), &claims()), "{entry}");
    }
    let others = [
        json!({ "kind": "token", "jti": "s1", "until": until }),
        json!({ "kind": "session", "sid": "g1", "until": until }),
        json!({ "kind": "grant", "grant": "j1", "until": until }),
        json!({ "kind": "subject", "sub": "ada", "before": NOW, "until": until }),
        json!({ "kind": "subject", "sub": "ledger", "before": NOW + 1, "until": until }),
        json!({ "kind": "client", "client_id": "ledger", "before": NOW, "until": until }),
        json!({ "kind": "client", "client_id": "ada", "before": NOW + 1, "until": until }),
        json!({ "kind": "key", "kid": "k2", "until": until }),
        json!({ "kind": "all", "before": NOW, "until": until }),
    ];
    for entry in others {
        assert!(!denies(entry.clone(), &claims()), "{entry}");
    }
}

#[test]
fn a_token_without_a_jti_goes_by_its_hash() {
    let nameless = Claims {
        jti: None,
        ..claims()
    };
    let hash = token_hash("token");
    assert_eq!(hash, "PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A");
    let entry = json!({ "kind": "token", "hash": hash, "until": NOW });
    assert!(denies(entry.clone(), &nameless));
    assert!(!denies(entry, &claims()));
    let unnamed = Heard::from_json(r#"{"kind":"token","until":1767268800}"#);
    assert_eq!(unnamed, Heard::Unknown);
}

#[test]
fn an_entry_is_forgotten_when_no_token_can_pass_any_more() {
    let list = DenyList::new();
    let session = |until| entry(json!({ "kind": "session", "sid": "s1", "until": until }));
    list.add(&session(NOW), NOW);
    let denied = || list.denies("token", &claims(), []);
    list.forget(NOW + LEEWAY - 1);
    assert!(denied());
    assert_eq!(list.len(), 1);
    list.forget(NOW + LEEWAY);
    assert!(!denied());
    assert!(list.is_empty());
    // One that comes too late is not taken up at all.
    list.add(&session(NOW), NOW + LEEWAY);
    assert!(list.is_empty());
}

#[test]
fn what_two_entries_say_lasts_as_long_as_either() {
    let list = DenyList::new();
    for (before, until) in [
        (NOW + 1, NOW + 10),
        (NOW - 10, NOW + 100),
        (NOW - 20, NOW + 20),
    ] {
        let subject = json!({ "kind": "subject", "sub": "ada", "before": before, "until": until });
        list.add(&entry(subject), NOW);
    }
    assert_eq!(list.len(), 1);
    list.forget(NOW + 99 + LEEWAY);
    assert!(list.denies("token", &claims(), []));
    list.forget(NOW + 100 + LEEWAY);
    assert!(!list.denies("token", &claims(), []));
}

#[test]
fn the_list_counts_what_it_holds_and_gives_back_room() {
    let list = DenyList::new();
    for number in 0..40_000 {
        let sid = json!({ "kind": "session", "sid": number.to_string(), "until": NOW });
        list.add(&entry(sid), NOW);
    }
    assert_eq!(list.len(), 40_000);
    let capacity = || -> usize { list.parts.iter().map(|part| read(part).capacity()).sum() };
    let full = capacity();
    list.forget(NOW + LEEWAY);
    assert_eq!(list.len(), 0);
    assert!(capacity() < full / 4);
}

#[test]
fn an_entry_that_is_not_understood_is_none() {
    for json in [
        json!({}),
        json!({ "kind": "tenant", "until": NOW }),
        json!({ "kind": 1, "until": NOW }),
        json!({ "kind": "token", "until": NOW }),
        json!({ "kind": "token", "jti": 1, "until": NOW }),
        json!({ "kind": "token", "jti": "j1" }),
        json!({ "kind": "token", "jti": "j1", "until": "soon" }),
        json!({ "kind": "subject", "sub": "ada", "until": NOW }),
        json!({ "kind": "all", "until": NOW }),
    ] {
        let heard = Heard::from_json(&json.to_string());
        assert_eq!(heard, Heard::Unknown, "{json}");
    }
    let more = json!({ "kind": "token", "jti": "j1", "until": NOW, "number": 7, "reason": {} });
    assert_eq!(entry(more).until, NOW);
}
