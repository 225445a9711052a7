//! Between our page, with its frames and its button, and the other house.

use exeunt::oidc::upstream::leaving::SignOut;

use super::{END_SESSION, Street, home_with_state};
use crate::support::ledger::{add_grace, is_signed_in, open, sign_in_as};
use crate::support::provider::{PASSWORD, Wish};

/// P2, P7: frames are loaded first; the page leads on to the other house, and that to the application.
#[actix_web::test]
async fn an_application_that_is_told_by_a_frame_is_told_before_the_other_house_is_left() {
    for sign_out in [SignOut::Go, SignOut::Offer] {
        let (street, tokens) = Street::with_gallery(sign_out, |wish| wish).await;
        let page = street.sign_out_to_page(&tokens).await;
        assert_eq!(page.page(), "page-leaving", "{page:?}");
        assert_eq!(page.attributes("iframe", "src").len(), 1);
        let onward = street.onward();
        let moves = page.attributes("main", "data-onward");
        let back = match sign_out {
            SignOut::Go => {
                assert_eq!(moves, ["/leaving/onward"]);
                assert_eq!(page.attributes("#continue", "href"), ["/leaving/onward"]);
                assert!(page.text("#elsewhere").unwrap().contains("Next"));
                let head = street.ada.client().head(&onward);
                assert_eq!(street.ada.send(&onward, head).await.status, 200);
                let sent = street.ada.get(&onward).await;
                street.leave_there(sent).await
            }
            _ => {
                // It stays until she chooses.
                assert!(moves.is_empty(), "{moves:?}");
                assert_eq!(page.attributes("#continue", "href"), [home_with_state()]);
                let sent = street.accept(&page).await;
                street.leave_there(sent).await
            }
        };
        street.assert_comes_home(&back).await;
        // Once: nobody is sent to and fro.
        let answer = street.ada.get(&onward).await;
        assert_eq!(answer.location().unwrap(), home_with_state());
        let page = open(&street.ada, &street.houses.ours.url("/signed-out")).await;
        let said = page.text("#elsewhere").unwrap();
        assert!(said.starts_with("You were at The other house"), "{said}");
        assert!(!page.has("#sign-out-elsewhere"));
        street.close().await;
    }
}

/// Attack 72: whoever has signed in in this browser since is not signed out by what somebody else chose.
#[actix_web::test]
async fn who_has_signed_in_since_is_not_sent_to_leave_the_other_house() {
    for sign_out in [SignOut::Offer, SignOut::Go] {
        let with_grace = |wish: Wish| wish.configure(add_grace);
        let (street, tokens) = Street::with_gallery(sign_out, with_grace).await;
        let before = street.sign_out_to_page(&tokens).await;
        // In another tab.
        let party = &street.houses.party;
        let page = open(&street.ada, &party.authorize_url(&[])).await;
        sign_in_as(&street.ada, &page, "grace", PASSWORD).await;
        let answer = street.go_on(&before, sign_out).await;
        assert_eq!(answer.location().unwrap(), home_with_state());
        assert_eq!(street.front.came(END_SESSION).len(), 0);
        let page = open(&street.ada, &street.houses.ours.url("/leaving")).await;
        assert!(!page.has("#elsewhere"), "{page:?}");
        assert!(is_signed_in(party, &street.ada).await);
        street.close().await;
    }
}

/// Attack 50, attack 67: no page elsewhere presses the button for her.
#[actix_web::test]
async fn the_offer_is_taken_up_by_a_form_of_our_own_alone() {
    let street = Street::with(SignOut::Offer).await;
    let tokens = street.come(&[]).await;
    let page = street.sign_out_to_page(&tokens).await;
    let form = page.form_of("#sign-out-elsewhere").unwrap();
    let action = street.houses.ours.url(&form.action);
    let fields: Vec<(&str, &str)> = form
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = street.ada.post_from_elsewhere(&action, &fields).await;
    assert_eq!(answer.page(), "page-error", "{answer:?}");
    let answer = street.ada.post(&action, &[("csrf", "x")]).await;
    assert_eq!(answer.page(), "page-error", "{answer:?}");
    assert_eq!(street.ada.get(&action).await.status, 405);
    // Nor does an address take her there, whose policy is to ask.
    let answer = street.ada.get(&street.onward()).await;
    assert_eq!(answer.location().unwrap(), home_with_state());
    assert_eq!(street.front.came(END_SESSION).len(), 0);
    street.close().await;
}
