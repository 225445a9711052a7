//! For how long an answer may be kept by who asked for it (RFC 9111 §4.2, §5.2.2).

use chrono::TimeDelta;
use reqwest::header::{AGE, CACHE_CONTROL, HeaderMap};

/// The longest that counts: what says more says "for ever", and a sum of times must not overflow.
const LONGEST: u32 = 365 * 24 * 3600;

/// What `Cache-Control` and `Age` say; none where they say nothing intelligible. An answer that must not be kept, or
/// not be used again unasked, is fresh for no time at all.
pub(super) fn fresh_for(headers: &HeaderMap) -> Option<TimeDelta> {
    let mut longest = None;
    for line in headers.get_all(CACHE_CONTROL) {
        for directive in line.to_str().ok()?.split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => return Some(TimeDelta::zero()),
                "max-age" => {
                    let said = seconds(value.trim().trim_matches('"'))?;
                    // Of two the shorter one errs on the safe side.
                    longest = Some(longest.map_or(said, |before: u32| before.min(said)));
                }
                _ => {}
            }
        }
    }
    let age = headers.get(AGE).and_then(|age| age.to_str().ok());
    let age = age.and_then(seconds).unwrap_or(0);
    longest.map(|longest| TimeDelta::seconds(longest.saturating_sub(age).into()))
}

/// RFC 9111 §1.2.2: digits alone, and what is too large counts as very large.
fn seconds(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(LONGEST).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[(&'static str, &str)]) -> Option<i64> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        fresh_for(&headers).map(|fresh| fresh.num_seconds())
    }

    #[test]
    fn an_answer_is_fresh_for_as_long_as_its_header_says() {
        for (value, expected) in [
            ("max-age=60", Some(60)),
            ("public, Max-Age=60 , must-revalidate", Some(60)),
            (r#"max-age="60""#, Some(60)),
            ("max-age=60, max-age=5", Some(5)),
            ("max-age=0", Some(0)),
            ("max-age=99999999999999999999", Some(i64::from(LONGEST))),
            ("no-store", Some(0)),
            ("max-age=60, no-cache", Some(0)),
            (r#"no-cache="set-cookie", max-age=60"#, Some(0)),
            ("public", None),
            ("s-maxage=60", None),
            ("max-age", None),
            ("max-age=-1", None),
            ("max-age=+1", None),
            ("max-age=x", None),
            ("", None),
        ] {
            assert_eq!(said(&[("cache-control", value)]), expected, "{value}");
        }
        assert_eq!(said(&[]), None);
        let lines = [
            ("cache-control", "max-age=60"),
            ("cache-control", "no-store"),
        ];
        assert_eq!(said(&lines), Some(0));
    }

    #[test]
    fn the_time_that_it_lay_elsewhere_counts() {
        let aged = |age| said(&[("cache-control", "max-age=60"), ("age", age)]);
        assert_eq!(aged("20"), Some(40));
        assert_eq!(aged("90"), Some(0));
        assert_eq!(aged("x"), Some(60));
    }
}
