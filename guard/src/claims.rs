//! What a token says, whatever its format, and whether that is good enough here and now.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::errors::{GenerateError, Refused};
use crate::json::Strict;

/// The most that [`Expected::with_leeway`] allows, in seconds. A revocation must be remembered for so much longer than
/// the tokens live that it takes back.
pub const LONGEST_LEEWAY: u32 = 60;

/// How far clocks may differ unless said otherwise, in seconds.
const LEEWAY: u32 = 10;

/// The claims of an access token (RFC 9068 §2.2), and two of the provider's own: `grant` and `sid`.
///
/// Times are seconds since 1970 (NumericDate, RFC 7519 §2).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names are the specifications'")]
pub struct Claims {
    pub iss: String,
    /// The person, or the client where there is none.
    pub sub: String,
    /// Whom it is for; never empty.
    #[serde(serialize_with = "one_or_many")]
    pub aud: Vec<String>,
    /// Who may use it. Always there, but in a [`cwt`](crate::cwt) that leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What it allows: words with one space between. See [`Claims::has_scope`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    pub iat: i64,
    pub exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Its own name. Always there, but in a [`cwt`](crate::cwt) that leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The grant that it was issued under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The client's part in the person's session, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Every other claim, by its name.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// The claims that have a field of their own in [`Claims`].
pub(crate) const FIELDS: [&str; 13] = [
    "iss",
    "sub",
    "aud",
    "client_id",
    "scope",
    "iat",
    "exp",
    "nbf",
    "jti",
    "grant",
    "sid",
    "auth_time",
    "acr",
];

impl Claims {
    /// Whether it allows this: `scope` has the word.
    pub fn has_scope(&self, wanted: &str) -> bool {
        let words = self.scope.as_deref().unwrap_or_default();
        words.split(' ').any(|word| word == wanted)
    }

    /// Reads the JSON claims of an access token.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, Refused> {
        serde_json::from_slice(json).map_err(|_why| {
            // The library's words quote what was received.
            Refused::Claims("one is missing, occurs twice or has a wrong type")
        })
    }

    /// The JSON of [`Claims::from_json`].
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, GenerateError> {
        if self.client_id.is_none() || self.jti.is_none() {
            return Err(GenerateError::Claims("client_id and jti must be there"));
        }
        self.check_form()?;
        serde_json::to_vec(self).map_err(|_why| GenerateError::Claims("no JSON"))
    }

    /// What no format carries.
    pub(crate) fn check_form(&self) -> Result<(), GenerateError> {
        if FIELDS.iter().any(|name| self.more.contains_key(*name)) {
            return Err(GenerateError::Claims("one is there twice"));
        }
        if self.aud.is_empty() {
            return Err(GenerateError::Claims("aud must be there"));
        }
        let times = [Some(self.iat), Some(self.exp), self.nbf, self.auth_time];
        if times.into_iter().flatten().any(|time| time < 0) {
            return Err(GenerateError::Claims("a time is before 1970"));
        }
        Ok(())
    }

    /// Whether the token is good here (`expected`) and `now`.
    pub(crate) fn check(self, expected: &Expected, now: i64) -> Result<Self, Refused> {
        let leeway = i64::from(expected.leeway);
        if self.iss != expected.issuer {
            return Err(Refused::Issuer);
        }
        if !self.aud.contains(&expected.audience) {
            return Err(Refused::Audience);
        }
        if self.exp.saturating_add(leeway) <= now {
            return Err(Refused::Expired);
        }
        let latest = now.saturating_add(leeway);
        if self.iat > latest || self.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(Refused::NotYet);
        }
        if self.more.contains_key("cnf") {
            return Err(Refused::Bound);
        }
        Ok(self)
    }
}

/// What a token must be to be accepted: whose, for whom, and how exactly in time.
///
/// ```
/// use exeunt_guard::Expected;
///
/// let expected = Expected::new("https://id.example", "https://api.example/").with_leeway(5);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) leeway: u32,
}

impl Expected {
    /// Tokens of this issuer for the service of this identifier; both are compared as they stand, byte for byte.
    /// Clocks may differ by ten seconds.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            leeway: LEEWAY,
        }
    }

    /// How many seconds the clocks of issuer and service may differ; at most [`LONGEST_LEEWAY`].
    #[must_use]
    pub fn with_leeway(self, seconds: u32) -> Self {
        Self {
            leeway: seconds.min(LONGEST_LEEWAY),
            ..self
        }
    }
}

/// A single audience is a string (RFC 7519 §4.1.3).
fn one_or_many<S: Serializer>(audiences: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match audiences {
        [one] => serializer.serialize_str(one),
        many => many.serialize(serializer),
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
        let [mut iss, mut sub, mut client_id, mut scope] = [const { None }; 4];
        let [mut jti, mut grant, mut sid, mut acr] = [const { None }; 4];
        let [mut iat, mut exp, mut nbf, mut auth_time] = [None; 4];
        let mut aud: Option<Audiences> = None;
        let mut more = Map::new();
        while let Some(name) = members.next_key::<Name>()? {
            match name {
                Name::Iss => once(&mut iss, &mut members)?,
                Name::Sub => once(&mut sub, &mut members)?,
                Name::Aud => once(&mut aud, &mut members)?,
                Name::ClientId => once(&mut client_id, &mut members)?,
                Name::Scope => once(&mut scope, &mut members)?,
                Name::Iat => once(&mut iat, &mut members)?,
                Name::Exp => once(&mut exp, &mut members)?,
                Name::Nbf => once(&mut nbf, &mut members)?,
                Name::Jti => once(&mut jti, &mut members)?,
                Name::Grant => once(&mut grant, &mut members)?,
                Name::Sid => once(&mut sid, &mut members)?,
                Name::AuthTime => once(&mut auth_time, &mut members)?,
                Name::Acr => once(&mut acr, &mut members)?,
                Name::Other(name) => {
                    let Strict(value) = members.next_value()?;
                    if more.insert(name, value).is_some() {
                        return Err(A::Error::custom("a claim occurs twice"));
                    }
                }
            }
        }
        let times = [iat, exp, nbf, auth_time];
        if times.into_iter().flatten().any(|time: i64| time < 0) {
            return Err(A::Error::custom("a time is before 1970"));
        }
        Ok(Claims {
            iss: required::<_, A::Error>(iss)?,
            sub: required::<_, A::Error>(sub)?,
            aud: required::<_, A::Error>(aud)?.0,
            client_id: Some(required::<_, A::Error>(client_id)?),
            scope,
            iat: required::<_, A::Error>(iat)?,
            exp: required::<_, A::Error>(exp)?,
            nbf,
            jti: Some(required::<_, A::Error>(jti)?),
            grant,
            sid,
            auth_time,
            acr,
            more,
        })
    }
}

fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    place: &mut Option<T>,
    members: &mut A,
) -> Result<(), A::Error> {
    if place.is_some() {
        members.next_value::<IgnoredAny>()?;
        return Err(A::Error::custom("a claim occurs twice"));
    }
    *place = Some(members.next_value()?);
    Ok(())
}

fn required<T, E: Error>(claim: Option<T>) -> Result<T, E> {
    claim.ok_or_else(|| E::custom("a claim is missing"))
}

/// A claim's name; only those without a field of their own are kept.
enum Name {
    Iss,
    Sub,
    Aud,
    ClientId,
    Scope,
    Iat,
    Exp,
    Nbf,
    Jti,
    Grant,
    Sid,
    AuthTime,
    Acr,
    Other(String),
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a claim's name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            "iss" => Name::Iss,
            "sub" => Name::Sub,
            "aud" => Name::Aud,
            "client_id" => Name::ClientId,
            "scope" => Name::Scope,
            "iat" => Name::Iat,
            "exp" => Name::Exp,
            "nbf" => Name::Nbf,
            "jti" => Name::Jti,
            "grant" => Name::Grant,
            "sid" => Name::Sid,
            "auth_time" => Name::AuthTime,
            "acr" => Name::Acr,
            other => Name::Other(other.to_owned()),
        })
    }
}

/// `aud`: a string or a list of them, never an empty one.
struct Audiences(Vec<String>);

impl<'de> Deserialize<'de> for Audiences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AudiencesVisitor)
    }
}

struct AudiencesVisitor;

impl<'de> Visitor<'de> for AudiencesVisitor {
    type Value = Audiences;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an audience or several")
    }

    fn visit_str<E: Error>(self, one: &str) -> Result<Audiences, E> {
        Ok(Audiences(vec![one.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Audiences, A::Error> {
        let mut many = Vec::new();
        while let Some(one) = sequence.next_element()? {
            many.push(one);
        }
        match many.is_empty() {
            true => Err(A::Error::custom("no audience")),
            false => Ok(Audiences(many)),
        }
    }
}
