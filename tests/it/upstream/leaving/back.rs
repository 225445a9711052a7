//! The way back from the other house: once, and for who was sent.

use exeunt::oidc::upstream::leaving::SignOut;

use super::{END_SESSION, Street, home_with_state};
use crate::support::ledger::open;
use crate::support::visitor::Visitor;

/// Attack 14, attack 51: what leads on is in our own row, and only what we gave this very browser along finds it, once.
#[actix_web::test]
async fn only_who_was_sent_comes_back_and_only_once() {
    let street = Street::with(SignOut::Go).await;
    let tokens = street.come(&[]).await;
    let sent = street.sign_out(&tokens).await;
    let back = street.leave_there(sent).await.location().unwrap();
    let page = street.houses.ours.url("/signed-out");
    let mallory = Visitor::default();
    let stranger = back.replace("state=", "state=x");
    let elsewhere = back.replace("/house/", "/stable/");
    let evil = format!("{back}&post_logout_redirect_uri=https%3A%2F%2Fevil.example");
    let twice = format!("{back}&state=x");
    let bare = back.split('?').next().unwrap();
    for (who, url) in [
        (&mallory, back.as_str()),
        (&street.ada, &stranger),
        (&street.ada, &elsewhere),
        (&street.ada, &twice),
        (&street.ada, bare),
    ] {
        let answer = who.get(url).await;
        assert_eq!(answer.status, 303, "{url}");
        assert_eq!(answer.location().as_ref(), Some(&page), "{url}");
    }
    let head = street.ada.client().head(&back);
    assert_eq!(street.ada.send(&back, head).await.status, 200);
    // None of these took it from her.
    let answer = street.ada.get(&evil).await;
    assert_eq!(answer.location().unwrap(), home_with_state());
    let answer = street.ada.get(&back).await;
    assert_eq!(answer.location().as_ref(), Some(&page));
    assert!(!mallory.get(&page).await.has("#continue"));
    street.close().await;
}

/// Who never comes back from there has lost nothing, and may go again.
#[actix_web::test]
async fn who_did_not_come_back_finds_their_receipts_and_the_way_on() {
    let street = Street::with(SignOut::Go).await;
    let tokens = street.come(&[]).await;
    let sent = street.sign_out(&tokens).await;
    street.assert_goes_there(&sent);
    let page = open(&street.ada, &street.houses.ours.url("/signed-out")).await;
    assert_eq!(page.attributes("#continue", "href"), [home_with_state()]);
    assert!(page.text("#elsewhere").unwrap().contains("may still be"));
    let sent = street.accept(&page).await;
    let back = street.leave_there(sent).await;
    street.assert_comes_home(&back).await;
    street.close().await;
}

/// One application after the other may send her here to sign out: she has been there.
#[actix_web::test]
async fn who_was_there_is_not_sent_again_by_the_next_application() {
    for sign_out in [SignOut::Offer, SignOut::Go] {
        let street = Street::with(sign_out).await;
        let tokens = street.come(&[]).await;
        let sent = match sign_out {
            SignOut::Go => street.sign_out(&tokens).await,
            _ => {
                let page = street.sign_out_to_page(&tokens).await;
                street.accept(&page).await
            }
        };
        let back = street.leave_there(sent).await;
        street.ada.get(&back.location().unwrap()).await;
        let again = street.sign_out(&tokens).await;
        assert_eq!(again.location().unwrap(), home_with_state(), "{again:?}");
        assert_eq!(street.front.came(END_SESSION).len(), 1);
        street.close().await;
    }
}
