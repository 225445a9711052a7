//! `[bus]`: the Redis in which services find what was taken back.

use std::fmt;

use url::Url;

use super::section::{Mistake, Section};

/// `[bus]`: where services find what was taken back, beside the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bus {
    /// The Redis.
    pub url: RedisUrl,
}

/// A `redis://` or `rediss://` URL. Its password is shown only by [`RedisUrl::as_str`].
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(Url);

impl RedisUrl {
    /// Takes the URL of a server and perhaps the number of one of its databases.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence; never the URL itself, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with("redis://") && !text.starts_with("rediss://") {
            return Err("is neither redis:// nor rediss://");
        }
        let url = Url::parse(text).map_err(|_no_url| "is not a URL")?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err("names no host");
        }
        let database = url.path().trim_start_matches('/');
        if !database.is_empty() && database.parse::<u32>().is_err() {
            return Err("names a database that is no number");
        }
        // A fragment could switch off what rediss:// is for.
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has more than a server and the number of a database");
        }
        Ok(Self(url))
    }

    /// The whole URL, its password included.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Without the password.
impl fmt::Display for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        // Fails only where a URL can hold no password.
        let _ = url.set_password(None);
        url.fmt(formatter)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RedisUrl({self})")
    }
}

pub(super) fn read(section: &Section<'_, '_>) -> Option<Bus> {
    let url = section.text("url", |text| match text {
        // A variable that is there and empty.
        "" => Ok(None),
        text => RedisUrl::parse(text).map(Some).map_err(|problem| {
            let mend = "Write redis://user:password@host:6379/0, or rediss:// for TLS.";
            Mistake::new(problem, mend)
        }),
    });
    section.finish();
    Some(Bus { url: url?? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter;
    use std::path::Path;

    fn refusal(text: &str) -> String {
        let read = crate::config::settings::parse(Path::new("exeunt.toml"), text, iter::empty());
        read.unwrap_err().to_string()
    }

    #[test]
    fn a_bus_is_checked_at_the_start_and_never_shown() {
        let told = refusal("[bus]\nurl = 'redis://:sesame@/'\nuri = ''");
        assert!(told.contains("[bus] url "), "{told}");
        assert!(told.contains("Did you mean url?"), "{told}");
        assert!(!told.contains("sesame"), "{told}");
        let read = |text| crate::config::settings::parse(Path::new(""), text, iter::empty());
        assert_eq!(read("[bus]\nurl = ''").unwrap().bus, None);
        let bus = read("[bus]\nurl = 'redis://:sesame@host/1'").unwrap().bus;
        assert_eq!(bus.unwrap().url.as_str(), "redis://:sesame@host/1");
    }

    #[test]
    fn a_url_is_of_a_server_and_shows_no_password() {
        let url = RedisUrl::parse("rediss://exeunt:sesame@redis.example:6380/2").unwrap();
        assert_eq!(url.to_string(), "rediss://exeunt@redis.example:6380/2");
        assert!(!format!("{url:?}").contains("sesame"));
        assert!(url.as_str().contains("sesame"));
        assert!(RedisUrl::parse("redis://localhost").is_ok());
        for (text, problem) in [
            ("http://localhost", "neither"),
            ("redis:localhost", "neither"),
            ("redis://", "no host"),
            ("redis://local host", "not a URL"),
            ("redis://localhost/main", "no number"),
            ("redis://localhost/-1", "no number"),
            ("rediss://localhost/0#insecure", "more than"),
            ("redis://localhost/?protocol=resp3", "more than"),
        ] {
            let told = RedisUrl::parse(text).unwrap_err();
            assert!(told.contains(problem), "{text}: {told}");
        }
    }
}
