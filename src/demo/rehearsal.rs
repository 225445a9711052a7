//! The whole journey without a person: one password, three applications and a service that they call, one sign-out,
//! everyone told, and the access tokens good no more; and once more through the other house.

mod other_house;

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail, ensure};
use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use url::Url;

use super::browser::{Browser, Page};
use super::html::Form;
use super::{Application, Applications, House, Person};
use crate::clock::{Clock, Timestamp};

/// How long an application that is up may take to be told.
const SOON: TimeDelta = TimeDelta::seconds(10);
/// How long one that was down may take to be told after it came back: the provider's back-off included.
const IN_THE_END: TimeDelta = TimeDelta::seconds(60);
/// Between two looks at an application.
const PAUSE: TimeDelta = TimeDelta::milliseconds(50);

/// Between two calls of the service while somebody signs out.
const CALLS: TimeDelta = TimeDelta::milliseconds(5);

/// Plays the journey through the same doors as a browser, printing each step with its time; that of somebody who comes
/// in through another house, too, where there is one. Fails at the first step that does not go as it should; success
/// means that every application was told of each sign-out, and that the service refused the very tokens that it had taken.
pub async fn rehearse(
    applications: &Applications,
    person: &Person,
    house: Option<&House>,
    clock: Arc<dyn Clock>,
    out: &mut (dyn Write + Send),
) -> Result<(), anyhow::Error> {
    let mut rehearsal = Rehearsal {
        browser: Browser::new()?,
        clock,
    };
    let Applications {
        ledger,
        atlas,
        gallery,
        ..
    } = applications;
    let began = rehearsal.clock.now();
    writeln!(out, "Rehearsal")?;

    let mut play = Prompter { out, since: began };
    rehearsal.sign_in_with_password(ledger, person).await?;
    play.done(
        "Signed in at Ledger, with a password",
        rehearsal.clock.now(),
    )?;
    for application in [atlas, gallery] {
        rehearsal.sign_in_without_password(application).await?;
        let what = format!("Signed in at {}, without one", application.name);
        play.done(&what, rehearsal.clock.now())?;
    }
    for application in [ledger, atlas] {
        rehearsal.call_until(application, ANSWERED).await?;
        let what = format!("Almanac answered a call of {}", application.name);
        play.done(&what, rehearsal.clock.now())?;
    }
    let before = [
        rehearsal.look(ledger).await?,
        rehearsal.look(atlas).await?,
        rehearsal.look(gallery).await?,
    ];

    rehearsal.switch(atlas, true).await?;
    play.done("Atlas pretends to be down", rehearsal.clock.now())?;

    // In another window it goes on calling meanwhile.
    let mut calling = rehearsal.clone();
    let began_to_leave = rehearsal.clock.now();
    let (leaving, refused_at) = tokio::try_join!(
        rehearsal.sign_out(ledger),
        calling.call_until(ledger, REFUSED)
    )?;
    play.done("Signed out at Ledger", rehearsal.clock.now())?;
    let now = rehearsal.look(ledger).await?;
    ensure!(
        now.token.is_some() && now.token == before[0].token,
        "Ledger called with another token than before"
    );
    let taken = refused_at - began_to_leave;
    play.say("Almanac refused the same token, from the click on", taken)?;
    let frames = rehearsal.load_frames(&leaving).await?;
    let what = format!("Loaded {frames} of the leaving page's frames");
    play.done(&what, rehearsal.clock.now())?;

    for (application, before) in [(ledger, &before[0]), (gallery, &before[2])] {
        rehearsal.wait_until_told(application, before, SOON).await?;
        let what = format!("{} was told and is signed out", application.name);
        play.done(&what, rehearsal.clock.now())?;
    }

    rehearsal.wait_until_turned_away(atlas, &before[1]).await?;
    play.done(
        "Atlas turned a notice away and is still signed in",
        rehearsal.clock.now(),
    )?;
    rehearsal.call_until(atlas, REFUSED).await?;
    let what = "Almanac refused the token of Atlas, which knows nothing";
    play.done(what, rehearsal.clock.now())?;
    rehearsal.switch(atlas, false).await?;
    play.done("Atlas is up again", rehearsal.clock.now())?;
    rehearsal
        .wait_until_told(atlas, &before[1], IN_THE_END)
        .await?;
    play.done("Atlas was told and is signed out", rehearsal.clock.now())?;

    if let Some(onward) = leaving.link("continue") {
        rehearsal.browser.open(onward).await?;
        play.done("Continued from the leaving page", rehearsal.clock.now())?;
    }
    if let Some(house) = house {
        let mut rehearsal = Rehearsal {
            browser: Browser::new()?,
            clock: Arc::clone(&rehearsal.clock),
        };
        other_house::play(&mut rehearsal, applications, house, &mut play).await?;
    }
    play.since = began;
    play.done("Every application was told", rehearsal.clock.now())
}

/// What the service answers to a good token, and to one that is not (RFC 6750 §3.1).
const ANSWERED: u16 = 200;
const REFUSED: u16 = 401;

/// What an application's `/status` says.
#[derive(Deserialize)]
struct Status {
    signed_in: bool,
    heard: usize,
    turned_away: usize,
    /// By which one recognises the access token.
    token: Option<String>,
    /// What the service answered last.
    answered: Option<u16>,
}

/// Prints what was done and how long it took.
struct Prompter<'a> {
    out: &'a mut (dyn Write + Send),
    since: Timestamp,
}

impl Prompter<'_> {
    fn done(&mut self, what: &str, now: Timestamp) -> Result<(), anyhow::Error> {
        let taken = now - self.since;
        self.since = now;
        self.say(what, taken)
    }

    fn say(&mut self, what: &str, taken: TimeDelta) -> Result<(), anyhow::Error> {
        let taken = taken.num_milliseconds();
        writeln!(self.out, "  {what:<56}{taken:>8} ms")?;
        Ok(())
    }
}

#[derive(Clone)]
struct Rehearsal {
    browser: Browser,
    clock: Arc<dyn Clock>,
}

impl Rehearsal {
    async fn sign_in_with_password(
        &mut self,
        application: &Application,
        person: &Person,
    ) -> Result<(), anyhow::Error> {
        let page = self.browser.open(address(application, "/sign-in")?).await?;
        let page = self.enter_password(&page, person).await?;
        self.check_arrival(application, &page).await
    }

    async fn enter_password(
        &mut self,
        page: &Page,
        person: &Person,
    ) -> Result<Page, anyhow::Error> {
        let mut form = page
            .form_with("password")
            .with_context(|| format!("{} shows no sign-in form", page.url))?;
        form.fill("username", &person.username);
        form.fill("password", person.password.expose_secret());
        self.browser.submit(page, &form).await
    }

    async fn sign_in_without_password(
        &mut self,
        application: &Application,
    ) -> Result<(), anyhow::Error> {
        let page = self.browser.open(address(application, "/sign-in")?).await?;
        self.check_arrival(application, &page).await
    }

    async fn check_arrival(
        &mut self,
        application: &Application,
        page: &Page,
    ) -> Result<(), anyhow::Error> {
        let name = application.name;
        if page.form_with("password").is_some() {
            bail!("{name} was to be signed in to, but the provider asks for the password again");
        }
        ensure!(
            page.url.origin() == address(application, "/")?.origin(),
            "the way to {name} ended at {}",
            page.url.path()
        );
        ensure!(
            self.look(application).await?.signed_in,
            "{name} does not say that anyone is signed in"
        );
        Ok(())
    }

    async fn switch(&mut self, application: &Application, down: bool) -> Result<(), anyhow::Error> {
        let page = self.browser.open(address(application, "/")?).await?;
        let form = page
            .form_with("down")
            .filter(|form| form.fields.contains(&("down".to_owned(), down.to_string())))
            .with_context(|| format!("{} has no such switch", application.name))?;
        self.browser.submit(&page, &form).await?;
        Ok(())
    }

    async fn sign_out(&mut self, application: &Application) -> Result<Page, anyhow::Error> {
        let page = self.browser.open(address(application, "/")?).await?;
        let form = Form {
            action: "/sign-out".to_owned(),
            fields: Vec::new(),
        };
        self.browser.submit(&page, &form).await
    }

    /// Has the application call the service until that answers so; answers when it did.
    async fn call_until(
        &mut self,
        application: &Application,
        wanted: u16,
    ) -> Result<Timestamp, anyhow::Error> {
        let name = application.name;
        let page = self.browser.open(address(application, "/")?).await?;
        let form = Form {
            action: "/ask".to_owned(),
            fields: Vec::new(),
        };
        let last = self.clock.now() + SOON;
        loop {
            self.browser.submit(&page, &form).await?;
            let answered = self.look(application).await?.answered;
            let now = self.clock.now();
            if answered == Some(wanted) {
                return Ok(now);
            }
            if now >= last {
                let answered = answered.map_or("nothing".to_owned(), |status| status.to_string());
                bail!("Almanac answered {answered} to {name}, and not {wanted}");
            }
            self.clock.sleep_until(now + CALLS).await;
        }
    }

    async fn load_frames(&mut self, leaving: &Page) -> Result<usize, anyhow::Error> {
        let mut frames = leaving.frames()?;
        ensure!(
            !frames.is_empty(),
            "the page after signing out frames no application"
        );
        let mut count = 0;
        while let Some(frame) = frames.pop() {
            let framed = self.browser.open(frame).await?;
            // Another provider's frame has its own applications in frames in turn.
            frames.extend(framed.frames()?);
            count += 1;
        }
        Ok(count)
    }

    async fn wait_until_told(
        &mut self,
        application: &Application,
        before: &Status,
        patience: TimeDelta,
    ) -> Result<(), anyhow::Error> {
        let is_told = |now: &Status| now.heard > before.heard && !now.signed_in;
        self.wait(application, patience, is_told)
            .await?
            .ok_or_else(|| anyhow!("{} was not told", application.name))
            .map(drop)
    }

    async fn wait_until_turned_away(
        &mut self,
        application: &Application,
        before: &Status,
    ) -> Result<(), anyhow::Error> {
        let has_refused = |now: &Status| now.turned_away > before.turned_away;
        let status = self.wait(application, SOON, has_refused).await?;
        let name = application.name;
        let status = status.with_context(|| format!("nobody tried to tell {name}"))?;
        ensure!(
            status.signed_in,
            "{name} was down, but the session there is over"
        );
        Ok(())
    }

    /// Looks until the application is as wanted; nothing if that does not come in time.
    async fn wait(
        &mut self,
        application: &Application,
        patience: TimeDelta,
        is_wanted: impl Fn(&Status) -> bool,
    ) -> Result<Option<Status>, anyhow::Error> {
        let last = self.clock.now() + patience;
        loop {
            let status = self.look(application).await?;
            if is_wanted(&status) {
                return Ok(Some(status));
            }
            let now = self.clock.now();
            if now >= last {
                return Ok(None);
            }
            self.clock.sleep_until(now + PAUSE).await;
        }
    }

    async fn look(&mut self, application: &Application) -> Result<Status, anyhow::Error> {
        let page = self.browser.open(address(application, "/status")?).await?;
        Ok(serde_json::from_str(&page.body)?)
    }
}

fn address(application: &Application, path: &str) -> Result<Url, anyhow::Error> {
    Ok(Url::parse(&format!("{}{path}", application.base_url))?)
}
