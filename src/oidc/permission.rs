//! What a person may allow a client (Core §3.1.2.4): scopes, and claims that are asked for one by one (§5.5).

use std::collections::BTreeSet;

use crate::oidc::claims;
use crate::oidc::scope::Scope;

/// What a client asks for, or was allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permission {
    /// The scopes.
    pub scope: Scope,
    /// The names of claims asked for one by one, whether or not a scope brings them too.
    pub claims: BTreeSet<String>,
}

impl Permission {
    /// What was written down of one: both are tokens separated by spaces.
    pub fn read(scope: &str, claims: &str) -> Self {
        Self {
            scope: Scope::parse(scope).unwrap_or_default(),
            claims: claims.split_ascii_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The claims, to be written down.
    pub fn claims_text(&self) -> String {
        let names: Vec<_> = self.claims.iter().map(String::as_str).collect();
        names.join(" ")
    }

    /// Whether it allows that a client knows the claim: by its name, or by a scope that brings it.
    pub fn tells(&self, claim: &str) -> bool {
        self.claims.contains(claim) || claims::is_asked_by(&self.scope, claim)
    }

    /// Whether it allows everything that `asked` asks for.
    pub fn covers(&self, asked: &Self) -> bool {
        asked.scope.is_subset(&self.scope) && asked.claims.iter().all(|claim| self.tells(claim))
    }

    /// What of it `allowed` allows.
    #[must_use]
    pub fn within(&self, allowed: &Self) -> Self {
        let tells = |claim: &&String| allowed.tells(claim);
        Self {
            scope: self.scope.intersect(&allowed.scope),
            claims: self.claims.iter().filter(tells).cloned().collect(),
        }
    }

    /// What either allows.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            scope: self.scope.union(&other.scope),
            claims: self.claims.union(&other.claims).cloned().collect(),
        }
    }

    /// The claims that no scope in it brings: what is to be said beside the scopes.
    pub fn claims_alone(&self) -> impl Iterator<Item = &str> {
        self.claims
            .iter()
            .map(String::as_str)
            .filter(|claim| !claims::is_asked_by(&self.scope, claim))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_the_claims_that_it_brings_and_a_claim_covers_itself_alone() {
        let asked = Permission::read("openid", "email name");
        for (scope, claims, covers) in [
            ("openid", "email name", true),
            ("openid", "email name phone_number", true),
            ("openid profile email", "", true),
            ("openid profile", "email", true),
            ("openid", "email", false),
            ("openid email", "", false),
            ("", "email name", false),
            ("openid", "email_verified name", false),
        ] {
            let allowed = Permission::read(scope, claims);
            assert_eq!(allowed.covers(&asked), covers, "{scope}; {claims}");
        }
        // Nor does a claim cover the scope that would bring it.
        assert!(!asked.covers(&Permission::read("openid email", "")));
    }

    #[test]
    fn of_what_is_asked_there_remains_what_was_allowed() {
        let asked = Permission::read("openid phone", "email name phone_number");
        let allowed = Permission::read("openid profile", "email");
        assert_eq!(
            asked.within(&allowed),
            Permission::read("openid", "email name")
        );
    }

    #[test]
    fn what_was_written_down_reads_the_same_again() {
        let one = Permission::read("openid email", "name address");
        assert_eq!(
            Permission::read(&one.scope.to_string(), &one.claims_text()),
            one
        );
        let both = one.union(&Permission::read("phone", "picture"));
        assert_eq!(
            both,
            Permission::read("email openid phone", "address name picture")
        );
        let alone: Vec<_> = Permission::read("openid email", "email name")
            .claims_alone()
            .map(str::to_owned)
            .collect();
        assert_eq!(alone, ["name"]);
    }
}
