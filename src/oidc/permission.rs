//! What a person may allow a client (Core §3.1.2.4): scopes, and claims that are asked for one by one (§5.5).

use std::collections::{BTreeMap, BTreeSet};

use crate::oidc::claims;
use crate::oidc::scope::Scope;

/// What a client asks for, or was allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permission {
    /// The scopes.
    pub scope: Scope,
    /// The names of claims asked for one by one, whether or not a scope brings them too.
    pub claims: BTreeSet<String>,
    /// The services at which it may act for the person, by identifier, and the scopes there (RFC 8707).
    pub services: BTreeMap<String, Scope>,
}

impl Permission {
    /// What was written down of one: both are tokens separated by spaces.
    pub fn read(scope: &str, claims: &str) -> Self {
        Self {
            scope: Scope::parse(scope).unwrap_or_default(),
            claims: claims.split_ascii_whitespace().map(str::to_owned).collect(),
            services: BTreeMap::new(),
        }
    }

    /// Everything that is allowed, here or at a service.
    pub fn whole_scope(&self) -> Scope {
        let services = self.services.values();
        services.fold(self.scope.clone(), |whole, scope| whole.union(scope))
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
        asked.scope.is_subset(&self.scope)
            && asked.claims.iter().all(|claim| self.tells(claim))
            && (asked.services.iter()).all(|(identifier, scope)| self.covers_at(identifier, scope))
    }

    /// Whether it allows these scopes at that service.
    fn covers_at(&self, identifier: &str, scope: &Scope) -> bool {
        let allowed = self.services.get(identifier);
        allowed.is_some_and(|allowed| scope.is_subset(allowed))
    }

    /// What of it `allowed` allows; of a service all or nothing, so that no two have to be told apart by their scopes.
    #[must_use]
    pub fn within(&self, allowed: &Self) -> Self {
        let tells = |claim: &&String| allowed.tells(claim);
        Self {
            scope: self.scope.intersect(&allowed.scope),
            claims: self.claims.iter().filter(tells).cloned().collect(),
            services: self
                .services
                .iter()
                .filter(|(identifier, scope)| allowed.covers_at(identifier, scope))
                .map(|(identifier, scope)| (identifier.clone(), scope.clone()))
                .collect(),
        }
    }

    /// What either allows.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut services = self.services.clone();
        for (identifier, scope) in &other.services {
            let both = services.entry(identifier.clone()).or_default();
            *both = both.union(scope);
        }
        Self {
            scope: self.scope.union(&other.scope),
            claims: self.claims.union(&other.claims).cloned().collect(),
            services,
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

    fn at(services: &[(&str, &str)]) -> Permission {
        let services = services.iter();
        Permission {
            services: services
                .map(|(identifier, scope)| ((*identifier).to_owned(), Scope::parse(scope).unwrap()))
                .collect(),
            ..Permission::default()
        }
    }

    /// Attack 16: a consent for one service that counts at another.
    #[test]
    fn what_is_allowed_at_one_service_is_allowed_there_alone() {
        let allowed = at(&[("urn:a", "read write"), ("urn:b", "")]);
        for (asked, covers) in [
            (at(&[("urn:a", "read")]), true),
            (at(&[("urn:a", "")]), true),
            (at(&[("urn:b", "")]), true),
            (at(&[("urn:a", "read delete")]), false),
            (at(&[("urn:b", "read")]), false),
            (at(&[("urn:c", "")]), false),
            (Permission::read("read", ""), false),
        ] {
            assert_eq!(allowed.covers(&asked), covers, "{asked:?}");
        }
        assert!(!Permission::read("read write", "").covers(&at(&[("urn:a", "read")])));
        let more = allowed.union(&at(&[("urn:b", "read"), ("urn:c", "x")]));
        assert_eq!(
            more,
            at(&[("urn:a", "read write"), ("urn:b", "read"), ("urn:c", "x")])
        );
        assert_eq!(more.whole_scope().to_string(), "read write x");
        let asked = at(&[("urn:a", "read"), ("urn:b", "delete")]);
        assert_eq!(asked.within(&more), at(&[("urn:a", "read")]));
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
