//! What a browser calls itself, in words that a person knows it by.

use super::Ui;

/// In the order in which they must be looked for: most pretend to be others too.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

impl Ui {
    /// "Firefox on Linux", as far as the name tells; it proves nothing.
    pub(super) fn browser(&self, user_agent: &str) -> String {
        let find = |known: &[(&str, &'static str)]| {
            let found = known.iter().find(|(sign, _)| user_agent.contains(sign));
            found.map(|(_, name)| *name)
        };
        match (find(&BROWSERS), find(&SYSTEMS)) {
            (Some(browser), Some(system)) => {
                let text = self.text_with("browser-on", "system", system);
                format!("{browser}\u{a0}{text}")
            }
            (Some(name), None) | (None, Some(name)) => name.to_owned(),
            (None, None) => self.text("browser-unknown"),
        }
    }
}
