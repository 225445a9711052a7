//! What holds for every token, whatever it says and whatever is done to it.

use std::sync::LazyLock;

use exeunt_guard::Claims;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::formats::{Format, ISSUER, Keys, NOW, SERVICE, claims};

static KEYS: LazyLock<Keys> = LazyLock::new(Keys::new);

/// A token of each format.
static TOKENS: LazyLock<Vec<(Format, String)>> = LazyLock::new(|| {
    let one = |format| (format, KEYS.make(format, &claims()));
    Format::ALL.into_iter().map(one).collect()
});

/// JSON values that every format can carry.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,12}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn identifier() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        any::<u128>().prop_map(|number| uuid::Uuid::from_u128(number).to_string()),
        any::<u128>().prop_map(|number| uuid::Uuid::from_u128(number).to_string().to_uppercase()),
    ]
}

fn more() -> impl Strategy<Value = Map<String, Value>> {
    let texts = prop::collection::btree_map("name|picture", ".{0,40}".prop_map(Value::from), 0..3);
    let others = prop::collection::btree_map("x.{0,40}", value(), 0..3);
    (texts, others).prop_map(|(texts, others)| texts.into_iter().chain(others).collect())
}

fn any_claims() -> impl Strategy<Value = Claims> {
    let who = (
        identifier(),
        identifier(),
        identifier(),
        prop::option::of(identifier()),
        prop::option::of(identifier()),
    );
    let when = (
        0..=NOW,
        NOW + 1..=i64::MAX,
        prop::option::of(0..=NOW),
        prop::option::of(0..=i64::MAX),
    );
    let rest = (
        prop::option::of(".{0,40}"),
        prop::option::of(".{0,40}"),
        more(),
    );
    (who, when, rest).prop_map(
        |((sub, client_id, jti, grant, sid), (iat, exp, nbf, auth_time), (scope, acr, more))| {
            Claims {
                iss: ISSUER.into(),
                aud: vec![SERVICE.into()],
                sub,
                client_id: Some(client_id),
                jti: Some(jti),
                grant,
                sid,
                iat,
                exp,
                nbf,
                auth_time,
                scope,
                acr,
                more,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_token_says_what_it_was_made_of(claims in any_claims()) {
        for format in Format::ALL {
            let token = KEYS.make(format, &claims);
            prop_assert_eq!(KEYS.read(format, &token), Ok(claims.clone()), "{:?}", format);
        }
    }

    /// Attack 30, attack 34: whatever is changed in a token, it is refused.
    #[test]
    fn a_changed_token_is_refused(place in any::<prop::sample::Index>(), character in "[A-Za-z0-9._=+/ -]") {
        for (format, token) in TOKENS.iter() {
            let place = place.index(token.len());
            let mut changed = token.clone();
            changed.replace_range(place..=place, &character);
            if changed != *token {
                prop_assert!(KEYS.read(*format, &changed).is_err(), "{:?} {}", format, changed);
            }
        }
    }

    #[test]
    fn a_longer_or_shorter_token_is_refused(
        place in any::<prop::sample::Index>(),
        end in any::<prop::sample::Index>(),
        more in "[A-Za-z0-9._=-]{1,8}",
    ) {
        for (format, token) in TOKENS.iter() {
            let (from, to) = (place.index(token.len()), end.index(token.len()));
            let cut = &token[..from];
            prop_assert!(KEYS.read(*format, cut).is_err(), "{:?} cut", format);
            let without = format!("{}{}", &token[..from.min(to)], &token[from.max(to) + 1..]);
            prop_assert!(KEYS.read(*format, &without).is_err(), "{:?} without a part", format);
            let with = format!("{}{more}{}", &token[..from], &token[from..]);
            prop_assert!(KEYS.read(*format, &with).is_err(), "{:?} with more", format);
        }
    }

    #[test]
    fn what_is_no_token_is_refused_and_nothing_panics(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes);
        let five = format!("{encoded}..{encoded}.{encoded}.{encoded}");
        let three = format!("{encoded}.{encoded}.{encoded}");
        for format in Format::ALL {
            for token in [&text, &encoded, &five, &three] {
                prop_assert!(KEYS.read(format, token).is_err());
            }
        }
    }
}

/// Attack 32: a token of one format is none of another.
#[test]
fn a_token_of_one_format_is_refused_by_the_parsers_of_all_others() {
    let is_nested = |format| matches!(format, Format::Nested(_));
    for (made, token) in TOKENS.iter() {
        for read in Format::ALL {
            let same = *made == read || (is_nested(*made) && is_nested(read));
            assert_eq!(KEYS.read(read, token).is_ok(), same, "{made:?} as {read:?}");
        }
    }
}

/// Attack 32: not even under another's keys, where they have the same length and name.
#[test]
fn parts_of_one_format_make_no_token_of_another() {
    let keys = &KEYS;
    let token = |format| keys.make(format, &claims());
    let (signed, direct) = (token(Format::Signed), token(Format::Direct));
    let nested = token(Format::Nested(Default::default()));
    let [signed, direct, nested] =
        [&signed, &direct, &nested].map(|token| token.split('.').collect::<Vec<_>>());
    let mixed = [
        // The header of one with the content of the other.
        [direct[0], "", nested[2], nested[3], nested[4]].join("."),
        [nested[0], nested[1], direct[2], direct[3], direct[4]].join("."),
        [direct[0], signed[1], signed[2]].join("."),
        [signed[0], direct[3], direct[4]].join("."),
        [signed[0], "", direct[2], direct[3], direct[4]].join("."),
    ];
    for token in mixed {
        for format in Format::ALL {
            assert!(keys.read(format, &token).is_err(), "{format:?} {token}");
        }
    }
}
