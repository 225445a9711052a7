//! What the applications received, read without the provider's code and counted at their side.

use std::collections::{HashMap, HashSet};

use openidconnect::core::CoreJsonWebKeySet;
use serde_json::{Value, json};

use super::guest::Guest;
use crate::support::relying_party::{Ear, Notice, Reply};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What came in so far, and what is to come.
pub struct Evidence {
    issuer: String,
    keys: CoreJsonWebKeySet,
    /// Every part in a session that there was, by its `sid`: the application's identifier and the person's.
    parts: HashMap<String, (String, String)>,
    /// Those that the application has confirmed.
    told: HashSet<String>,
    token_ids: HashSet<String>,
    read: Vec<usize>,
    /// How many notices came in, answered or not.
    pub received: usize,
    /// How many came in though the application had confirmed.
    pub repeated: usize,
}

impl Evidence {
    /// Nothing yet.
    pub fn new(issuer: &str, keys: CoreJsonWebKeySet) -> Self {
        Self {
            issuer: issuer.to_owned(),
            keys,
            parts: HashMap::new(),
            told: HashSet::new(),
            token_ids: HashSet::new(),
            read: Vec::new(),
            received: 0,
            repeated: 0,
        }
    }

    /// These keys sign from now on.
    pub fn believe(&mut self, keys: CoreJsonWebKeySet) {
        self.keys = keys;
    }

    /// Somebody has signed in: both applications will have to be told.
    pub fn expect(&mut self, guest: &Guest) {
        for part in [&guest.shared, &guest.own] {
            let whose = (part.party.client_id.clone(), part.sub.clone());
            self.parts.insert(part.sid.clone(), whose);
        }
    }

    /// Reads what came in since it was last read.
    pub fn read(&mut self, ears: &[Ear]) {
        self.read.resize(ears.len(), 0);
        for (number, ear) in ears.iter().enumerate() {
            let notices = ear.notices_since(self.read[number]);
            self.read[number] += notices.len();
            for notice in &notices {
                self.take(notice);
            }
        }
    }

    fn take(&mut self, notice: &Notice) {
        self.received += 1;
        let claims = notice.claims_by(&self.keys);
        let text = |name: &str| claims[name].as_str().unwrap().to_owned();
        let sid = text("sid");
        let (client_id, sub) = self
            .parts
            .get(&sid)
            .expect("somebody signed in under this sid");
        assert_eq!(claims["iss"], self.issuer.as_str());
        assert_eq!(claims["aud"], client_id.as_str());
        assert_eq!(claims["sub"], sub.as_str());
        assert_eq!(claims["events"], json!({ EVENT: {} }));
        assert_eq!(claims["nonce"], Value::Null);
        let heard_at = notice.heard_at.timestamp();
        let (issued_at, expires_at) = (claims["iat"].as_i64(), claims["exp"].as_i64());
        assert!(
            issued_at.unwrap() <= heard_at && heard_at < expires_at.unwrap(),
            "{claims}"
        );
        assert!(
            self.token_ids.insert(text("jti")),
            "a token was sent twice: {claims}"
        );
        // A notice that was not answered with this does not count.
        if matches!(notice.reply, Reply::Status(200)) && !self.told.insert(sid) {
            self.repeated += 1;
        }
    }

    /// The parts that ended or will, of which the application has not confirmed to know.
    pub fn missing(&self) -> Vec<&String> {
        let missing = self.parts.keys().filter(|sid| !self.told.contains(*sid));
        missing.collect()
    }

    /// How many parts there were.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }
}
