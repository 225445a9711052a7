//! Who came from the other house and signs out here leaves there too: offered, taken, or left alone.

use exeunt::oidc::client::GrantType;
use exeunt::oidc::issuer::Issuer;
use exeunt::oidc::upstream::Upstream;
use exeunt::oidc::upstream::leaving::SignOut;
use serde_json::Value;

use super::Houses;
use crate::support::front::Front;
use crate::support::ledger::{HOME, add_grace, is_signed_in, open, sign_in, sign_in_as};
use crate::support::provider::{PASSWORD, Wish};
use crate::support::relying_party::{RelyingParty, Tokens, verify};
use crate::support::visitor::{Answer, Visitor};

/// Where the other house signs people out.
pub const END_SESSION: &str = "/end_session";

/// Two houses, with a door in front of the other one, at which everything is seen.
pub struct Street {
    pub houses: Houses,
    pub front: Front,
    pub ada: Visitor,
}

impl Street {
    /// Where the policy is this one.
    pub async fn with(sign_out: SignOut) -> Self {
        Self::between(|upstream| upstream.sign_out = sign_out, |wish| wish).await
    }

    pub async fn between(
        change: impl FnOnce(&mut Upstream),
        ours: impl FnOnce(Wish) -> Wish,
    ) -> Self {
        let front = Front::open().await;
        let issuer = Issuer::parse(&front.base).unwrap();
        let other = |wish: Wish| {
            wish.configure(|config| {
                front.lead_to(format!("http://{}", config.listen));
                config.issuer = issuer;
                let grants = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
                config.clients[0].metadata.grant_types = grants;
            })
        };
        Self {
            houses: Houses::between(change, ours, other).await,
            front,
            ada: Visitor::default(),
        }
    }

    /// Ada comes through the other house to ledger; its tokens.
    pub async fn come(&self, more: &[(&str, &str)]) -> Tokens {
        let answer = self.houses.sign_in(&self.ada, more).await;
        self.tokens(&self.houses.party, &answer).await
    }

    async fn tokens(&self, party: &RelyingParty, answer: &Answer) -> Tokens {
        let code = answer.parameter("code");
        let code = code.unwrap_or_else(|| panic!("no code: {answer:?}"));
        let all = party.redeem(&code, &[]).await.json();
        Tokens { all }
    }

    /// Where ledger sends somebody who signs out there.
    pub fn sign_out_url(&self, tokens: &Tokens) -> String {
        self.houses.party.end_session_url(&[
            ("id_token_hint", &tokens.get("id_token")),
            ("post_logout_redirect_uri", &home()),
            ("state", "bye"),
        ])
    }

    /// Signs out at ledger; answers what our house answers at once.
    pub async fn sign_out(&self, tokens: &Tokens) -> Answer {
        self.ada.get(&self.sign_out_url(tokens)).await
    }

    /// The same, and follows to the page that our house shows.
    pub async fn sign_out_to_page(&self, tokens: &Tokens) -> Answer {
        let answer = self.sign_out(tokens).await;
        self.ada.follow(answer, &self.houses.ours.issuer).await
    }

    /// Presses the button that leads to the other house; answers where.
    pub async fn accept(&self, page: &Answer) -> Answer {
        let form = page.form_of("#sign-out-elsewhere");
        let form = form.unwrap_or_else(|| panic!("nothing is offered: {page:?}"));
        let sent = self.ada.submit(page, &form, &[]).await;
        assert_eq!(sent.status, 303, "{sent:?}");
        sent
    }

    /// Follows what leads to the other house until that leads back to us; answers what does.
    pub async fn leave_there(&self, sent: Answer) -> Answer {
        self.assert_goes_there(&sent);
        let back = self.ada.follow(sent, &self.front.base).await;
        let location = back.location().unwrap_or_default();
        let ours = self.houses.ours.url("/upstreams/house/signed_out?state=");
        assert!(location.starts_with(&ours), "{back:?}");
        back
    }

    pub fn assert_goes_there(&self, sent: &Answer) {
        let location = sent.location().unwrap_or_default();
        let there = format!("{}{END_SESSION}?", self.front.base);
        assert_eq!(sent.status, 303, "{sent:?}");
        assert!(location.starts_with(&there), "{sent:?}");
    }

    /// Whether the other house would let her in again without asking.
    pub async fn is_signed_in_there(&self) -> bool {
        let party = RelyingParty::at(&self.front.base, "exeunt", "");
        let callback = self.houses.ours.url("/upstreams/house/callback");
        let silent = party.authorize_url(&[("prompt", "none"), ("redirect_uri", &callback)]);
        self.ada.get(&silent).await.parameter("code").is_some()
    }

    pub async fn close(self) {
        self.houses.close().await;
    }
}

/// Ledger's registered `post_logout_redirect_uri`.
pub fn home() -> String {
    format!("{HOME}/")
}

/// The same with what ledger asked to get back.
pub fn home_with_state() -> String {
    format!("{HOME}/?state=bye")
}

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
    let answer = street.ada.get(&back.location().unwrap()).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.location().unwrap(), home_with_state());
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
    let answer = street.ada.get(&back.location().unwrap()).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.location().unwrap(), home_with_state());
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

/// P2, P7: frames are loaded first; the page leads on to the other house, and that to the application.
#[actix_web::test]
async fn an_application_that_is_told_by_a_frame_is_told_before_the_other_house_is_left() {
    for sign_out in [SignOut::Go, SignOut::Offer] {
        let street = Street::between(
            |upstream| upstream.sign_out = sign_out,
            |wish| {
                let mut metadata = crate::support::provider::metadata("https://gallery.example");
                metadata.frontchannel_logout_uri = Some("https://gallery.example/out".to_owned());
                wish.client("gallery", metadata)
            },
        )
        .await;
        let tokens = street.come(&[]).await;
        let gallery = RelyingParty::of(&street.houses.ours, "gallery");
        gallery.tokens(&street.ada, &[]).await;
        let page = street.sign_out_to_page(&tokens).await;
        assert_eq!(page.page(), "page-leaving", "{page:?}");
        assert_eq!(page.attributes("iframe", "src").len(), 1);
        let onward = street.houses.ours.url("/leaving/onward");
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
        let answer = street.ada.get(&back.location().unwrap()).await;
        assert_eq!(answer.location().unwrap(), home_with_state());
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
    let answer = street.ada.get(&back.location().unwrap()).await;
    assert_eq!(answer.location().unwrap(), home_with_state());
    street.close().await;
}

/// Attack 72: whoever has signed in in this browser since is not signed out by what somebody else chose.
#[actix_web::test]
async fn who_has_signed_in_since_is_not_sent_to_leave_the_other_house() {
    for sign_out in [SignOut::Offer, SignOut::Go] {
        let street = Street::between(
            |upstream| upstream.sign_out = sign_out,
            |wish| {
                let mut metadata = crate::support::provider::metadata("https://gallery.example");
                metadata.frontchannel_logout_uri = Some("https://gallery.example/out".to_owned());
                wish.client("gallery", metadata).configure(add_grace)
            },
        )
        .await;
        let tokens = street.come(&[]).await;
        let gallery = RelyingParty::of(&street.houses.ours, "gallery");
        gallery.tokens(&street.ada, &[]).await;
        let before = street.sign_out_to_page(&tokens).await;
        // In another tab.
        let party = &street.houses.party;
        let page = open(&street.ada, &party.authorize_url(&[])).await;
        sign_in_as(&street.ada, &page, "grace", PASSWORD).await;
        let answer = match sign_out {
            SignOut::Go => {
                street
                    .ada
                    .get(&street.houses.ours.url("/leaving/onward"))
                    .await
            }
            _ => street.accept(&before).await,
        };
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
    let onward = street.houses.ours.url("/leaving/onward");
    let answer = street.ada.get(&onward).await;
    assert_eq!(answer.location().unwrap(), home_with_state());
    assert_eq!(street.front.came(END_SESSION).len(), 0);
    street.close().await;
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
            answer = match sign_out {
                SignOut::Go => {
                    street
                        .ada
                        .get(&street.houses.ours.url("/leaving/onward"))
                        .await
                }
                _ => street.accept(&page).await,
            };
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
