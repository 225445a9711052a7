//! Another house that can't be left never keeps anybody signed in here, and the page says what is known.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use exeunt::oidc::upstream::leaving::SignOut;
use serde_json::Value;

use super::leaving::{END_SESSION, Street, home, home_with_state};
use crate::support::eventually;
use crate::support::front::{Instead, METADATA};
use crate::support::ledger::{is_signed_in, open};
use crate::support::relying_party::Tokens;
use crate::support::visitor::Answer;

const BOTH: [SignOut; 2] = [SignOut::Offer, SignOut::Go];

impl Street {
    /// Starts ours anew, so that it knows nothing of the other house that it did not keep.
    async fn forget(mut self) -> Self {
        self.houses.ours = self.houses.ours.restart(|_| {}).await;
        self
    }

    /// She signs out, and is told that she may still be signed in there.
    async fn sign_out_in_vain(&self, tokens: &Tokens) -> Answer {
        let page = self.sign_out_to_page(tokens).await;
        assert!(!is_signed_in(&self.houses.party, &self.ada).await);
        let access_token = tokens.get("access_token");
        assert_eq!(self.houses.party.userinfo(&access_token).await.status, 401);
        assert_eq!(page.page(), "page-signed-out", "{page:?}");
        let said = page.text("#elsewhere").unwrap();
        assert!(said.contains("may still be signed in"), "{said}");
        assert!(said.contains("cannot take you there"), "{said}");
        assert!(!page.has("#sign-out-elsewhere"));
        assert_eq!(page.attributes("#continue", "href"), [home_with_state()]);
        page
    }
}

#[actix_web::test]
async fn a_house_without_an_end_session_endpoint_is_told_of() {
    for sign_out in BOTH {
        for said in [
            Value::Null,
            "javascript:alert(1)".into(),
            "http://marker.example/end".into(),
            "/end_session".into(),
        ] {
            let street = Street::with(sign_out).await;
            street.front.say("end_session_endpoint", said);
            let tokens = street.come(&[]).await;
            street.sign_out_in_vain(&tokens).await;
            street.close().await;
        }
    }
}

/// P4: it keeps nobody waiting who is leaving.
#[actix_web::test]
async fn p4_a_house_that_says_nothing_of_itself_does_not_keep_who_leaves() {
    for sign_out in BOTH {
        for instead in [Instead::Status(500), Instead::Hang] {
            let street = Street::with(sign_out).await;
            let tokens = street.come(&[]).await;
            let street = street.forget().await;
            street.front.answer(METADATA, instead);
            let began = Instant::now();
            street.sign_out_in_vain(&tokens).await;
            let took = began.elapsed();
            // The grace, once, and what a busy machine takes; what does not answer is given up after five.
            assert!(took < Duration::from_secs(4), "{took:?}");
            street.close().await;
        }
    }
}

/// P4: what it said of itself in the last day is enough, if it says nothing now.
#[actix_web::test]
async fn p4_a_house_that_said_yesterday_how_to_leave_it_is_left_at_once() {
    for (hours, is_known) in [(5, true), (20, true), (72, false)] {
        let street = Street::between(
            |upstream| upstream.sign_out = SignOut::Go,
            |wish| wish.manual_clock(),
        )
        .await;
        let tokens = street.come(&[]).await;
        street.front.answer(METADATA, Instead::Status(503));
        street.houses.ours.advance(TimeDelta::hours(hours));
        if is_known {
            // The clock stands: whoever waited for it would wait for ever.
            street.front.answer(METADATA, Instead::Hang);
            let sent = street.sign_out(&tokens).await;
            street.assert_goes_there(&sent);
        } else {
            street.sign_out_in_vain(&tokens).await;
        }
        street.close().await;
    }
}

/// P4: the last page waits for nothing, known or not. The clock stands, so whoever waited would do so until we give up to
/// ask, which takes five seconds.
#[actix_web::test]
async fn p4_the_last_page_says_what_is_known_and_waits_for_nobody() {
    let street = Street::between(|_| {}, |wish| wish.manual_clock()).await;
    let tokens = street.come(&[]).await;
    let street = street.forget().await;
    street.front.answer(METADATA, Instead::Status(503));
    street.sign_out_in_vain(&tokens).await;
    street.front.answer(METADATA, Instead::Hang);
    street.houses.ours.advance(TimeDelta::seconds(11));
    let began = Instant::now();
    for _ in 0..2 {
        let page = open(&street.ada, &street.houses.ours.url("/signed-out")).await;
        assert!(page.text("#elsewhere").unwrap().contains("may still be"));
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    street.close().await;
}

/// Who is to be taken there is, also by a node that has not asked there before.
#[actix_web::test]
async fn a_node_that_knows_nothing_of_a_house_leads_there_all_the_same() {
    let (street, tokens) = Street::with_gallery(SignOut::Go, |wish| wish).await;
    let page = street.sign_out_to_page(&tokens).await;
    assert_eq!(page.page(), "page-leaving", "{page:?}");
    let street = street.forget().await;
    let page = open(&street.ada, &page.url).await;
    let said = page.text("#elsewhere").unwrap();
    assert!(said.contains("Next you are taken to"), "{said}");
    street.close().await;
}

/// What can't be had now may be had in a moment: then the page offers it.
#[actix_web::test]
async fn a_house_that_answers_again_is_offered_again() {
    let street = Street::between(
        |upstream| upstream.sign_out = SignOut::Go,
        |wish| wish.manual_clock(),
    )
    .await;
    let tokens = street.come(&[]).await;
    let street = street.forget().await;
    street.front.answer(METADATA, Instead::Status(503));
    street.sign_out_in_vain(&tokens).await;
    street.front.let_through(METADATA);
    street.houses.ours.advance(TimeDelta::seconds(11));
    // The page waits for nobody; it asks for whoever opens it next.
    let signed_out = street.houses.ours.url("/signed-out");
    let page = eventually(async || {
        let page = open(&street.ada, &signed_out).await;
        page.has("#sign-out-elsewhere").then_some(page)
    })
    .await
    .expect("it is offered");
    let sent = street.accept(&page).await;
    let back = street.leave_there(sent).await;
    let answer = street.ada.get(&back.location().unwrap()).await;
    assert_eq!(answer.location().unwrap(), home_with_state());
    street.close().await;
}

#[actix_web::test]
async fn an_id_token_that_does_not_open_keeps_nobody_here() {
    for sign_out in BOTH {
        let street = Street::with(sign_out).await;
        let tokens = street.come(&[]).await;
        let spoil = "UPDATE session_upstreams SET sealed_id_token = '1.AAAA'";
        street.houses.ours.sql(spoil).await;
        street.sign_out_in_vain(&tokens).await;
        street.close().await;
    }
}

/// The other house itself fails, or never sends her back: she is signed out here all the same.
#[actix_web::test]
async fn a_house_that_fails_when_she_comes_has_not_kept_her_here() {
    let street = Street::with(SignOut::Go).await;
    street.front.answer(END_SESSION, Instead::Status(500));
    let tokens = street.come(&[]).await;
    let sent = street.sign_out(&tokens).await;
    let lost = street.ada.follow(sent, &street.front.base).await;
    assert_eq!(lost.status, 500);
    assert!(!is_signed_in(&street.houses.party, &street.ada).await);
    let page = open(&street.ada, &street.houses.ours.url("/signed-out")).await;
    assert!(page.text("#elsewhere").unwrap().contains("may still be"));
    assert_eq!(page.attributes("#continue", "href"), [home_with_state()]);
    street.close().await;
}

/// A house through which nobody signs in any more is not spoken of.
#[actix_web::test]
async fn a_house_that_left_the_file_is_not_spoken_of() {
    for sign_out in BOTH {
        let mut street = Street::with(sign_out).await;
        let tokens = street.come(&[]).await;
        let without = |config: &mut exeunt::config::Config| config.upstreams.clear();
        street.houses.ours = street.houses.ours.restart(without).await;
        let answer = street.sign_out(&tokens).await;
        let location = answer.location().unwrap();
        assert!(location.starts_with(&home()), "{location}");
        street.close().await;
    }
}
