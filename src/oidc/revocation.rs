//! What services hear of what was taken back. No specification has this: the interface is ours, and docs/revocation.md
//! describes it. Times are NumericDates (RFC 7519 §2).

use serde::Serialize;

/// One entry of the log, as one service hears it. Several entries may share the number of their cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenBack {
    /// Its place in the log.
    pub number: i64,
    /// What is no longer good.
    #[serde(flatten)]
    pub what: What,
    /// When the last token that it concerns has expired: it may be forgotten then.
    pub until: i64,
}

/// Which tokens are no longer good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the claims'")]
pub enum What {
    /// The one of this name.
    Token { jti: String },
    /// The one whose text has this hash: it carries no name.
    #[serde(rename = "token")]
    TokenHash { hash: String },
    /// Those of this session.
    Session { sid: String },
    /// Those of this grant.
    Grant { grant: String },
    /// Those of this person that were issued before.
    Subject { sub: String, before: i64 },
    /// Those of this client that were issued before.
    Client { client_id: String, before: i64 },
    /// Those that this key has signed.
    Key { kid: String },
    /// All that were issued before.
    All { before: i64 },
}

/// A piece of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece<'a> {
    /// Whose log it is.
    pub issuer: &'a str,
    /// After which number it begins.
    pub from: i64,
    /// The last number that was looked at: where to go on.
    pub to: i64,
    /// The present moment: what is not in here was good then.
    pub now: i64,
    /// What concerns the service.
    pub entries: Vec<TakenBack>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_is_one_flat_object_of_its_kind() {
        let cases = [
            (
                What::Token { jti: "j".into() },
                json!({"number": 7, "kind": "token", "jti": "j", "until": 9}),
            ),
            (
                What::TokenHash { hash: "h".into() },
                json!({"number": 7, "kind": "token", "hash": "h", "until": 9}),
            ),
            (
                What::Session { sid: "s".into() },
                json!({"number": 7, "kind": "session", "sid": "s", "until": 9}),
            ),
            (
                What::Grant { grant: "g".into() },
                json!({"number": 7, "kind": "grant", "grant": "g", "until": 9}),
            ),
            (
                What::Subject {
                    sub: "a".into(),
                    before: 8,
                },
                json!({"number": 7, "kind": "subject", "sub": "a", "before": 8, "until": 9}),
            ),
            (
                What::Client {
                    client_id: "c".into(),
                    before: 8,
                },
                json!({"number": 7, "kind": "client", "client_id": "c", "before": 8, "until": 9}),
            ),
            (
                What::Key { kid: "k".into() },
                json!({"number": 7, "kind": "key", "kid": "k", "until": 9}),
            ),
            (
                What::All { before: 8 },
                json!({"number": 7, "kind": "all", "before": 8, "until": 9}),
            ),
        ];
        for (what, expected) in cases {
            let entry = TakenBack {
                number: 7,
                what,
                until: 9,
            };
            assert_eq!(serde_json::to_value(entry).unwrap(), expected);
        }
    }
}
