use super::*;
use crate::cwt::Nonce;
use crate::deny_list::{Entry, Revoked};
use crate::jwe::{ContentEncryption, EncryptingKey};
use crate::jwt::{Algorithm, SigningKey, VerifyingKey};

const NOW: i64 = 1_767_268_800;

fn claims() -> Claims {
    Claims {
        iss: "https://id.example".into(),
        sub: "ada".into(),
        aud: vec!["https://api.example/".into()],
        client_id: Some("ledger".into()),
        jti: Some("j1".into()),
        sid: Some("s1".into()),
        iat: NOW,
        exp: NOW + 600,
        ..Claims::default()
    }
}

/// A guard that knows a key of each kind, and a token of each format with the names of its keys.
fn setting(staleness: Staleness) -> (Guard, Vec<(String, Vec<&'static str>)>) {
    let signing = SigningKey::generate(Algorithm::ES256, "signer").unwrap();
    let private = DecryptingKey::generate_jwk("private").unwrap();
    let direct = DirectKey::new("direct", &[1; 16], &[2; 16]).unwrap();
    let compact = cwt::Key::new(7, &[3; 32], &[4; 16]).unwrap();
    let to = EncryptingKey::from_jwk(&jwe::public_jwk(&private), ContentEncryption::A256Gcm);
    let signed = jwt::generate(&claims(), &signing).unwrap();
    let mut fill = |bytes: &mut [u8]| aws_lc_rs::rand::fill(bytes).unwrap();
    let tokens = vec![
        (signed.clone(), vec!["signer"]),
        (
            jwe::generate_nested(&signed, &to.unwrap(), &mut fill).unwrap(),
            vec!["signer", "private"],
        ),
        (
            jwe::generate_direct(&claims(), &direct, [5; 16]).unwrap(),
            vec!["direct"],
        ),
        (
            cwt::generate(&claims(), &compact, Nonce::from_random([6; 12])).unwrap(),
            vec!["7"],
        ),
    ];
    let guard = Guard::builder("https://id.example", "https://api.example/")
        .signers([VerifyingKey::from_jwk(&signing.public_jwk()).unwrap()])
        .private_keys([DecryptingKey::from_jwk(&private).unwrap()])
        .direct_keys([direct])
        .compact_keys([compact])
        .staleness(staleness)
        .clock(|| NOW)
        .build();
    (guard, tokens)
}

fn deny(guard: &Guard, what: Revoked) {
    let entry = Entry {
        what,
        until: NOW + 600,
    };
    guard.deny_list().add(&entry, NOW);
}

#[test]
fn a_guard_reads_every_format_whose_keys_it_knows() {
    let (guard, tokens) = setting(Staleness::Accept);
    for (token, _) in &tokens {
        assert_eq!(guard.verify(token), Ok(claims()));
        let stranger = Guard::builder("https://id.example", "https://api.example/")
            .clock(|| NOW)
            .build();
        assert_eq!(stranger.verify(token), Err(Refused::UnknownKey));
    }
    for malformed in ["", ".", "a.b", "a.b.c.d", "a.b.c.d.e.f", "a b", "\u{e9}"] {
        assert_eq!(
            guard.verify(malformed),
            Err(Refused::Malformed),
            "{malformed}"
        );
    }
}

#[test]
fn what_was_revoked_is_refused_in_every_format() {
    let (_, tokens) = setting(Staleness::Accept);
    for place in 0..tokens.len() {
        for what in [
            Revoked::Token("j1".into()),
            Revoked::Session("s1".into()),
            Revoked::Subject {
                sub: "ada".into(),
                before: NOW + 1,
            },
        ] {
            let (guard, tokens) = setting(Staleness::Accept);
            deny(&guard, what.clone());
            assert_eq!(
                guard.verify(&tokens[place].0),
                Err(Refused::Revoked),
                "{what:?}"
            );
        }
        let (guard, _) = setting(Staleness::Accept);
        deny(&guard, Revoked::Session("s2".into()));
    }
}

#[test]
fn what_was_made_under_a_revoked_key_is_refused() {
    let (_, tokens) = setting(Staleness::Accept);
    for (place, (_, kids)) in tokens.iter().enumerate() {
        for kid in kids {
            let (guard, tokens) = setting(Staleness::Accept);
            deny(&guard, Revoked::Key((*kid).into()));
            for (other, (token, kids)) in tokens.iter().enumerate() {
                let revoked = kids.contains(kid);
                assert_eq!(
                    guard.verify(token).is_err(),
                    revoked,
                    "{place} {other} {kid}"
                );
            }
        }
    }
}

#[test]
fn a_stale_list_vouches_for_nothing_if_the_service_wants_it_so() {
    let (guard, tokens) = setting(Staleness::RefuseBeyond(Duration::from_secs(30)));
    let token = &tokens[0].0;
    assert_eq!(guard.age(), None);
    assert_eq!(
        guard.verify(token),
        Err(Refused::Stale),
        "never heard of it"
    );
    guard.fresh_as_of(Instant::now());
    assert_eq!(guard.verify(token), Ok(claims()));
    assert!(guard.age().unwrap() < Duration::from_secs(30));

    let (guard, tokens) = setting(Staleness::RefuseBeyond(Duration::from_secs(30)));
    let token = &tokens[0].0;
    let long_ago = Instant::now().checked_sub(Duration::from_secs(31)).unwrap();
    guard.fresh_as_of(long_ago);
    assert_eq!(guard.verify(token), Err(Refused::Stale));
    // What is known to be revoked stays revoked, stale or not.
    deny(&guard, Revoked::Token("j1".into()));
    assert_eq!(guard.verify(token), Err(Refused::Revoked));

    let (guard, tokens) = setting(Staleness::Accept);
    assert_eq!(guard.verify(&tokens[0].0), Ok(claims()));
}
