//! Every page for everybody: in both themes, on a small screen and a large one, under its own policy.

use crate::support::browser::Page;
use crate::support::demo::{DEMO_PAGES, visit_the_demo};
use crate::support::tour::{PAGES, visit_every_page};

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn every_page_is_accessible_fits_its_screen_and_keeps_its_policy() {
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    visit_every_page(async |name, page| {
        faults.extend(faults_of(name, page).await);
        seen.push(name.to_owned());
    })
    .await;
    assert_eq!(seen, PAGES);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn the_example_applications_are_accessible_fit_their_screen_and_keep_their_policy() {
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    visit_the_demo(async |name, page| {
        faults.extend(faults_of(name, page).await);
        seen.push(name.to_owned());
    })
    .await;
    assert_eq!(seen, DEMO_PAGES);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is wrong with the page that is open, in both themes and on both screens.
pub(super) async fn faults_of(name: &str, page: &Page) -> Vec<String> {
    let mut faults = Vec::new();
    for (width, height) in [(1100, 800), (320, 640)] {
        page.viewport(width, height).await;
        for dark in [false, true] {
            page.dark(dark).await;
            let theme = if dark { "dark" } else { "light" };
            let found = page.axe().await.into_iter();
            faults.extend(found.map(|it| format!("{name} {width} {theme}: {it}")));
        }
        let overflow =
            "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let overflow = page.eval::<i64>(overflow).await;
        if overflow > 0 {
            faults.push(format!("{name} {width}: scrolls sideways by {overflow} px"));
        }
    }
    let errors = page.console_errors().into_iter();
    let errors = errors.filter(|error| error.contains("Content Security Policy"));
    faults.extend(errors.map(|error| format!("{name}: {error}")));
    faults
}
