//! The database's address.

use std::fmt;
use std::path::{Path, PathBuf};

/// A `sqlite://` or `postgres://` URL. Its password is shown only by [`DatabaseUrl::as_str`].
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Takes a URL whose scheme we know.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence; never the URL itself, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            // Each connection to a database in memory would see one of its own, and none would survive a restart.
            return match path.split('?').next() {
                None | Some("") => Err("names no file"),
                Some(":memory:") => Err("would be forgotten at the next restart"),
                Some(_) if text.contains("mode=memory") => {
                    Err("would be forgotten at the next restart")
                }
                Some(_) => Ok(Self(text.to_owned())),
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return match url::Url::parse(text) {
                Ok(_) => Ok(Self(text.to_owned())),
                Err(_) => Err("is not a URL"),
            };
        }
        Err("is neither sqlite:// nor postgres://")
    }

    /// The same database, when a relative SQLite file is meant to lie in `folder`.
    #[must_use]
    pub fn inside(self, folder: &Path) -> Self {
        match self.0.strip_prefix("sqlite://") {
            Some(path) if !path.starts_with('/') && !folder.as_os_str().is_empty() => {
                // The URL's path is percent-decoded when the file is opened.
                let folder = folder
                    .to_string_lossy()
                    .replace('%', "%25")
                    .replace('?', "%3F")
                    .replace('#', "%23");
                Self(format!("sqlite://{}/{path}", folder.trim_end_matches('/')))
            }
            _ => self,
        }
    }

    /// The whole URL, its password included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file, if it is SQLite.
    pub fn file(&self) -> Option<PathBuf> {
        let path = self.0.strip_prefix("sqlite://")?;
        let path = path.split('?').next().unwrap_or_default();
        Some(PathBuf::from(percent_decoded(path)))
    }

    /// Whether it is PostgreSQL rather than SQLite.
    pub fn is_postgres(&self) -> bool {
        self.0.starts_with("postgres")
    }
}

/// A path in a URL as the file's name; what is no escape stands for itself.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Default for DatabaseUrl {
    fn default() -> Self {
        Self("sqlite://exeunt.db".to_owned())
    }
}

/// Without the password, and without the query, which may hold one too.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_postgres() {
            return formatter.write_str(&self.0);
        }
        match url::Url::parse(&self.0) {
            Ok(mut url) => {
                // Fails only where a URL can hold no password.
                let _ = url.set_password(None);
                url.set_query(None);
                url.fmt(formatter)
            }
            Err(_) => formatter.write_str("postgres://"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({self})")
    }
}
