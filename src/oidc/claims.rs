//! What is said of a person (Core §5.1), and what asks for it: a scope (Core §5.4) or a request for claims one by
//! one (Core §5.5).

pub mod request;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::oidc::scope::Scope;
use request::Wishes;

/// The standard claims of Core §5.1, but for `sub`, in the JSON types that it gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub struct UserClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// `YYYY-MM-DD`, `0000-MM-DD` or `YYYY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zoneinfo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Seconds since 1970. Ours to set, when anything else here changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
}

/// A postal address (Core §5.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// The claims that each scope asks for (Core §5.4).
pub const BY_SCOPE: [(&str, &[&str]); 4] = [
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

/// Whether a claim of that name is about the person rather than about a sign-in.
pub fn is_about_a_person(name: &str) -> bool {
    BY_SCOPE.iter().any(|(_, names)| names.contains(&name))
}

/// Whether `scope` asks for the claim (Core §5.4).
pub fn is_asked_by(scope: &Scope, name: &str) -> bool {
    BY_SCOPE
        .iter()
        .any(|(token, names)| scope.contains(token) && names.contains(&name))
}

/// The userinfo answer: `sub`, and what is known of the claims that `scope` asks for, and that were asked for one by
/// one (Core §5.3.2).
pub fn userinfo(
    claims: &UserClaims,
    sub: &str,
    scope: &Scope,
    wishes: &Wishes,
) -> Map<String, Value> {
    let mut answer = asked_by(scope, claims);
    answer.extend(request::told(wishes, claims));
    answer.insert("sub".to_owned(), sub.into());
    answer
}

/// What is known of the claims that `scope` asks for (Core §5.4).
pub fn asked_by(scope: &Scope, claims: &UserClaims) -> Map<String, Value> {
    let mut answer = all(claims);
    answer.retain(|name, _| is_asked_by(scope, name));
    answer
}

/// What is known of the claims of these names.
pub fn of_names(claims: &UserClaims, names: &[String]) -> Map<String, Value> {
    let mut answer = all(claims);
    answer.retain(|name, _| names.contains(name));
    answer
}

fn all(claims: &UserClaims) -> Map<String, Value> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(all)) => all,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    pub(super) fn ada() -> UserClaims {
        serde_json::from_value(json!({
            "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "middle_name": "King",
            "nickname": "ada", "preferred_username": "ada", "profile": "https://a.example/ada",
            "picture": "https://a.example/ada.png", "website": "https://a.example", "gender": "female",
            "birthdate": "1815-12-10", "zoneinfo": "Europe/London", "locale": "en-GB", "updated_at": 1_700_000_000,
            "email": "ada@a.example", "email_verified": true, "phone_number": "+44 1", "phone_number_verified": false,
            "address": { "locality": "London" },
        }))
        .unwrap()
    }

    fn for_scope(claims: &UserClaims, scope: &str) -> Map<String, Value> {
        let scope = Scope::parse(scope).unwrap();
        userinfo(claims, "s1", &scope, &Wishes::new())
    }

    #[test]
    fn without_further_scopes_only_sub_is_told() {
        let told = for_scope(&ada(), "openid offline_access");
        assert_eq!(Value::Object(told), json!({ "sub": "s1" }));
    }

    #[test]
    fn each_scope_tells_its_claims_and_no_others() {
        for (scope, names) in BY_SCOPE {
            let told = for_scope(&ada(), scope);
            let mut expected: Vec<_> = names.iter().copied().chain(["sub"]).collect();
            expected.sort_unstable();
            assert_eq!(told.keys().collect::<Vec<_>>(), expected, "{scope}");
        }
    }

    #[test]
    fn a_claim_that_is_not_known_is_left_out_rather_than_null() {
        let told = for_scope(&UserClaims::default(), "profile email");
        assert_eq!(Value::Object(told), json!({ "sub": "s1" }));
    }

    #[test]
    fn a_claim_of_the_wrong_type_or_an_unknown_name_is_refused() {
        for wrong in [
            json!({"email_verified": "true"}),
            json!({"updated_at": "now"}),
            json!({"nmae": "x"}),
            json!({"address": "x"}),
        ] {
            assert!(
                serde_json::from_value::<UserClaims>(wrong.clone()).is_err(),
                "{wrong}"
            );
        }
    }
}
