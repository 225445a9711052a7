//! What every page shares: its language, the issuer's name, and the way from a key to a text.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::TimeDelta;
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{Loader as _, static_loader};
use serde::Serialize;
use unic_langid::{CharacterDirection, LanguageIdentifier, langid};

use crate::clock::Timestamp;
use crate::http::static_files;

static_loader! {
    static TEXTS = {
        locales: "./locales",
        fallback_language: "en",
        // Isolation marks would end up in attributes; the templates isolate names with <bdi> instead.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

/// Stands for a value that the template puts in itself, as an element.
const HOLE: &str = "\u{fffc}";

/// What every page needs to know about where and for whom it is shown.
#[derive(Debug, Clone)]
pub struct Ui {
    language: LanguageIdentifier,
    issuer_host: String,
    prefix: String,
    request_id: String,
}

/// A sentence with at most one moment in it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sentence {
    pub(super) before: String,
    pub(super) time: Option<Moment>,
    pub(super) after: String,
}

/// A moment for people (UTC, until the page's script knows their time zone) and for machines.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Moment {
    pub(super) datetime: String,
    pub(super) text: String,
}

impl Ui {
    /// `issuer_host` is shown in the footer; `prefix` is the issuer's path without a trailing slash (often empty);
    /// `request_id` lets an administrator find this request in the log.
    pub fn new(
        language: LanguageIdentifier,
        issuer_host: impl Into<String>,
        prefix: impl Into<String>,
        request_id: impl Into<String>,
    ) -> Self {
        Self {
            language,
            issuer_host: issuer_host.into(),
            prefix: prefix.into(),
            request_id: request_id.into(),
        }
    }

    /// The language tag for `lang`.
    pub(super) fn lang(&self) -> String {
        self.language.to_string()
    }

    /// The writing direction for `dir`.
    pub(super) fn dir(&self) -> &'static str {
        match self.language.character_direction() {
            CharacterDirection::RTL => "rtl",
            _ => "ltr",
        }
    }

    pub(super) fn issuer_host(&self) -> &str {
        &self.issuer_host
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The address of a file in `static/`; it changes with the file's content.
    pub(super) fn asset(&self, name: &str) -> String {
        format!("{}{}", self.prefix, static_files::address(name))
    }

    /// The text of a key without arguments.
    pub(super) fn text(&self, key: &str) -> String {
        TEXTS.lookup(&self.language, key)
    }

    /// The text of a key, or nothing if there is none: for keys that are made from input.
    pub(super) fn known_text(&self, key: &str) -> Option<String> {
        TEXTS.try_lookup(&self.language, key)
    }

    /// The text of a key with one argument.
    pub(super) fn text_with<'a>(
        &self,
        key: &str,
        argument: &'static str,
        value: impl Into<FluentValue<'a>>,
    ) -> String {
        let arguments = HashMap::from([(Cow::Borrowed(argument), value.into())]);
        TEXTS.lookup_with_args(&self.language, key, &arguments)
    }

    /// The text of a key whose argument is `$count`.
    pub(super) fn count(&self, key: &str, count: usize) -> String {
        self.text_with(key, "count", count)
    }

    /// The text of a key before and after its argument, for a template that shows the argument as an element.
    pub(super) fn around(&self, key: &str, argument: &'static str) -> Sentence {
        let text = self.text_with(key, argument, HOLE);
        let (before, after) = text.split_once(HOLE).unwrap_or((&text, ""));
        Sentence {
            before: before.to_owned(),
            time: None,
            after: after.to_owned(),
        }
    }

    /// A sentence without a moment in it.
    pub(super) fn sentence(&self, key: &str) -> Sentence {
        Sentence {
            before: self.text(key),
            time: None,
            after: String::new(),
        }
    }

    /// A sentence with one argument that is shown as text.
    pub(super) fn sentence_with(
        &self,
        key: &str,
        argument: &'static str,
        value: String,
    ) -> Sentence {
        Sentence {
            before: self.text_with(key, argument, value),
            time: None,
            after: String::new(),
        }
    }

    /// A sentence whose argument `$time` is a moment.
    pub(super) fn sentence_with_time(&self, key: &str, time: Moment) -> Sentence {
        Sentence {
            time: Some(time),
            ..self.around(key, "time")
        }
    }

    /// How long something takes or has lasted, in its largest unit, rounded up to at least a second.
    pub(super) fn duration(&self, length: TimeDelta) -> String {
        let seconds = length.num_seconds().max(1);
        let (key, count) = match seconds {
            0..60 => ("duration-seconds", seconds),
            60..3_600 => ("duration-minutes", seconds / 60),
            3_600..86_400 => ("duration-hours", seconds / 3_600),
            _ => ("duration-days", seconds / 86_400),
        };
        self.text_with(key, "count", count)
    }
}

impl Moment {
    /// Hours and minutes: for what is to come. With the date, unless that is the same as at `now`.
    pub(super) fn to_the_minute(moment: Timestamp, now: Timestamp) -> Self {
        Self::formatted(moment, now, "%H:%M UTC")
    }

    /// Hours, minutes and seconds: for receipts. With the date, unless that is the same as at `now`.
    pub(super) fn to_the_second(moment: Timestamp, now: Timestamp) -> Self {
        Self::formatted(moment, now, "%H:%M:%S UTC")
    }

    /// Its day too, always: for what is past.
    pub(super) fn with_its_day(moment: Timestamp) -> Self {
        Self {
            datetime: moment.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            text: moment.format("%Y-%m-%d %H:%M UTC").to_string(),
        }
    }

    fn formatted(moment: Timestamp, now: Timestamp, format: &str) -> Self {
        let time = moment.format(format);
        Self {
            datetime: moment.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            text: if moment.date_naive() == now.date_naive() {
                time.to_string()
            } else {
                format!("{} {time}", moment.format("%Y-%m-%d"))
            },
        }
    }
}

/// The languages that we have texts in, as BCP 47 tags.
pub fn languages() -> Vec<String> {
    TEXTS.locales().map(ToString::to_string).collect()
}

/// The best language we have texts in: `ui_locales` first (OpenID Connect Core §3.1.2.1), then `Accept-Language`
/// (RFC 9110 §12.5.4), then English.
pub fn negotiate_language(
    ui_locales: Option<&str>,
    accept_language: Option<&str>,
) -> LanguageIdentifier {
    let asked = ui_locales.unwrap_or_default().split_whitespace();
    let mut accepted: Vec<(&str, f32)> = accept_language
        .unwrap_or_default()
        .split(',')
        .map(|range| match range.split_once(";q=") {
            Some((tag, weight)) => (tag.trim(), weight.trim().parse().unwrap_or(0.0)),
            None => (range.trim(), 1.0),
        })
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    // The sort is stable: of equal weights the first one named wins.
    accepted.sort_by(|one, other| other.1.total_cmp(&one.1));
    asked
        .chain(accepted.into_iter().map(|(tag, _)| tag))
        .filter_map(|tag| tag.parse::<LanguageIdentifier>().ok())
        .find_map(|wanted| {
            let ours = || TEXTS.locales();
            ours()
                .find(|known| **known == wanted)
                .or_else(|| ours().find(|known| known.language == wanted.language))
                .cloned()
        })
        .unwrap_or(langid!("en"))
}
