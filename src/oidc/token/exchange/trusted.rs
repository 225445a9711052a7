//! Others whose tokens are believed, as far as they were declared: what their tokens must say (RFC 7519 §4.1, RFC 8693 §4).

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Actor;
use crate::clock::Timestamp;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::issuer::Issuer;
use crate::oidc::scope::Scope;

/// By how much another's clock may be ahead of ours.
const SKEW: TimeDelta = TimeDelta::minutes(1);
/// The most characters of a name.
const LONGEST_NAME: usize = 255;

/// An issuer whose JWTs are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// Its `iss`, letter by letter; its keys are found by discovery there.
    pub issuer: String,
    /// What its tokens must name as `aud`: us, under whatever name it knows us.
    pub audience: String,
    /// What they may be signed with.
    pub algorithms: Vec<SigningAlgorithm>,
    /// The claim that leads to a person of ours.
    pub subject_claim: String,
    /// And how it does.
    pub subjects: Subjects,
    /// The networks of `outbound.private_networks` in which it lives.
    pub private_networks: Vec<String>,
}

/// Whom another's subjects are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subjects {
    /// Nobody: its tokens only say who acts.
    Nobody,
    /// The people who have that user name.
    Usernames,
    /// Those who stand beside it.
    Named(BTreeMap<String, String>),
}

impl TrustedIssuer {
    /// Where it says where its keys are (Discovery §4.1).
    pub fn discovery(&self) -> String {
        let base = self.issuer.trim_end_matches('/');
        format!("{base}/.well-known/openid-configuration")
    }

    /// The user name of the person whom one of its tokens is about.
    pub fn username<'a>(&'a self, vouched: &'a Vouched) -> Option<&'a str> {
        let value = vouched.subject.as_deref()?;
        match &self.subjects {
            Subjects::Nobody => None,
            Subjects::Usernames => Some(value),
            Subjects::Named(names) => names.get(value).map(String::as_str),
        }
    }
}

/// What a token of a trusted issuer says that counts here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Whom it is about, as the issuer knows them.
    pub sub: String,
    /// The value of the issuer's `subject_claim`, if the token has it.
    pub subject: Option<String>,
    /// When it is no longer good, in seconds since 1970.
    pub exp: i64,
    /// What it allows at most, if it says so.
    pub scope: Option<Scope>,
    /// Who acts.
    pub act: Option<Actor>,
    /// Who alone may act.
    pub may_act: Option<MayAct>,
}

/// `may_act` (RFC 8693 §4.4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MayAct {
    /// Who.
    sub: String,
    /// Whose name that is; absent, it may be one of ours.
    iss: Option<String>,
    /// What else it asks for is not known here, and so is not met.
    #[serde(flatten)]
    more: Map<String, Value>,
    /// Who we are: the rest is read with that.
    #[serde(skip)]
    ours: String,
}

impl MayAct {
    /// Whether it is about them.
    pub fn names(&self, actor: &Actor) -> bool {
        let whose = |iss: &Option<String>| iss.clone().unwrap_or_else(|| self.ours.clone());
        self.more.is_empty() && self.sub == actor.sub && whose(&self.iss) == whose(&actor.iss)
    }
}

/// What of the claims is read here; others are not for us.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    iat: Option<f64>,
    nbf: Option<f64>,
    aud: Value,
    scope: Option<Scope>,
    act: Option<Actor>,
    may_act: Option<MayAct>,
}

/// Reads the claims of a token whose signature was verified.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn read(
    claims: Map<String, Value>,
    trusted: &TrustedIssuer,
    ours: &Issuer,
    now: Timestamp,
) -> Result<Vouched, &'static str> {
    // Attack 32: a logout token says nothing of what somebody may do.
    if claims.contains_key("events") {
        return Err("is a token for another use");
    }
    // It is bound to a key that whoever presents it would have to prove.
    if claims.contains_key("cnf") {
        return Err("is bound to a key, and that can't be shown here");
    }
    let subject = claims.get(&trusted.subject_claim).and_then(Value::as_str);
    let subject = subject.map(str::to_owned);
    let Ok(claims) = serde_json::from_value::<Claims>(Value::Object(claims)) else {
        return Err("lacks a claim, or has one of another type");
    };
    let audiences = match &claims.aud {
        Value::Array(audiences) => audiences.as_slice(),
        one => std::slice::from_ref(one),
    };
    if claims.iss != trusted.issuer {
        return Err("is another issuer's");
    }
    if !audiences.iter().any(|aud| *aud == trusted.audience) {
        return Err("is for another audience");
    }
    if now.timestamp() >= claims.exp {
        return Err("has expired");
    }
    let latest = (now + SKEW).timestamp() as f64;
    if [claims.iat, claims.nbf]
        .into_iter()
        .flatten()
        .any(|at| at > latest)
    {
        return Err("is from the future");
    }
    if !is_name(&claims.sub) {
        return Err("has no name for whom it is about");
    }
    let act = claims
        .act
        .map(|act| foreign(act, trusted, ours))
        .transpose()?;
    let may_act = claims.may_act.map(|may_act| MayAct {
        ours: ours.as_str().to_owned(),
        ..may_act
    });
    Ok(Vouched {
        sub: claims.sub,
        subject,
        exp: claims.exp,
        scope: claims.scope,
        act,
        may_act,
    })
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && !text.contains('\0')
}

/// Another's chain of actors: each under the name of who says so, and none under ours.
fn foreign(act: Actor, trusted: &TrustedIssuer, ours: &Issuer) -> Result<Actor, &'static str> {
    let iss = act.iss.unwrap_or_else(|| trusted.issuer.clone());
    if iss == ours.as_str() || !is_name(&act.sub) {
        return Err("says who acts in a way that can't be believed");
    }
    let before = act.act.map(|before| foreign(*before, trusted, ours));
    Ok(Actor {
        sub: act.sub,
        iss: Some(iss),
        act: before.transpose()?.map(Box::new),
    })
}
