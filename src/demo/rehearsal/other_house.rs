//! The second act: somebody of the other house comes in through it, leaves there, and everyone hears of it here.

use anyhow::{Context as _, ensure};
use url::Url;

use super::{Prompter, Rehearsal, SOON, address};
use crate::demo::browser::Page;
use crate::demo::{Application, Applications, House};

pub(super) async fn play(
    rehearsal: &mut Rehearsal,
    applications: &Applications,
    house: &House,
    play: &mut Prompter<'_>,
) -> Result<(), anyhow::Error> {
    let Applications {
        ledger,
        atlas,
        gallery,
        ..
    } = applications;
    rehearsal.sign_in_through(house, ledger).await?;
    let what = "Signed in at Ledger, through the other house";
    play.done(what, rehearsal.clock.now())?;
    for application in [atlas, gallery] {
        rehearsal.sign_in_without_password(application).await?;
        let what = format!("Signed in at {}, without a password", application.name);
        play.done(&what, rehearsal.clock.now())?;
    }
    let mut before = Vec::new();
    for application in applications.all() {
        before.push(rehearsal.look(application).await?);
    }

    let leaving = rehearsal.leave(house).await?;
    play.done("Signed out at the other house", rehearsal.clock.now())?;
    let frames = rehearsal.load_frames(&leaving).await?;
    let what = format!("Loaded {frames} frames, of its page and within");
    play.done(&what, rehearsal.clock.now())?;
    for (application, before) in applications.all().into_iter().zip(&before) {
        rehearsal.wait_until_told(application, before, SOON).await?;
        let what = format!("{} was told and is signed out", application.name);
        play.done(&what, rehearsal.clock.now())?;
    }
    Ok(())
}

impl Rehearsal {
    async fn sign_in_through(
        &mut self,
        house: &House,
        application: &Application,
    ) -> Result<(), anyhow::Error> {
        let page = self.browser.open(address(application, "/sign-in")?).await?;
        let button = page.form_of(&house.button());
        let button = button.with_context(|| format!("{} has no such button", page.url))?;
        let page = self.browser.submit(&page, &button).await?;
        let there = Url::parse(&house.issuer)?.origin();
        ensure!(
            page.url.origin() == there,
            "the way to the other house ended at {}",
            page.url
        );
        let page = self.enter_password(&page, &house.person).await?;
        self.check_arrival(application, &page).await
    }

    async fn leave(&mut self, house: &House) -> Result<Page, anyhow::Error> {
        let asked = Url::parse(&format!("{}/end_session", house.issuer))?;
        let page = self.browser.open(asked).await?;
        let button = page.form_of("sign-out");
        let button = button.context("the other house does not say that anyone is signed in")?;
        self.browser.submit(&page, &button).await
    }
}
