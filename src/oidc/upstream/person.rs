//! Who may come in through an upstream, and what is taken over of them.

use serde_json::{Map, Value};

use super::{Admits, Upstream, domain_of};
use crate::oidc::claims::{self, UserClaims};

/// The longest claim that is taken over, in bytes of JSON.
const LONGEST_CLAIM: usize = 2048;

/// Whether somebody may come in of whom the upstream says this, and who is nobody here yet.
pub fn is_admitted(upstream: &Upstream, said: &Map<String, Value>) -> bool {
    match &upstream.admits {
        Admits::Anyone => true,
        // An invitation says it, and not what the upstream says.
        Admits::Nobody | Admits::Invited => false,
        // An address that nobody has verified is anybody's (attack 89).
        Admits::Domains => {
            let verified = said.get("email_verified") == Some(&Value::Bool(true));
            let domain = said
                .get("email")
                .and_then(Value::as_str)
                .and_then(domain_of);
            verified && domain.is_some_and(|domain| upstream.domains.contains(&domain))
        }
        Admits::Claim { name, value } => match said.get(name) {
            Some(Value::String(said)) => said == value,
            Some(Value::Bool(said)) => said.to_string() == *value,
            Some(Value::Number(said)) => said.to_string() == *value,
            Some(Value::Array(all)) => all.iter().any(|said| said.as_str() == Some(value)),
            _ => false,
        },
    }
}

/// What is taken over: the standard claims, under the names that the upstream has for them, as far as they have the type
/// that Core §5.1 gives them and are no longer than 2 KiB. `preferred_username` only where the configuration says from
/// which claim.
pub fn claims(upstream: &Upstream, said: &Map<String, Value>) -> UserClaims {
    let mut taken = Map::new();
    let names = claims::BY_SCOPE.iter().flat_map(|(_, names)| *names);
    for ours in names.filter(|name| **name != "updated_at") {
        let theirs = upstream.claims.get(*ours).map(String::as_str);
        // `verified` is said of the address or number under its own name, not of what stands in another claim.
        let is_of_another = match *ours {
            "email_verified" => upstream.claims.contains_key("email"),
            "phone_number_verified" => upstream.claims.contains_key("phone_number"),
            // A name that anybody may choose there could pass for that of somebody here.
            "preferred_username" => true,
            _ => false,
        };
        if theirs.is_none() && is_of_another {
            continue;
        }
        let fits = |value: &&Value| value.to_string().len() <= LONGEST_CLAIM;
        if let Some(value) = said.get(theirs.unwrap_or(ours)).filter(fits) {
            let mut alone = Map::new();
            alone.insert((*ours).to_owned(), value.clone());
            if serde_json::from_value::<UserClaims>(Value::Object(alone)).is_ok() {
                taken.insert((*ours).to_owned(), value.clone());
            }
        }
    }
    serde_json::from_value(Value::Object(taken)).unwrap_or_default()
}

/// What somebody who comes in for the first time is called here: names with a colon after an upstream's, which nobody
/// else's are, so that they are never taken for a person of that name here.
pub fn username(upstream: &Upstream, said: &Map<String, Value>, subject: &str) -> String {
    let ours = "preferred_username";
    let theirs = upstream.claims.get(ours).map_or(ours, String::as_str);
    let usual = said.get(theirs).and_then(Value::as_str);
    let fits = |name: &&str| {
        (1..=100).contains(&name.len())
            && !name.chars().any(char::is_control)
            && name.trim() == *name
    };
    let name = usual.filter(fits).unwrap_or(subject);
    let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    format!("{}:{}", upstream.id, name.trim())
}
