//! Pictures of every page, for the documentation; `scripts/screenshots` keeps them.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::browser::Page;
use crate::support::demo::{DEMO_PAGES, HOUSE_PAGES, visit_both_houses, visit_the_demo};
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
pub struct Album {
    folder: PathBuf,
    _temporary: TempDir,
}

impl Album {
    /// An empty one.
    pub fn open() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = environment("EXEUNT_SCREENSHOTS");
        Self {
            folder: folder.map_or_else(|| temporary.path().to_owned(), PathBuf::from),
            _temporary: temporary,
        }
    }

    fn file(&self, name: &str, look: &str) -> PathBuf {
        self.folder.join(format!("{name}-{look}.png"))
    }

    /// Takes a page in every look.
    pub async fn take(&self, name: &str, page: &Page) {
        for (look, width, height, dark) in LOOKS {
            page.viewport(width, height).await;
            page.dark(dark).await;
            page.screenshot(&self.file(name, look)).await;
        }
    }

    fn assert_has(&self, names: &[&str]) {
        for name in names {
            for (look, ..) in LOOKS {
                let picture = std::fs::read(self.file(name, look)).unwrap();
                assert!(picture.starts_with(b"\x89PNG"), "{name} {look}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn every_page_has_its_picture_in_both_themes_and_sizes() {
    let album = Album::open();
    visit_every_page(async |name, page| album.take(name, page).await).await;
    album.assert_has(&PAGES);
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn every_page_of_the_demo_has_its_picture_too() {
    let album = Album::open();
    visit_the_demo(async |name, page| album.take(name, page).await).await;
    album.assert_has(&DEMO_PAGES);
}

#[tokio::test]
#[ignore = "needs Chromium: run scripts/test"]
async fn every_page_that_speaks_of_the_other_house_has_its_picture_too() {
    let album = Album::open();
    visit_both_houses(async |name, page| album.take(name, page).await).await;
    album.assert_has(&HOUSE_PAGES);
}
