//! Addresses: an issuer's, an endpoint's, and the one at which people sign out.

use super::house;
use crate::oidc::issuer::Issuer;
use crate::oidc::upstream::metadata::check_endpoint;
use crate::oidc::upstream::{check_issuer, leaving};

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

/// Codes, secrets and ID tokens go there, so they go where others listen less; and no script is run by going.
#[test]
fn an_endpoint_is_an_https_url_or_on_this_machine() {
    for sound in ["https://a.example/t?x=1", "http://localhost:1/t"] {
        assert_eq!(check_endpoint(sound), Ok(()), "{sound}");
    }
    for unsound in [
        "http://a.example/t",
        "https://a@b.example/t",
        "https://a.example/t#x",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://a.example/t",
        "/t",
        "",
    ] {
        assert!(check_endpoint(unsound).is_err(), "{unsound}");
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
