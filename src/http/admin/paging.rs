//! Pages of a list, newest first: `next` of one is `after` of the following one.

use chrono::DateTime;
use uuid::Uuid;

use crate::clock::Timestamp;

/// How many a page has, unless it is said, and at most.
const USUAL: u64 = 50;
const MOST: u64 = 500;

/// How many items were asked for: none where that is nothing or too much.
pub(super) fn limit(asked: Option<u64>) -> Option<u64> {
    let limit = asked.unwrap_or(USUAL);
    (1..=MOST).contains(&limit).then_some(limit)
}

/// What is wrong with a limit that [`limit`] refuses.
pub(super) const BAD_LIMIT: &str = "limit must be from 1 to 500";
/// What is wrong with a place that [`read`] refuses.
pub(super) const BAD_AFTER: &str = "after must be the next of the page before";

/// Where the page after this one begins, named after its last item; none when it is the last one.
pub(super) fn next<T>(page: &[T], limit: u64, name: impl Fn(&T) -> String) -> Option<String> {
    let last = page.last().filter(|_| page.len() as u64 == limit);
    last.map(name)
}

/// A place in a list, as text.
pub(super) fn write(at: Timestamp, id: Uuid) -> String {
    format!("{}.{}", at.timestamp_millis(), id.simple())
}

/// The place that [`write`] wrote.
pub(super) fn read(text: &str) -> Option<(Timestamp, Uuid)> {
    let (at, id) = text.split_once('.')?;
    let at = DateTime::from_timestamp_millis(at.parse().ok()?)?;
    Some((at, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_nothing_else_does() {
        let at = DateTime::from_timestamp_millis(1_767_268_800_123).unwrap();
        let id = Uuid::from_u128(7);
        assert_eq!(read(&write(at, id)), Some((at, id)));
        for text in ["", ".", "1", "x.y", "1.", "99999999999999999999.0"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
