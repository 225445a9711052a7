//! Pictures of every page, for the documentation; `scripts/screenshots` keeps them.

use std::path::PathBuf;

use crate::support::environment;
use crate::support::tour::{PAGES, visit_every_page};

/// Name, width, height and whether it is dark.
const LOOKS: [(&str, i64, i64, bool); 4] = [
    ("light", 800, 700, false),
    ("dark", 800, 700, true),
    ("light-320", 320, 640, false),
    ("dark-320", 320, 640, true),
];

/// Writes to the folder that `EXEUNT_SCREENSHOTS` names, otherwise to one that is gone afterwards.
#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn every_page_has_its_picture_in_both_themes_and_sizes() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = environment("EXEUNT_SCREENSHOTS")
        .map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let file = |name: &str, look: &str| folder.join(format!("{name}-{look}.png"));
    visit_every_page(async |name, page| {
        for (look, width, height, dark) in LOOKS {
            page.viewport(width, height).await;
            page.dark(dark).await;
            page.screenshot(&file(name, look)).await;
        }
    })
    .await;
    for name in PAGES {
        for (look, ..) in LOOKS {
            let picture = std::fs::read(file(name, look)).unwrap();
            assert!(picture.starts_with(b"\x89PNG"), "{name} {look}");
        }
    }
}
