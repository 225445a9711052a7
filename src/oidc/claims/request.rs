//! The `claims` parameter (Core §5.5): claims asked for one by one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{UserClaims, is_about_a_person, is_asked_by};
use crate::oidc::client::Client;
use crate::oidc::error::OAuthError;
use crate::oidc::json;
use crate::oidc::scope::Scope;

/// The most bytes of the parameter: several times what all claims there are take.
pub const MOST_BYTES: usize = 8 * 1024;

/// What the parameter asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ClaimsRequest {
    /// For userinfo to tell.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo: Wishes,
    /// For the ID token to tell.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token: Wishes,
}

/// By name, how a claim is wished for.
pub type Wishes = BTreeMap<String, Wish>;

/// How one claim is wished for (Core §5.5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Wish {
    /// Whether the client can't do its work without.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub essential: bool,
    /// The values that it takes; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
}

impl ClaimsRequest {
    /// Reads the parameter. Members that are not defined are ignored (Core §5.5, §5.5.1).
    ///
    /// # Errors
    /// `invalid_request` when it is too long, no JSON object, ambiguous, or has a defined member of a
    /// wrong type.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        if text.len() > MOST_BYTES {
            return Err(OAuthError::invalid_request("claims is too long"));
        }
        let members = json::object(text.as_bytes()).ok_or_else(|| {
            OAuthError::invalid_request(
                "claims must be a JSON object in which no name occurs twice",
            )
        })?;
        Ok(Self {
            userinfo: read_wishes(&members, "userinfo")?,
            id_token: read_wishes(&members, "id_token")?,
        })
    }

    /// What of it `client` may ask for: of a person no more than the scopes that it may ask for would
    /// bring. `has_userinfo` is whether it is given something to ask userinfo with; what it asks of
    /// userinfo is meaningless without (Core §5.5).
    #[must_use]
    pub fn for_client(mut self, client: &Client, has_userinfo: bool) -> Self {
        let allowed = Scope::allowed_by_people(client);
        let may =
            |name: &String, _: &mut Wish| !is_about_a_person(name) || is_asked_by(&allowed, name);
        self.userinfo.retain(may);
        self.id_token.retain(may);
        if !has_userinfo {
            // A `sub` still says whom the answer must be about.
            self.userinfo.retain(|name, _| name == "sub");
        }
        self
    }

    /// The names of the claims about the person.
    pub fn about_the_person(&self) -> BTreeSet<String> {
        self.userinfo
            .keys()
            .chain(self.id_token.keys())
            .filter(|name| is_about_a_person(name))
            .cloned()
            .collect()
    }

    /// What of it was granted: the claims about the person with these names.
    #[must_use]
    pub fn granted(&self, names: &BTreeSet<String>) -> Self {
        let of = |wishes: &Wishes| {
            let granted =
                |(name, _): &(&String, &Wish)| is_about_a_person(name) && names.contains(*name);
            wishes
                .iter()
                .filter(granted)
                .map(|(name, wish)| (name.clone(), wish.clone()))
                .collect()
        };
        Self {
            userinfo: of(&self.userinfo),
            id_token: of(&self.id_token),
        }
    }

    /// In the parameter's own notation, to be written down; `None` when nothing is asked.
    pub fn to_text(&self) -> Option<String> {
        let asks = !self.userinfo.is_empty() || !self.id_token.is_empty();
        asks.then(|| serde_json::to_string(self).ok()).flatten()
    }

    /// Whether an answer about `sub` is one that is asked for (Core §3.1.2.2, §5.5.1: "value" of `sub`).
    pub fn is_about(&self, sub: &str) -> bool {
        let sub = Value::from(sub);
        [&self.userinfo, &self.id_token]
            .into_iter()
            .filter_map(|wishes| wishes.get("sub"))
            .all(|wish| wish.takes(&sub))
    }

    /// Whether a sign-in of the class `acr` does (Core §5.5.1.1): one that is essential must be one of
    /// those named, every other wish is a wish.
    pub fn is_met_by(&self, acr: &str) -> bool {
        let acr = Value::from(acr);
        self.id_token
            .get("acr")
            .is_none_or(|wish| !wish.essential || wish.takes(&acr))
    }
}

impl Wish {
    fn takes(&self, value: &Value) -> bool {
        self.values
            .as_ref()
            .is_none_or(|values| values.contains(value))
    }
}

/// What is known of the claims wished for, each where it is a value that the client takes.
pub fn told(wishes: &Wishes, claims: &UserClaims) -> Map<String, Value> {
    let mut told = super::all(claims);
    told.retain(|name, value| wishes.get(name).is_some_and(|wish| wish.takes(value)));
    told
}

fn read_wishes(members: &Map<String, Value>, field: &'static str) -> Result<Wishes, OAuthError> {
    let wrong = |what: &str| OAuthError::invalid_request(format!("claims: {field}{what}"));
    let Some(value) = members.get(field) else {
        return Ok(Wishes::new());
    };
    let wishes = value
        .as_object()
        .ok_or_else(|| wrong(" must be an object"))?;
    wishes
        .iter()
        .map(|(name, wish)| match read_wish(wish) {
            Ok(wish) => Ok((name.clone(), wish)),
            Err(problem) => Err(wrong(&format!(": of {name}, {problem}"))),
        })
        .collect()
}

/// Core §5.5.1.
fn read_wish(wish: &Value) -> Result<Wish, &'static str> {
    let members = match wish {
        Value::Null => return Ok(Wish::default()),
        Value::Object(members) => members,
        _ => return Err("what is wished must be null or an object"),
    };
    let essential = match members.get("essential") {
        None => false,
        Some(Value::Bool(essential)) => *essential,
        Some(_) => return Err("essential must be true or false"),
    };
    let values = match (members.get("value"), members.get("values")) {
        (None, None) => None,
        (Some(value), None) => Some(vec![value.clone()]),
        (None, Some(Value::Array(values))) => Some(values.clone()),
        (None, Some(_)) => return Err("values must be an array"),
        (Some(_), Some(_)) => return Err("value and values exclude each other"),
    };
    Ok(Wish { essential, values })
}

#[cfg(test)]
mod tests;
