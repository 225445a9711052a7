//! From an application through our house to the other one, and the ways out, in a real browser.

use exeunt::oidc::upstream::leaving::SignOut;

use super::leaving::Street;
use crate::in_a_browser::pages::faults_of;
use crate::screenshots::Album;
use crate::support::browser::{Browser, Page};
use crate::support::front::METADATA;
use crate::support::provider::metadata;
use crate::support::relying_party::{RelyingParty, Tokens};
use crate::support::site::Site;
use crate::support::stage::{fill_in_password, parameter};

/// A street with two applications of ours on a site of their own: atlas, and gallery, which is told by a frame.
struct Town {
    street: Street,
    site: Site,
}

impl Town {
    async fn with(sign_out: SignOut) -> Self {
        let site = Site::open().await;
        let mut gallery = metadata(&site.base);
        gallery.frontchannel_logout_uri = Some(format!("{}/out", site.base));
        let atlas = metadata(&site.base);
        let street = Street::between(
            |upstream| upstream.sign_out = sign_out,
            |wish| wish.client("atlas", atlas).client("gallery", gallery),
        )
        .await;
        Self { street, site }
    }

    async fn sign_in(&self, page: &Page, client_id: &str) -> Tokens {
        let party = RelyingParty::of(&self.street.houses.ours, client_id);
        page.goto(&party.authorize_url(&[])).await;
        if page
            .url()
            .await
            .starts_with(&self.street.houses.ours.issuer)
        {
            page.click("#upstream-house").await;
            page.wait_for_url(|url| url.starts_with(&self.street.front.base))
                .await;
            fill_in_password(page).await;
        }
        let url = page
            .wait_for_url(|url| url.starts_with(&party.redirect_uri) && url.contains("code="))
            .await;
        let answer = party.redeem(&parameter(&url, "code"), &[]).await;
        Tokens { all: answer.json() }
    }

    fn sign_out_url(&self, tokens: &Tokens) -> String {
        let party = RelyingParty::of(&self.street.houses.ours, "atlas");
        party.end_session_url(&[
            ("id_token_hint", &tokens.get("id_token")),
            ("post_logout_redirect_uri", &self.home()),
            ("state", "bye"),
        ])
    }

    fn home(&self) -> String {
        format!("{}/", self.site.base)
    }

    async fn comes_home(&self, page: &Page) {
        let home = self.home();
        let url = page.wait_for_url(|url| url.starts_with(&home)).await;
        assert_eq!(parameter(&url, "state"), "bye");
    }

    /// The other house does not know her any more.
    async fn assert_left_there(&self, page: &Page) {
        page.goto(&format!("{}/account", self.street.front.base))
            .await;
        page.wait_for("#page-sign-in").await;
    }
}

/// P5: with scripts and without.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_is_offered_to_leave_the_other_house_chooses_by_a_button() {
    let town = Town::with(SignOut::Offer).await;
    let browser = Browser::launch().await;
    for scripts in [true, false] {
        let page = browser.page("about:blank").await;
        let tokens = town.sign_in(&page, "atlas").await;
        if !scripts {
            page.disable_javascript().await;
        }
        page.goto(&town.sign_out_url(&tokens)).await;
        page.wait_for("#page-signed-out").await;
        page.click("#sign-out-elsewhere").await;
        town.comes_home(&page).await;
        page.enable_javascript().await;
        town.assert_left_there(&page).await;
    }
    town.street.close().await;
}

/// P5, P7: the frames are loaded, then the page leads on by itself; without scripts by its button.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn who_is_taken_to_the_other_house_comes_back_to_the_application() {
    let town = Town::with(SignOut::Go).await;
    let browser = Browser::launch().await;
    for (scripts, framed) in [(true, true), (false, true), (true, false)] {
        let page = browser.page("about:blank").await;
        let tokens = town.sign_in(&page, "atlas").await;
        let before = town.site.asked("/out").len();
        if framed {
            town.sign_in(&page, "gallery").await;
        }
        if !scripts {
            page.disable_javascript().await;
        }
        page.goto(&town.sign_out_url(&tokens)).await;
        if !scripts {
            page.wait_for("#page-leaving").await;
            page.click("#continue").await;
        }
        town.comes_home(&page).await;
        assert_eq!(town.site.asked("/out").len() - before, usize::from(framed));
        page.enable_javascript().await;
        town.assert_left_there(&page).await;
    }
    town.street.close().await;
}

/// P7: the page stays while there is something to choose, whatever its script does.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn pages_that_speak_of_the_other_house_stay_and_are_for_everybody() {
    let town = Town::with(SignOut::Offer).await;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    let (mut faults, album) = (Vec::new(), Album::open());
    let tokens = town.sign_in(&page, "atlas").await;
    town.sign_in(&page, "gallery").await;
    page.goto(&town.sign_out_url(&tokens)).await;
    page.wait_for("#page-leaving").await;
    page.wait_for("#sign-out-elsewhere").await;
    faults.extend(faults_of("leaving-offered", &page).await);
    album.take("leaving-offered", &page).await;
    // Longer than the page stays otherwise.
    page.wait_until_true("performance.now() > 3000").await;
    assert!(page.url().await.ends_with("/leaving"));
    page.goto(&town.street.houses.ours.url("/signed-out")).await;
    page.wait_for("#sign-out-elsewhere").await;
    faults.extend(faults_of("signed-out-offered", &page).await);
    album.take("signed-out-offered", &page).await;
    page.click("#sign-out-elsewhere").await;
    town.comes_home(&page).await;
    page.goto(&town.street.houses.ours.url("/signed-out")).await;
    page.wait_for("#elsewhere").await;
    faults.extend(faults_of("signed-out-asked", &page).await);
    album.take("signed-out-asked", &page).await;
    town.street.close().await;

    let town = Town::with(SignOut::Offer).await;
    let none = serde_json::Value::Null;
    town.street.front.say("end_session_endpoint", none);
    let tokens = town.sign_in(&page, "atlas").await;
    assert!(!town.street.front.came(METADATA).is_empty());
    page.goto(&town.sign_out_url(&tokens)).await;
    page.wait_for("#elsewhere").await;
    faults.extend(faults_of("signed-out-unreachable", &page).await);
    album.take("signed-out-unreachable", &page).await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    town.street.close().await;
}
