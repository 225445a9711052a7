//! Back-channel logout tokens, for applications that are told of sign-outs (OpenID Connect Back-Channel Logout 1.0).
//!
//! ```
//! use exeunt_guard::jwt::VerifyingKey;
//! use exeunt_guard::logout::Receiver;
//!
//! # fn keys() -> Vec<VerifyingKey> { Vec::new() }
//! let receiver = Receiver::new("https://id.example", "ledger");
//! // What was posted to the back-channel logout URI, as the form's `logout_token`.
//! # let (posted, now) = ("", 1_767_268_800);
//! match receiver.receive(posted, &keys(), now) {
//!     Ok(logout) => { /* end the sessions of logout.sid, or else all of logout.sub; answer 200 */ }
//!     Err(refused) => { /* log it; answer 400 */ }
//! }
//! ```

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::errors::Refused;
use crate::json;
use crate::jwt::{self, VerifyingKey};

/// The `typ` of a logout token's header (§2.4).
const TYPE: &str = "logout+jwt";

/// The event that makes a token a logout token (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 10;

/// The most seconds that a logout token may live (§2.4 recommends two minutes): so long it must be remembered.
const LONGEST_LIFE: i64 = 600;

/// Whom a logout token signs out: the session `sid`, or everything of `sub` if there is no `sid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logout {
    /// The person, if it says.
    pub sub: Option<String>,
    /// The session, if it says; the `sid` of the ID token. One of both is always there.
    pub sid: Option<String>,
    /// The token's name.
    pub jti: String,
}

/// Receives the logout tokens of an application, each once.
#[derive(Debug)]
pub struct Receiver {
    issuer: String,
    client_id: String,
    /// The tokens that were received, and until when each must be remembered. Only what the issuer signed gets here.
    received: Mutex<HashMap<String, i64>>,
}

impl Receiver {
    /// For tokens of this issuer to this client.
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            received: Mutex::default(),
        }
    }

    /// Checks a logout token (§2.6) that one of the issuer's `keys` must have signed; `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`Refused`], for the log; [`Refused::Replayed`] when it was received before. Answer 400.
    pub fn receive(
        &self,
        logout_token: &str,
        keys: &[VerifyingKey],
        now: i64,
    ) -> Result<Logout, Refused> {
        let (payload, _) = jwt::verify(logout_token, keys, TYPE)?;
        let claims = json::object(&payload).ok_or(Refused::Claims("one occurs twice"))?;
        let text = |name: &'static str| match claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Refused::Claims(name)),
        };
        let time = |name: &'static str| {
            let time = claims.get(name).and_then(Value::as_i64);
            time.filter(|time| *time >= 0).ok_or(Refused::Claims(name))
        };
        if text("iss")?.as_ref() != Some(&self.issuer) {
            return Err(Refused::Issuer);
        }
        if !is_audience(claims.get("aud"), &self.client_id)? {
            return Err(Refused::Audience);
        }
        let (iat, exp) = (time("iat")?, time("exp")?);
        if exp.saturating_add(LEEWAY) <= now {
            return Err(Refused::Expired);
        }
        if iat > now.saturating_add(LEEWAY) {
            return Err(Refused::NotYet);
        }
        if exp > now.saturating_add(LONGEST_LIFE) {
            return Err(Refused::Claims("exp is too far ahead"));
        }
        let event = claims.get("events").and_then(|events| events.get(EVENT));
        if !event.is_some_and(Value::is_object) {
            return Err(Refused::Claims("events"));
        }
        // An ID token must not pass for one (§2.4).
        if claims.contains_key("nonce") {
            return Err(Refused::Claims("nonce"));
        }
        let logout = Logout {
            sub: text("sub")?,
            sid: text("sid")?,
            jti: text("jti")?.ok_or(Refused::Claims("jti"))?,
        };
        if logout.sub.is_none() && logout.sid.is_none() {
            return Err(Refused::Claims("neither sub nor sid is there"));
        }
        self.remember(&logout.jti, exp.saturating_add(LEEWAY), now)?;
        Ok(logout)
    }

    fn remember(&self, jti: &str, until: i64, now: i64) -> Result<(), Refused> {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.retain(|_, until| *until > now);
        match received.insert(jti.to_owned(), until) {
            None => Ok(()),
            Some(_) => Err(Refused::Replayed),
        }
    }
}

fn is_audience(aud: Option<&Value>, client_id: &str) -> Result<bool, Refused> {
    match aud {
        Some(Value::String(one)) => Ok(one == client_id),
        Some(Value::Array(many)) if many.iter().all(Value::is_string) => {
            Ok(many.iter().any(|one| one == client_id))
        }
        _ => Err(Refused::Claims("aud")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwt::{Algorithm, SigningKey};

    const NOW: i64 = 1_767_268_800;

    fn claims() -> Value {
        json!({
            "iss": "https://id.example", "aud": "ledger", "iat": NOW, "exp": NOW + 120, "jti": "j1",
            "sub": "ada", "sid": "s1", "events": { EVENT: {} },
        })
    }

    struct Setting {
        key: SigningKey,
        keys: [VerifyingKey; 1],
        receiver: Receiver,
    }

    impl Setting {
        fn new() -> Self {
            let key = SigningKey::generate(Algorithm::ES256, "1").unwrap();
            Self {
                keys: [VerifyingKey::from_jwk(&key.public_jwk()).unwrap()],
                key,
                receiver: Receiver::new("https://id.example", "ledger"),
            }
        }

        fn receive(&self, typ: &str, claims: &str, now: i64) -> Result<Logout, Refused> {
            let token = self.key.sign(typ, claims.as_bytes()).unwrap();
            self.receiver.receive(&token, &self.keys, now)
        }
    }

    fn received(claims: &Value) -> Result<Logout, Refused> {
        Setting::new().receive("logout+jwt", &claims.to_string(), NOW)
    }

    fn changed(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    #[test]
    fn a_logout_token_says_whom_it_signs_out() {
        let logout = Logout {
            sub: Some("ada".into()),
            sid: Some("s1".into()),
            jti: "j1".into(),
        };
        assert_eq!(received(&claims()), Ok(logout.clone()));
        let several = changed("aud", json!(["other", "ledger"]));
        assert_eq!(received(&several), Ok(logout));
        assert_eq!(received(&without("sub")).unwrap().sub, None);
        assert_eq!(received(&without("sid")).unwrap().sid, None);
    }

    #[test]
    fn a_logout_token_is_received_once_while_it_lives() {
        let setting = Setting::new();
        let receive = |jti: &str, now| {
            let claims = changed("jti", json!(jti)).to_string();
            setting
                .receive("logout+jwt", &claims, now)
                .map(|logout| logout.jti)
        };
        assert_eq!(receive("j1", NOW), Ok("j1".into()));
        assert_eq!(receive("j1", NOW), Err(Refused::Replayed));
        assert_eq!(receive("j2", NOW + 129), Ok("j2".into()));
        assert_eq!(receive("j1", NOW + 129), Err(Refused::Replayed));
        assert_eq!(receive("j1", NOW + 130), Err(Refused::Expired));
        let _one = setting.receive(
            "logout+jwt",
            &changed("exp", json!(NOW + 300)).to_string(),
            NOW + 131,
        );
        let remembered = setting.receiver.received.lock().unwrap();
        assert_eq!(
            remembered.keys().collect::<Vec<_>>(),
            ["j1"],
            "j2 is forgotten"
        );
    }

    /// Attack 32: an ID token or an access token as a logout token.
    #[test]
    fn another_kind_of_token_is_no_logout_token() {
        for typ in ["JWT", "at+jwt", "secevent+jwt"] {
            let refused = Setting::new().receive(typ, &claims().to_string(), NOW);
            assert_eq!(refused, Err(Refused::Type), "{typ}");
        }
        for (claims, why) in [
            (changed("nonce", json!("n")), Refused::Claims("nonce")),
            (changed("nonce", json!(null)), Refused::Claims("nonce")),
            (without("events"), Refused::Claims("events")),
            (changed("events", json!({})), Refused::Claims("events")),
            (changed("events", json!([EVENT])), Refused::Claims("events")),
            (
                changed("events", json!({ EVENT: true })),
                Refused::Claims("events"),
            ),
        ] {
            assert_eq!(received(&claims), Err(why), "{claims}");
        }
    }

    /// Attack 31: claims of wrong types, or missing.
    #[test]
    fn a_logout_token_has_all_of_its_claims_and_they_fit() {
        for (claims, why) in [
            (
                changed("iss", json!("https://id.example/")),
                Refused::Issuer,
            ),
            (without("iss"), Refused::Issuer),
            (changed("iss", json!(1)), Refused::Claims("iss")),
            (changed("aud", json!("other")), Refused::Audience),
            (changed("aud", json!([])), Refused::Audience),
            (changed("aud", json!(["ledger", 1])), Refused::Claims("aud")),
            (without("aud"), Refused::Claims("aud")),
            (without("iat"), Refused::Claims("iat")),
            (without("exp"), Refused::Claims("exp")),
            (changed("exp", json!("9999999999")), Refused::Claims("exp")),
            (changed("exp", json!(NOW - 10)), Refused::Expired),
            (
                changed("exp", json!(NOW + 601)),
                Refused::Claims("exp is too far ahead"),
            ),
            (changed("iat", json!(NOW + 11)), Refused::NotYet),
            (without("jti"), Refused::Claims("jti")),
            (changed("sub", json!(1)), Refused::Claims("sub")),
            (changed("sid", json!(null)), Refused::Claims("sid")),
        ] {
            assert_eq!(received(&claims), Err(why), "{claims}");
        }
        let mut nobody = without("sub");
        nobody.as_object_mut().unwrap().remove("sid");
        assert!(matches!(received(&nobody), Err(Refused::Claims(_))));
        let twice = claims().to_string().replacen('{', r#"{"sid":"s2","#, 1);
        let refused = Setting::new().receive("logout+jwt", &twice, NOW);
        assert_eq!(refused, Err(Refused::Claims("one occurs twice")));
    }

    #[test]
    fn a_logout_token_is_signed_by_the_issuer() {
        let (one, other) = (Setting::new(), Setting::new());
        let token = other
            .key
            .sign("logout+jwt", claims().to_string().as_bytes());
        let refused = one.receiver.receive(&token.unwrap(), &one.keys, NOW);
        assert_eq!(refused, Err(Refused::Forged));
    }
}
