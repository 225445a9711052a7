//! Who is sent there, who is asked, and who is left alone.

use exeunt::oidc::upstream::leaving::SignOut;
use serde_json::Value;

use super::{END_SESSION, Street, home_with_state};
use crate::support::ledger::{HOME, is_signed_in, open, sign_in};
use crate::support::relying_party::verify;

/// P7, attack 20: she sees the offer, and nothing moves on by itself; what she chooses is a 303.
#[actix_web::test]
async fn who_signs_out_is_offered_to_leave_the_other_house_too_and_comes_back_to_the_application() {
    let street = Street::with(SignOut::Offer).await;
    let tokens = street.come(&[]).await;
    let page = street.sign_out_to_page(&tokens).await;
    assert_eq!(page.page(), "page-signed-out", "{page:?}");
    assert!(!is_signed_in(&street.houses.party, &street.ada).await);
    assert!(page.attributes("main", "data-onward").is_empty());
    assert_eq!(page.attributes("#continue", "href"), [home_with_state()]);
    let said = page.text("#elsewhere").unwrap();
    assert_eq!(said, "You may still be signed in at The other house.");
    // The page itself holds nothing that is of use to anybody else.
    assert!(!page.body.contains("id_token"), "{page:?}");
    assert!(street.is_signed_in_there().await);
    let sent = street.accept(&page).await;
    let back = street.leave_there(sent).await;
    street.assert_comes_home(&back).await;
    assert!(!street.is_signed_in_there().await);
    street.close().await;
}

/// P1: her session here is over, and that is committed, before she is sent on.
#[actix_web::test]
async fn p1_who_is_taken_to_the_other_house_is_signed_out_here_before_and_comes_back_to_the_application()
 {
    let street = Street::with(SignOut::Go).await;
    let tokens = street.come(&[]).await;
    let sent = street.sign_out(&tokens).await;
    street.assert_goes_there(&sent);
    assert!(!is_signed_in(&street.houses.party, &street.ada).await);
    let access_token = tokens.get("access_token");
    assert_eq!(
        street.houses.party.userinfo(&access_token).await.status,
        401
    );
    assert!(street.is_signed_in_there().await);
    let back = street.leave_there(sent).await;
    street.assert_comes_home(&back).await;
    assert!(!street.is_signed_in_there().await);
    street.close().await;
}

/// RP-Initiated Logout 1.0 §2: the ID token is the one that the other house gave, and says who asks.
#[actix_web::test]
async fn the_other_house_is_shown_its_own_id_token_and_who_asks() {
    let street = Street::with(SignOut::Go).await;
    let tokens = street.come(&[]).await;
    let sent = street.sign_out(&tokens).await;
    street.leave_there(sent).await;
    let came = &street.front.came(END_SESSION)[0];
    let hint = came.parameter("id_token_hint").unwrap();
    let (_, claims) = verify(&street.front.base, hint).await;
    assert_eq!(claims["iss"], street.front.base.as_str());
    assert_eq!(claims["aud"], "exeunt");
    assert!(claims["sid"].is_string(), "{claims}");
    assert_eq!(came.parameter("client_id"), Some("exeunt"));
    let address = street.houses.ours.url("/upstreams/house/signed_out");
    let said = came.parameter("post_logout_redirect_uri");
    assert_eq!(said, Some(address.as_str()));
    // Nothing of where she is going: that is ours to know.
    assert!(!came.query.iter().any(|(_, value)| value.contains(HOME)));
    street.close().await;
}

#[actix_web::test]
async fn who_may_stay_signed_in_there_is_told_nothing_of_it() {
    let street = Street::with(SignOut::Stay).await;
    let tokens = street.come(&[]).await;
    let answer = street.sign_out(&tokens).await;
    assert_eq!(answer.location().unwrap(), home_with_state());
    assert!(street.is_signed_in_there().await);
    street.close().await;
}

/// Nor is it said that there is another house at all.
#[actix_web::test]
async fn who_signed_in_here_is_not_sent_elsewhere() {
    for sign_out in [SignOut::Offer, SignOut::Go] {
        let street = Street::with(sign_out).await;
        let page = open(&street.ada, &street.houses.party.authorize_url(&[])).await;
        let answer = sign_in(&street.ada, &page).await;
        let tokens = street.tokens(&street.houses.party, &answer).await;
        let answer = street.sign_out(&tokens).await;
        assert_eq!(answer.location().unwrap(), home_with_state());
        street.close().await;
    }
}

/// From the account's page: this browser's session, and everything.
#[actix_web::test]
async fn who_signs_out_on_their_account_page_is_offered_or_taken_too() {
    for (sign_out, everything) in [
        (SignOut::Offer, false),
        (SignOut::Go, false),
        (SignOut::Offer, true),
        (SignOut::Go, true),
    ] {
        let street = Street::with(sign_out).await;
        street.come(&[]).await;
        let account = open(&street.ada, &street.houses.ours.url("/account")).await;
        let button = match everything {
            true => "#end-everything",
            false => "#sessions [data-here] .end-session",
        };
        let form = account.form_of(button).unwrap();
        let mut answer = street.ada.submit(&account, &form, &[]).await;
        let issuer = &street.houses.ours.issuer;
        if answer.location().unwrap().starts_with(issuer) {
            let page = street.ada.follow(answer, issuer).await;
            // Ledger can't be told, and the page says so.
            assert_eq!(page.page(), "page-leaving", "{page:?}");
            answer = street.go_on(&page, sign_out).await;
        }
        let back = street.leave_there(answer).await;
        let page = street.ada.follow(back, issuer).await;
        assert_eq!(page.page(), "page-signed-out", "{page:?}");
        assert!(page.text("#elsewhere").unwrap().contains("You were at"));
        assert!(!street.is_signed_in_there().await);
        street.close().await;
    }
}

#[actix_web::test]
async fn who_leaves_one_application_alone_leaves_no_house() {
    let street = Street::with(SignOut::Go).await;
    street.come(&[]).await;
    let url = street
        .houses
        .party
        .end_session_url(&[("client_id", "ledger")]);
    let page = open(&street.ada, &url).await;
    let form = page.form_of("#sign-out-client").unwrap();
    let answer = street.ada.submit(&page, &form, &[]).await;
    let page = street.ada.follow(answer, &street.houses.ours.issuer).await;
    assert_eq!(page.page(), "page-leaving", "{page:?}");
    assert!(!page.has("#elsewhere"));
    assert_eq!(street.front.came(END_SESSION).len(), 0);
    street.close().await;
}

/// What was kept of an upstream before there was a policy is read, and has the default.
#[actix_web::test]
async fn an_upstream_that_was_kept_without_a_policy_offers_it() {
    let street = Street::with(SignOut::Go).await;
    let tokens = street.come(&[]).await;
    let upstream = &street.houses.ours.config.upstreams[0].upstream;
    let mut definition: Value = serde_json::to_value(upstream).unwrap();
    definition.as_object_mut().unwrap().remove("sign_out");
    let kept = format!("UPDATE upstreams SET definition = '{definition}'");
    street.houses.ours.sql(&kept).await;
    let page = street.sign_out_to_page(&tokens).await;
    assert!(page.has("#sign-out-elsewhere"), "{page:?}");
    street.close().await;
}
