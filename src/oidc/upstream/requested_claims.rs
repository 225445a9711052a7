//! Claims that are asked of an upstream one by one: the `claims` parameter (Core §5.5), as it was configured.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::check_text;
use super::metadata::Metadata;
use crate::oidc::json;

/// The most bytes of the parameter. In an address they may become three times as many, and servers take about 8 KiB.
const MOST_BYTES: usize = 2048;
/// The most arrays and objects in each other that a value may be: what is kept must be read again, and readers give up at
/// some depth.
const DEEPEST: usize = 8;
/// The claim whose values may decide whether somebody is signed in at all (Core §5.5.1.1).
const ACR: &str = "acr";

/// What is asked of an upstream beside its scope. Nothing, by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct RequestedClaims {
    /// For userinfo to tell.
    userinfo: Requests,
    /// For the ID token to tell.
    id_token: Requests,
}

/// By name, how a claim is asked for.
type Requests = BTreeMap<String, Request>;

/// How one claim is asked for (Core §5.5.1); plainly, by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Request {
    essential: bool,
    wanted: Wanted,
}

/// The values that will do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Wanted {
    #[default]
    Any,
    Value(Value),
    /// The first one is the most welcome.
    Values(Vec<Value>),
}

/// What will not do about what is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The names of the members that lead to it.
    pub path: Vec<String>,
    /// What is wrong, as the end of a sentence that begins with it.
    pub problem: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() {
            true => write!(formatter, "it {}", self.problem),
            false => write!(formatter, "{} {}", self.path.join("."), self.problem),
        }
    }
}

impl RequestedClaims {
    /// Reads the parameter in its own notation.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<Misfit>> {
        match json::object(text.as_bytes()) {
            Some(members) => Self::read(&Value::Object(members)),
            None => Err(vec![Misfit {
                path: Vec::new(),
                problem: "is no JSON object in which no name occurs twice".to_owned(),
            }]),
        }
    }

    /// Checks what is to be asked. Others ignore what they do not know (Core §5.5); here it is a mistake.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(value: &Value) -> Result<Self, Vec<Misfit>> {
        let mut checking = Checking::default();
        let mut read = Self::default();
        for (name, requests) in checking.members(value) {
            checking.path.push(name.clone());
            match name.as_str() {
                "userinfo" => read.userinfo = checking.requests(requests),
                "id_token" => read.id_token = checking.requests(requests),
                _ => checking.refuse("is neither userinfo nor id_token"),
            }
            checking.path.pop();
        }
        let bytes = read.to_value().to_string().len();
        if bytes > MOST_BYTES {
            checking.refuse(format!(
                "has {bytes} bytes, and {MOST_BYTES} at most will do"
            ));
        }
        match checking.misfits.is_empty() {
            true => Ok(read),
            false => Err(checking.misfits),
        }
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }

    /// Whether userinfo is to tell something.
    pub fn asks_userinfo(&self) -> bool {
        !self.userinfo.is_empty()
    }

    /// Whether it says which classes of sign-in will do. What `acr_values` means beside that is not specified (Core
    /// §5.5.1.1).
    pub fn names_classes(&self) -> bool {
        self.id_token
            .get(ACR)
            .is_some_and(|acr| acr.wanted != Wanted::Any)
    }

    /// The parameter, if anything is asked. Of the classes of sign-in that will do, those that `acr_values` names come
    /// first.
    pub fn parameter(&self, acr_values: Option<&str>) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let mut asked = self.clone();
        if let Some(acr_values) = acr_values
            && let Some(acr) = asked.id_token.get_mut(ACR)
            && let Wanted::Values(values) = &mut acr.wanted
        {
            let rank = |value: &Value| {
                let mut preferred = acr_values.split(' ');
                preferred.position(|preferred| value.as_str() == Some(preferred))
            };
            // Stable: the others keep their order.
            values.sort_by_key(|value| rank(value).unwrap_or(usize::MAX));
        }
        Some(asked.to_value().to_string())
    }

    /// Whether the class of sign-in that an ID token names will do (Core §5.5.1.1): where it is essential, it must be
    /// one of those that were asked for. Every other request is a wish.
    pub fn is_met_by(&self, id_token: &Map<String, Value>) -> bool {
        let Some(asked) = self.id_token.get(ACR).filter(|acr| acr.essential) else {
            return true;
        };
        let said = id_token.get(ACR);
        asked.wanted == Wanted::Any || said.is_some_and(|said| asked.wanted.values().contains(said))
    }

    /// What is asked in vain of an upstream that says this of itself; in words.
    pub fn shortcomings(&self, said: &Metadata) -> Vec<String> {
        let mut missing = Vec::new();
        if self.is_empty() {
            return missing;
        }
        if !said.claims_parameter_supported {
            missing.push(
                "it does not say that claims may be asked for one by one (claims_parameter_supported): request_claims may do \
                 nothing"
                    .to_owned(),
            );
        }
        if let Some(supported) = &said.claims_supported {
            let mut unknown: Vec<&str> = self
                .userinfo
                .keys()
                .chain(self.id_token.keys())
                .map(String::as_str)
                .filter(|name| !is_among(supported, name))
                .collect();
            unknown.sort_unstable();
            unknown.dedup();
            if !unknown.is_empty() {
                missing.push(format!(
                    "it does not name {} among the claims that it can tell (claims_supported)",
                    unknown.join(", ")
                ));
            }
        }
        if let Some(supported) = &said.acr_values_supported
            && let Some(asked) = self.id_token.get(ACR)
        {
            let classes = asked.wanted.texts();
            let unknown: Vec<&str> = classes
                .iter()
                .copied()
                .filter(|class| !supported.iter().any(|known| known == class))
                .collect();
            if !unknown.is_empty() {
                let nobody = asked.essential && unknown.len() == classes.len();
                missing.push(format!(
                    "it does not name {} among the classes of sign-in that it knows (acr_values_supported){}",
                    unknown.join(", "),
                    if nobody { ": it may be that nobody comes in" } else { "" }
                ));
            }
        }
        missing
    }

    fn to_value(&self) -> Value {
        let mut members = Map::new();
        for (name, requests) in [("userinfo", &self.userinfo), ("id_token", &self.id_token)] {
            // Some take no null here.
            if !requests.is_empty() {
                let requests = requests.iter();
                let requests: Map<_, _> = requests
                    .map(|(name, request)| (name.clone(), request.to_value()))
                    .collect();
                members.insert(name.to_owned(), requests.into());
            }
        }
        members.into()
    }
}

impl TryFrom<Value> for RequestedClaims {
    type Error = String;

    fn try_from(kept: Value) -> Result<Self, String> {
        Self::read(&kept).map_err(|misfits| {
            let misfits = misfits.iter().map(Misfit::to_string);
            misfits.collect::<Vec<_>>().join("; ")
        })
    }
}

impl From<RequestedClaims> for Value {
    fn from(requested: RequestedClaims) -> Self {
        requested.to_value()
    }
}

impl Request {
    fn to_value(&self) -> Value {
        let mut members = Map::new();
        if self.essential {
            members.insert("essential".to_owned(), true.into());
        }
        match &self.wanted {
            Wanted::Any => {}
            Wanted::Value(value) => {
                members.insert("value".to_owned(), value.clone());
            }
            Wanted::Values(values) => {
                members.insert("values".to_owned(), values.clone().into());
            }
        }
        match members.is_empty() {
            true => Value::Null,
            false => members.into(),
        }
    }
}

/// Whether no more than so many arrays and objects lie in each other.
fn is_within(value: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else {
        return !value.is_array() && !value.is_object();
    };
    match value {
        Value::Array(values) => values.iter().all(|value| is_within(value, below)),
        Value::Object(members) => members.values().all(|value| is_within(value, below)),
        _ => true,
    }
}

/// A name may be in a language (Core §5.2), which nobody lists.
fn is_among(supported: &[String], name: &str) -> bool {
    let plain = name.split('#').next();
    let mut supported = supported.iter().map(String::as_str);
    supported.any(|known| known == name || Some(known) == plain)
}

/// Where one is in what is checked, and what was found.
#[derive(Default)]
struct Checking {
    path: Vec<String>,
    misfits: Vec<Misfit>,
}

impl Checking {
    fn refuse(&mut self, problem: impl Into<String>) {
        self.misfits.push(Misfit {
            path: self.path.clone(),
            problem: problem.into(),
        });
    }

    /// The members of an object; of null, none.
    fn members<'v>(
        &mut self,
        value: &'v Value,
    ) -> impl Iterator<Item = (&'v String, &'v Value)> + use<'v> {
        let members = value.as_object();
        if members.is_none() && !value.is_null() {
            self.refuse("is neither an object nor null");
        }
        members.into_iter().flatten()
    }

    fn requests(&mut self, value: &Value) -> Requests {
        let mut requests = Requests::new();
        for (name, request) in self.members(value) {
            if let Err(problem) = check_text(name) {
                self.refuse(format!("names a claim that is none: {problem}"));
                continue;
            }
            self.path.push(name.clone());
            if name == "sub" {
                self.refuse("is told always, and whose it is nobody knows before");
            }
            let request = self.request(request);
            if name == ACR && !request.wanted.is_of_texts() {
                self.refuse("has values, and they are not all texts");
            }
            self.path.pop();
            requests.insert(name.clone(), request);
        }
        requests
    }

    /// Core §5.5.1.
    fn request(&mut self, value: &Value) -> Request {
        let mut request = Request::default();
        let mut wanted = Vec::new();
        for (name, value) in self.members(value) {
            match (name.as_str(), value) {
                ("essential", Value::Bool(essential)) => request.essential = *essential,
                ("essential", _) => self.refuse("has an essential that is neither true nor false"),
                ("value" | "values", value) if !is_within(value, DEEPEST) => self.refuse(format!(
                    "has a value in which more than {DEEPEST} arrays and objects lie in each other"
                )),
                ("value", Value::Null) => self.refuse("has a value that is none: null"),
                ("value", value) => wanted.push(Wanted::Value(value.clone())),
                ("values", Value::Array(values)) => match values.contains(&Value::Null) {
                    true => self.refuse("has a value that is none: null"),
                    false if values.is_empty() => self.refuse("has values, and there is none"),
                    false => wanted.push(Wanted::Values(values.clone())),
                },
                ("values", _) => self.refuse("has values that are no array"),
                (unknown, _) => self.refuse(format!(
                    "has {unknown:?}: known are essential, value and values"
                )),
            }
        }
        if wanted.len() > 1 {
            self.refuse("has value and values: they exclude each other");
        }
        request.wanted = wanted.pop().unwrap_or_default();
        request
    }
}

impl Wanted {
    fn values(&self) -> &[Value] {
        match self {
            Self::Any => &[],
            Self::Value(value) => std::slice::from_ref(value),
            Self::Values(values) => values,
        }
    }

    fn is_of_texts(&self) -> bool {
        self.values().iter().all(Value::is_string)
    }

    /// Those that are texts.
    fn texts(&self) -> Vec<&str> {
        self.values().iter().filter_map(Value::as_str).collect()
    }
}

#[cfg(test)]
mod tests;
