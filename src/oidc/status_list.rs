//! Token Status List (draft-ietf-oauth-status-list): one bit for each token of a service that asks for a `status` claim.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::clock::Timestamp;

/// The claim by which a token says where its status is (§6.1), and how a service asks for it.
pub const CLAIM: &str = "status";
/// The `typ` of a list (§5.1).
pub const TYPE: &str = "statuslist+jwt";
/// What a list is sent as (§8.2).
pub const MEDIA_TYPE: &str = "application/statuslist+jwt";

/// How many tokens a list has room for. Few of them are taken back, and so it is small once it is compressed; and nobody
/// can tell from it how many there are.
pub const ROOM: u32 = 1 << 20;
/// How many lists a service may have for the tokens of one [`WINDOW`].
pub const MOST_LISTS: u32 = 1 << 10;
/// For how long a list takes tokens up: after that, and when the last of them has expired, it is forgotten whole. So no
/// place is given twice (§13.3).
pub const WINDOW: TimeDelta = TimeDelta::hours(1);
/// For how long a reader may keep a list before it asks again: so much later it may learn that a token is dead.
pub const TTL: TimeDelta = TimeDelta::seconds(30);
/// For how long a list may be relied on at all.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// A token's place: which of its service's lists, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The list's number.
    pub number: i64,
    /// The index, below [`ROOM`].
    pub index: u32,
}

impl Place {
    /// One at random for a token of this moment, as `drawn` says. The more often it was taken already (`attempt`), the more
    /// lists it may be in: so no list needs to be known to be full.
    pub fn drawn(drawn: u64, attempt: u32, at: Timestamp) -> Self {
        let lists = 1_u32.checked_shl(attempt).unwrap_or(MOST_LISTS);
        let [high, low] = [drawn >> 32, drawn & u64::from(u32::MAX)];
        let list = high as u32 % lists.min(MOST_LISTS);
        Self {
            number: window(at) * i64::from(MOST_LISTS) + i64::from(list),
            index: low as u32 % ROOM,
        }
    }
}

fn window(at: Timestamp) -> i64 {
    at.timestamp().div_euclid(WINDOW.num_seconds())
}

/// The first moment at which lists of the window of `at` take up no more.
pub fn window_end(at: Timestamp) -> Timestamp {
    let end = (window(at) + 1) * WINDOW.num_seconds();
    Timestamp::from_timestamp(end, 0).unwrap_or(at + WINDOW)
}

/// The claim of the token at this place of the list at `uri` (§6.2).
pub fn claim(uri: &str, index: u32) -> Value {
    json!({ "status_list": { "idx": index, "uri": uri } })
}

/// The bits of a list in which these tokens are invalid (1) and all others valid (0): the first is the lowest of the first
/// byte (§4.1).
pub fn bits(invalid: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0; (ROOM / 8) as usize];
    for index in invalid {
        if let Some(byte) = bytes.get_mut((index / 8) as usize) {
            *byte |= 1 << (index % 8);
        }
    }
    bytes
}

/// The claims of the list at `uri` (§5.1). `lst`: the [`bits`], compressed with zlib, in base64url (§4.2).
pub fn claims(issuer: &str, uri: &str, lst: &str, now: Timestamp) -> Value {
    json!({
        "iss": issuer,
        "sub": uri,
        "iat": now.timestamp(),
        "exp": (now + LIFETIME).timestamp(),
        "ttl": TTL.num_seconds(),
        "status_list": { "bits": 1, "lst": lst },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::token::id_token::tests::noon;

    /// The example of §4.1.
    #[test]
    fn the_first_status_is_the_lowest_bit() {
        let bytes = bits(&[0, 3, 4, 5, 7, 8, 9, 13, 15]);
        assert_eq!(bytes[..2], [0xb9, 0xa3]);
        assert_eq!(bytes.len(), 131_072);
        assert!(bytes[2..].iter().all(|byte| *byte == 0));
        assert_eq!(bits(&[ROOM - 1])[131_071], 0x80);
        assert_eq!(bits(&[ROOM, u32::MAX]), bits(&[]));
    }

    #[test]
    fn places_are_in_more_lists_the_more_often_one_was_taken() {
        let drawn = 0xffff_ffff_0010_0007;
        let place = |attempt| Place::drawn(drawn, attempt, noon());
        let first = place(0);
        assert_eq!(first.index, 7);
        assert_eq!(first.number % 1024, 0);
        assert_eq!(place(1).number, first.number + 1);
        assert_eq!(place(3).number, first.number + 7);
        for many in [10, 11, 31, 32, 200] {
            assert_eq!(place(many).number, first.number + 1023, "{many}");
        }
    }

    #[test]
    fn a_list_takes_up_tokens_of_one_window() {
        let number = |at| Place::drawn(0, 0, at).number;
        let end = window_end(noon());
        assert_eq!(end, noon() + WINDOW);
        assert_eq!(number(end - TimeDelta::milliseconds(1)), number(noon()));
        assert_eq!(number(end), number(noon()) + i64::from(MOST_LISTS));
    }
}
