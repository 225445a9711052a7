use serde_json::{Value, json};

use super::answer::{Brought, Problem, brought};
use super::leaving::{self, is_fit};
use super::metadata::{Metadata, clock_problem};
use super::oauth2::{OAuth2, check_endpoint, vouched};
use super::person::{claims, is_admitted, username};
use super::request::{Fresh, Wanted, address, auth_time};
use super::*;
use crate::clock::Timestamp;
use crate::oidc::issuer::Issuer;
use crate::oidc::params::Params;
use chrono::{DateTime, TimeDelta};

pub(super) fn house() -> Upstream {
    Upstream {
        id: "house".to_owned(),
        issuer: "https://id.house.example".to_owned(),
        oauth2: None,
        client_id: "exeunt".to_owned(),
        auth_method: AuthMethod::ClientSecretBasic,
        scope: SCOPE.to_owned(),
        request_claims: RequestedClaims::default(),
        label: "The other house".to_owned(),
        logo: None,
        domains: vec!["house.example".to_owned()],
        admits: Admits::Domains,
        refreshes_claims: true,
        claims: BTreeMap::new(),
        private_networks: Vec::new(),
        sign_out: SignOut::default(),
    }
}

fn said(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => panic!("no object"),
    }
}

/// Attack 89: an address that nobody verified, or that is not of the domain, lets nobody in. Attack 90: domains are
/// compared in one form.
#[test]
fn a_verified_address_in_the_domain_lets_people_in_and_no_other_does() {
    for (claims, admitted) in [
        (
            json!({ "email": "ada@house.example", "email_verified": true }),
            true,
        ),
        (
            json!({ "email": "ada@HOUSE.example", "email_verified": true }),
            true,
        ),
        (
            json!({ "email": "ada@house.example", "email_verified": false }),
            false,
        ),
        (
            json!({ "email": "ada@house.example", "email_verified": "true" }),
            false,
        ),
        (json!({ "email": "ada@house.example" }), false),
        (
            json!({ "email": "ada@house.example.evil.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "ada@evil.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "ada@sub.house.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "a@evil.example@house.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "\"a@evil.example\"@house.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "ada@house.example\n", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "ada@h\u{43e}use.example", "email_verified": true }),
            false,
        ),
        (
            json!({ "email": "@house.example", "email_verified": true }),
            false,
        ),
        (json!({}), false),
    ] {
        assert_eq!(
            is_admitted(&house(), &said(claims.clone())),
            admitted,
            "{claims}"
        );
    }
}

#[test]
fn a_claim_lets_people_in_by_its_value_or_one_of_its_values() {
    let upstream = Upstream {
        admits: Admits::Claim {
            name: "groups".to_owned(),
            value: "staff".to_owned(),
        },
        ..house()
    };
    for (claims, admitted) in [
        (json!({ "groups": ["guests", "staff"] }), true),
        (json!({ "groups": "staff" }), true),
        (json!({ "groups": ["staffing"] }), false),
        (json!({ "groups": { "staff": true } }), false),
        (json!({}), false),
    ] {
        assert_eq!(
            is_admitted(&upstream, &said(claims.clone())),
            admitted,
            "{claims}"
        );
    }
}

#[test]
fn claims_are_taken_over_under_our_names_where_their_type_fits() {
    let upstream = Upstream {
        claims: BTreeMap::from([("name".to_owned(), "displayName".to_owned())]),
        ..house()
    };
    let said = said(json!({
        "displayName": "Ada", "name": "Not this", "email": "ada@house.example", "email_verified": "yes",
        "updated_at": 5, "sub": "s", "groups": ["staff"], "nickname": "x".repeat(2048),
    }));
    let taken = claims(&upstream, &said);
    assert_eq!(
        serde_json::to_value(&taken).unwrap(),
        json!({ "name": "Ada", "email": "ada@house.example" })
    );
    assert_eq!(username(&upstream, &said, "s-1"), "house:s-1");
}

/// Attack 89: what is said to be verified is what stands under the usual name, and a name that somebody chose there is
/// none here.
#[test]
fn what_is_verified_and_what_somebody_is_called_is_taken_where_it_is_said_of_what_we_take() {
    let said = said(json!({
        "email": "ada@house.example", "email_verified": true, "phone_number": "+1", "phone_number_verified": true,
        "work_email": "ceo@house.example", "work_verified": false, "work_phone": "+2", "preferred_username": "admin",
    }));
    let taken = |names: &[(&str, &str)]| {
        let names = names
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        let upstream = Upstream {
            claims: names.collect(),
            ..house()
        };
        serde_json::to_value(claims(&upstream, &said)).unwrap()
    };
    assert_eq!(
        taken(&[("email", "work_email"), ("phone_number", "work_phone")]),
        json!({ "email": "ceo@house.example", "phone_number": "+2" })
    );
    assert_eq!(
        taken(&[
            ("email", "work_email"),
            ("email_verified", "work_verified"),
            ("preferred_username", "preferred_username"),
        ]),
        json!({
            "email": "ceo@house.example", "email_verified": false, "phone_number": "+1", "phone_number_verified": true,
            "preferred_username": "admin",
        })
    );
    assert_eq!(username(&house(), &said, "s-1"), "house:admin");
}

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

#[test]
fn an_issuer_of_others_may_end_in_a_slash_and_nothing_else_odd() {
    for sound in [
        "https://id.example",
        "https://id.example/",
        "https://id.example/tenant/",
        "http://localhost:1",
    ] {
        assert_eq!(check_issuer(sound), Ok(()), "{sound}");
    }
    for unsound in [
        "http://id.example",
        "https://ID.example",
        "https://a@id.example",
        "https://id.example?x",
        "id",
    ] {
        assert!(check_issuer(unsound).is_err(), "{unsound}");
    }
}

/// An ID token goes along, so it goes where others listen less; and no script is run by going.
#[test]
fn a_browser_is_sent_to_leave_over_https_or_on_its_own_machine() {
    for fit in [
        "https://id.house.example/logout?tenant=7",
        "http://localhost:1/logout",
    ] {
        assert!(is_fit(fit), "{fit}");
    }
    for unfit in [
        "http://id.house.example/logout",
        "javascript:alert(1)",
        "data:text/html,x",
        "/logout",
        "",
    ] {
        assert!(!is_fit(unfit), "{unfit}");
    }
}

#[test]
fn an_id_token_that_makes_the_address_too_long_stays_here() {
    let ours = Issuer::parse("https://id.example").unwrap();
    let endpoint = "https://id.house.example/logout?tenant=7";
    let to = |id_token: &str| leaving::address(&house(), endpoint, &ours, id_token, "the-state");
    assert_eq!(
        to("a.b.c"),
        "https://id.house.example/logout?tenant=7&client_id=exeunt\
         &post_logout_redirect_uri=https%3A%2F%2Fid.example%2Fupstreams%2Fhouse%2Fsigned_out\
         &state=the-state&id_token_hint=a.b.c"
    );
    let long = to(&"x".repeat(8_000));
    assert!(long.ends_with("&state=the-state"), "{long}");
}

fn plain() -> Upstream {
    Upstream {
        oauth2: Some(OAuth2 {
            authorization_endpoint: "https://code.example/authorize".to_owned(),
            token_endpoint: "https://code.example/token".to_owned(),
            userinfo_endpoint: "https://api.code.example/user".to_owned(),
            subject_claim: "id".to_owned(),
        }),
        scope: String::new(),
        ..house()
    }
}

/// Attack 14: who somebody is where there are no ID tokens: one claim alone, which is a text or a whole number.
#[test]
fn userinfo_names_somebody_by_one_claim_and_says_nothing_of_their_sign_in() {
    let provider = plain().oauth2.unwrap();
    let subject = |claims: Value| {
        let vouched = vouched(claims.to_string().as_bytes(), &provider);
        vouched.ok().map(|vouched| vouched.subject)
    };
    for (id, expected) in [
        (json!("u-1"), "u-1"),
        (json!(42), "42"),
        (json!(-1), "-1"),
        (json!(u64::MAX), "18446744073709551615"),
    ] {
        assert_eq!(
            subject(json!({ "id": id, "sub": "x" })).as_deref(),
            Some(expected)
        );
    }
    for id in [
        json!(""),
        json!("a\0"),
        json!("x".repeat(256)),
        json!(1.5),
        json!(1e300),
        json!(null),
        json!(true),
        json!(["u-1"]),
        json!({ "id": "u-1" }),
    ] {
        assert_eq!(subject(json!({ "id": id, "sub": "x" })), None, "{id}");
    }
    assert_eq!(subject(json!({ "sub": "x" })), None);
    assert_eq!(subject(json!([{ "id": "u-1" }])), None);
    let said = json!({ "id": 1, "sid": "s", "auth_time": 1, "acr": "gold", "amr": ["hwk"] });
    let vouched = vouched(said.to_string().as_bytes(), &provider).unwrap();
    assert_eq!(
        (vouched.sid, vouched.auth_time, vouched.acr),
        (None, None, None)
    );
    assert_eq!(vouched.amr, "");
}

#[test]
fn who_is_no_openid_provider_is_asked_nothing_that_only_one_knows() {
    let wanted = Wanted {
        prompt: vec!["login".to_owned()],
        max_age: Some(5),
        login_hint: Some("ada".to_owned()),
        ..Wanted::default()
    };
    let fresh = Fresh {
        state: "s",
        nonce: "n",
        code_verifier: "v",
    };
    let ours = Issuer::parse("https://id.example.org").unwrap();
    let of = |upstream: &Upstream| {
        let longest = TimeDelta::hours(1);
        let address = address(
            upstream,
            "https://x.example/a",
            &ours,
            &wanted,
            fresh,
            longest,
        );
        let url = Url::parse(&address).unwrap();
        let names = url.query_pairs().map(|(name, _)| name.into_owned());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let plain = of(&plain());
    let openid = of(&house());
    for name in [
        "response_type",
        "client_id",
        "redirect_uri",
        "state",
        "code_challenge",
        "code_challenge_method",
    ] {
        assert!(plain.contains(name) && openid.contains(name), "{name}");
    }
    assert_eq!(plain.len(), 6, "{plain:?}");
    for name in ["nonce", "scope", "prompt", "max_age", "login_hint"] {
        assert!(openid.contains(name), "{name}");
    }
}

#[test]
fn an_endpoint_is_an_https_url_or_on_this_machine() {
    for sound in ["https://a.example/t?x=1", "http://localhost:1/t"] {
        assert_eq!(check_endpoint(sound), Ok(()), "{sound}");
    }
    for unsound in [
        "http://a.example/t",
        "https://a@b.example/t",
        "https://a.example/t#x",
        "/t",
        "ftp://a.example/t",
    ] {
        assert!(check_endpoint(unsound).is_err(), "{unsound}");
    }
}

#[test]
fn clocks_that_are_more_than_a_minute_apart_are_told() {
    for (seconds, word) in [
        (0, ""),
        (60, ""),
        (-60, ""),
        (61, "61 seconds ahead"),
        (-300, "300 seconds behind"),
    ] {
        let said = clock_problem(TimeDelta::seconds(seconds)).unwrap_or_default();
        assert_eq!(said.is_empty(), word.is_empty(), "{seconds}: {said}");
        assert!(said.contains(word), "{seconds}: {said}");
    }
}

#[test]
fn what_a_provider_says_of_itself_is_told_in_words() {
    let said = |more: Value| {
        let mut document = json!({
            "issuer": "https://id.house.example", "authorization_endpoint": "https://id.house.example/a",
            "token_endpoint": "https://id.house.example/t", "jwks_uri": "https://id.house.example/j",
        });
        document.as_object_mut().unwrap().extend(said(more));
        Metadata::read(document.to_string().as_bytes()).unwrap()
    };
    let all = json!({
        "userinfo_endpoint": "https://id.house.example/u", "end_session_endpoint": "https://id.house.example/e",
        "code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true, "frontchannel_logout_session_supported": true,
    });
    assert_eq!(said(all.clone()).shortcomings(), Vec::<String>::new());
    for (name, word) in [
        ("userinfo_endpoint", "userinfo"),
        ("end_session_endpoint", "end session"),
        ("code_challenge_methods_supported", "PKCE"),
        ("authorization_response_iss_parameter_supported", "9207"),
        ("backchannel_logout_supported", "tell servers"),
        (
            "backchannel_logout_session_supported",
            "logout tokens name no session",
        ),
        ("frontchannel_logout_supported", "tell browsers"),
        (
            "frontchannel_logout_session_supported",
            "frames in the browser name no session",
        ),
    ] {
        let mut less = all.clone();
        less.as_object_mut().unwrap().remove(name);
        let told = said(less).shortcomings();
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        assert!(told[0].contains(word), "{name}: {told:?}");
    }
    let issuer = "https://id.house.example";
    let method = AuthMethod::ClientSecretBasic;
    assert_eq!(said(all).misfits(issuer, method), Vec::<String>::new());
    for (more, word) in [
        (
            json!({ "issuer": "https://id.house.example/" }),
            "calls itself",
        ),
        (
            json!({ "id_token_signing_alg_values_supported": ["HS256"] }),
            "HS256",
        ),
        (
            json!({ "token_endpoint_auth_methods_supported": ["private_key_jwt"] }),
            "private_key_jwt",
        ),
    ] {
        let told = said(more).misfits(issuer, method);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(word), "{told:?}");
    }
}
