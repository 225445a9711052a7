//! The page of an invitation.

use chrono::TimeDelta;
use exeunt::flows::upstream::invitations::invite;
use exeunt::oidc::upstream::{Admits, Upstream};

use super::pages::faults_of;
use crate::support::browser::Browser;
use crate::upstream::stub::{Ours, Stub};

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn an_invitation_is_accessible_and_fits_its_screen() {
    let stub = Stub::open();
    let upstream = Upstream {
        admits: Admits::Invited,
        ..stub.upstream()
    };
    let ours = Ours::with(vec![upstream], |wish| wish).await;
    let made = invite(ours.provider.flows(), "house", TimeDelta::days(1), None).await;
    let link = made.unwrap().unwrap().link;
    let browser = Browser::launch().await;
    let page = browser.page("about:blank").await;
    page.goto(&link).await;
    let mut faults = faults_of("invitation", &page).await;
    page.goto(&format!("{link}x")).await;
    faults.extend(faults_of("invitation-over", &page).await);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    ours.provider.stop().await;
}
