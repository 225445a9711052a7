//! Durations as people write them: a whole number and a unit.

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The units, the largest first, in milliseconds.
const UNITS: [(&str, i64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads `300ms`, `60s`, `10m`, `24h` or `30d`; nothing else, neither signs nor sums. None: it is something else, or
/// longer than a [`TimeDelta`] holds.
pub fn parse(text: &str) -> Option<TimeDelta> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    TimeDelta::try_milliseconds(number.parse::<i64>().ok()?.checked_mul(millis)?)
}

/// The shortest text that [`parse`] reads as `duration`.
pub fn show(duration: TimeDelta) -> String {
    let millis = duration.num_milliseconds();
    UNITS
        .into_iter()
        .find(|(_, unit)| millis != 0 && millis % unit == 0)
        .map_or_else(
            || "0s".to_owned(),
            |(name, unit)| format!("{}{name}", millis / unit),
        )
}

/// A duration as a setting: kept and read as [`parse`] and [`show`] have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(pub TimeDelta);

impl Serialize for Lifetime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show(self.0))
    }
}

impl<'de> Deserialize<'de> for Lifetime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map(Self).ok_or_else(|| {
            de::Error::custom("not a duration: a whole number and a unit, such as 60s, 24h or 30d")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_the_same_again() {
        for text in ["300ms", "60001ms", "61s", "1m", "90m", "24h", "30d", "0s"] {
            let duration = parse(text).unwrap();
            assert_eq!(parse(&show(duration)), Some(duration), "{text}");
        }
        assert_eq!(show(TimeDelta::seconds(60)), "1m");
    }

    #[test]
    fn whatever_is_not_one_number_and_one_unit_is_refused() {
        for text in [
            "",
            "s",
            "5",
            "-5s",
            "+5s",
            "1.5h",
            "1h30m",
            "5 s",
            "5S",
            "5w",
            "５s",
            "9223372036854775807d",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
