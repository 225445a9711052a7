//! Whose an answer is, and how old the sign-in of which it speaks.

use chrono::{DateTime, TimeDelta};

use super::house;
use crate::clock::Timestamp;
use crate::oidc::params::Params;
use crate::oidc::upstream::answer::{Brought, Problem, brought};
use crate::oidc::upstream::request::auth_time;

/// Attack 14 (RFC 9207): an answer of another provider, or one that says nobody's though it could, is none: be it a code
/// or an error.
#[test]
fn an_answer_counts_only_when_it_names_whose_it_is() {
    let read = |text: &str, names_itself: bool| {
        let params = Params::parse(text.as_bytes()).unwrap();
        brought(&params, &house(), names_itself)
    };
    let ours = "iss=https%3A%2F%2Fid.house.example";
    let code = || Ok(Brought::Code("c".to_owned()));
    assert_eq!(read(&format!("code=c&{ours}"), true), code());
    let declined = Ok(Brought::Error(Problem::Declined));
    assert_eq!(read(&format!("error=access_denied&{ours}"), true), declined);
    for text in [
        "code=c",
        "error=access_denied",
        "code=c&iss=https%3A%2F%2Fevil.example",
        "error=access_denied&iss=https%3A%2F%2Fevil.example",
        "code=c&iss=https%3A%2F%2Fid.house.example%2F",
        &format!("code=c&error=access_denied&{ours}"),
        &format!("code=&{ours}"),
        ours,
    ] {
        assert!(read(text, true).is_err(), "{text}");
    }
    assert_eq!(read("code=c", false), code());
    assert!(read("code=c&iss=https%3A%2F%2Fevil.example", false).is_err());
}

/// Attack 73: a sign-in there counts as new when it is, and one of which nothing is said never does.
#[test]
fn a_sign_in_elsewhere_is_as_old_as_it_is() {
    let noon: Timestamp = DateTime::from_timestamp(1_800_000_000, 500_000_000).unwrap();
    let (asked_at, now) = (noon, noon + TimeDelta::seconds(60));
    let at = |seconds| Some(DateTime::from_timestamp(noon.timestamp() + seconds, 0).unwrap());
    for (said, counts) in [
        (at(-3), asked_at),
        (at(0), asked_at),
        (at(30), at(30).unwrap()),
        (at(61), now),
    ] {
        assert_eq!(auth_time(said, asked_at, now), counts, "{said:?}");
    }
    assert_eq!(Some(auth_time(at(-60), asked_at, now)), at(-60));
    assert_eq!(auth_time(None, asked_at, now), Timestamp::UNIX_EPOCH);
}
