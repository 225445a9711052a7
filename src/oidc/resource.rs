//! Whom access tokens are for (RFC 8707, RFC 9068 §3). A token is for one: a service that was asked for by name, or, where
//! none was, whoever the client's tokens are for.
//!
//! A grant may be used for every service that the authorization request named (RFC 8707 §2.1). The token request says
//! for which one a token is to be (§2.2); one that says nothing gets a token as it would have without any of them.

use std::collections::BTreeMap;

use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::issuer::Issuer;
use crate::oidc::params::Params;
use crate::oidc::scope::Scope;
use crate::oidc::service::Service;

/// The most services that a request may name.
pub const MOST: usize = 16;

/// A service that an authorization request names, and what of the scope asked for the client may have there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedService {
    /// The service.
    pub service: Service,
    /// What is asked for there.
    pub scope: Scope,
}

/// The `aud` of a client's access tokens where no service is named: what it registered, else the issuer.
pub fn audience<'a>(client: &'a Client, issuer: &'a Issuer) -> &'a str {
    client
        .metadata
        .access_token_audience
        .as_deref()
        .unwrap_or(issuer.as_str())
}

/// The identifiers that a request names and that may be services', each once: what to look up before it can be judged.
/// Of too many only so many as show that.
pub fn named(params: &Params, issuer: &Issuer) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for asked in params.all("resource") {
        if asked != issuer.as_str() && !named.iter().any(|known| known == asked) {
            named.push(asked.to_owned());
        }
        if named.len() > MOST {
            break;
        }
    }
    named
}

/// The services that an authorization request names, of those that there are (RFC 8707 §2.1). What the client's tokens
/// are for anyway may stand among them.
///
/// # Errors
/// `invalid_target` for one that is unknown, malformed or not for this client, and for too many.
pub fn services(
    params: &Params,
    client: &Client,
    issuer: &Issuer,
    known: &[Service],
) -> Result<Vec<Service>, OAuthError> {
    let named = named(params, issuer);
    if named.len() > MOST {
        return Err(refuse(format!(
            "a request may name {MOST} resources at most"
        )));
    }
    let mut services = Vec::new();
    for asked in named {
        match known.iter().find(|service| service.identifier == asked) {
            Some(service) if service.admits(&client.client_id) => services.push(service.clone()),
            Some(_) => return Err(refuse("the resource is not for this client")),
            None if asked == audience(client, issuer) => {}
            None => {
                let audience = audience(client, issuer);
                return Err(refuse(format!(
                    "the resource is unknown; tokens that name none are for {audience}"
                )));
            }
        }
    }
    Ok(services)
}

/// The service for which a token request wants its token; none: for whom the client's tokens are anyway (RFC 8707 §2.2).
///
/// # Errors
/// As [`services`], and `invalid_target` for more than one: a token is for one audience.
pub fn target(
    params: &Params,
    client: &Client,
    issuer: &Issuer,
    known: &[Service],
) -> Result<Option<Service>, OAuthError> {
    let mut asked = params.all("resource");
    let first = asked.next();
    if asked.any(|other| Some(other) != first) {
        return Err(refuse(
            "a token is for one resource; ask for another token for each",
        ));
    }
    Ok(services(params, client, issuer, known)?.pop())
}

/// Whether a grant that names `resources` covers the service (RFC 8707 §2.2): what was not asked for when the person was
/// there can't be had later.
///
/// # Errors
/// `invalid_target`.
pub fn check_covered(resources: &[String], service: Option<&Service>) -> Result<(), OAuthError> {
    match service {
        Some(service) if !resources.contains(&service.identifier) => Err(refuse(
            "the grant is not for this resource; name it in the authorization request",
        )),
        _ => Ok(()),
    }
}

/// What of the scope asked for belongs to each service, and what remains beside them. What a service has is that
/// service's where one is named, though the client registered the scope for itself too.
pub fn share(asked: &Scope, client: &Client, services: Vec<Service>) -> (Vec<AskedService>, Scope) {
    let mut rest = asked.intersect(&Scope::allowed_by_people(client));
    let mut shares = Vec::new();
    for service in services {
        rest = rest.minus(&service.scope);
        let scope = service.scope_for(client, asked);
        shares.push(AskedService { service, scope });
    }
    (shares, rest)
}

/// The scope of a token for `service`, or for whom the client's tokens are anyway. `grants_services` are those, of the ones
/// that the grant may be used for, that there still are: what they have is theirs; none if it names none. What belonged to
/// one that is gone is had only by a client that may have it for itself.
pub fn scope_of_token(
    granted: &Scope,
    client: &Client,
    service: Option<&Service>,
    grants_services: Option<&[Service]>,
) -> Scope {
    if let Some(service) = service {
        return granted.intersect(&service.scope);
    }
    let Some(grants_services) = grants_services else {
        return granted.clone();
    };
    let own = granted.intersect(&Scope::allowed_to(client));
    grants_services
        .iter()
        .fold(own, |scope, service| scope.minus(&service.scope))
}

/// What is asked for at each service, by its identifier.
pub fn by_identifier(asked: &[AskedService]) -> BTreeMap<String, Scope> {
    let pairs = asked.iter();
    pairs
        .map(|asked| (asked.service.identifier.clone(), asked.scope.clone()))
        .collect()
}

fn refuse(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidTarget, description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorization::tests::{client, issuer};
    use crate::oidc::service::tests::api;

    fn other() -> Service {
        Service {
            identifier: "urn:other".to_owned(),
            scope: Scope::parse("write delete").unwrap(),
            clients: Some(vec!["ledger".to_owned()]),
            ..api()
        }
    }

    fn params(query: &str) -> Params {
        Params::parse(query.as_bytes()).unwrap()
    }

    fn identifiers(query: &str, client: &Client) -> Result<Vec<String>, ErrorCode> {
        let services = services(&params(query), client, &issuer(), &[api(), other()]);
        let identifiers = |services: Vec<Service>| {
            let services = services.into_iter();
            services.map(|service| service.identifier).collect()
        };
        services.map(identifiers).map_err(|refusal| refusal.error)
    }

    /// Attack 16: a resource that nobody meant to give.
    #[test]
    fn a_resource_is_a_service_that_admits_the_client_or_what_its_tokens_are_for() {
        let mut client = client();
        client.client_id = "ledger".to_owned();
        let both = identifiers("resource=urn:other&resource=https://api.example/", &client);
        assert_eq!(
            both.unwrap(),
            ["urn:other", "https://api.example/"].map(str::to_owned)
        );
        let twice = identifiers("resource=urn:other&resource=urn:other", &client);
        assert_eq!(twice.unwrap(), ["urn:other"]);
        assert_eq!(identifiers("", &client), Ok(vec![]));
        assert_eq!(
            identifiers("resource=https://id.example", &client),
            Ok(vec![])
        );
        for wrong in [
            "https://api.example",
            "https://API.example/",
            "https://api.example/%23a",
            "api",
            "urn:unknown",
        ] {
            assert_eq!(
                identifiers(&format!("resource=urn:other&resource={wrong}"), &client),
                Err(ErrorCode::InvalidTarget),
                "{wrong}"
            );
        }
        client.client_id = "mallory".to_owned();
        assert_eq!(
            identifiers("resource=urn:other", &client),
            Err(ErrorCode::InvalidTarget)
        );
        client.metadata.access_token_audience = Some("urn:mine".to_owned());
        assert_eq!(identifiers("resource=urn:mine", &client), Ok(vec![]));
    }

    /// Attack 6: one parameter very often.
    #[test]
    fn a_request_that_names_very_many_resources_is_refused() {
        let many = (0..=MOST).map(|number| format!("&resource=urn:{number}"));
        let query: String = many.collect();
        assert_eq!(named(&params(&query), &issuer()).len(), MOST + 1);
        assert_eq!(
            identifiers(&query, &client()),
            Err(ErrorCode::InvalidTarget)
        );
    }

    #[test]
    fn a_token_is_for_one_resource() {
        let client = client();
        let target = |query| target(&params(query), &client, &issuer(), &[api()]);
        let one = target("resource=https://api.example/").unwrap();
        assert_eq!(one, Some(api()));
        let twice = target("resource=https://api.example/&resource=https://api.example/");
        assert_eq!(twice, Ok(Some(api())));
        for several in [
            "resource=https://api.example/&resource=https://id.example",
            "resource=https://id.example&resource=https://api.example/",
        ] {
            assert_eq!(target(several).unwrap_err().error, ErrorCode::InvalidTarget);
        }
        assert_eq!(target("resource=https://id.example"), Ok(None));
    }

    /// Attack 16: a grant for one service that is used for another, or for more.
    #[test]
    fn a_grant_covers_the_services_that_it_names() {
        let named = [api().identifier];
        assert_eq!(check_covered(&named, Some(&api())), Ok(()));
        assert_eq!(check_covered(&[], None), Ok(()));
        for (resources, service) in [(&named[..], other()), (&[][..], api())] {
            let refusal = check_covered(resources, Some(&service)).unwrap_err();
            assert_eq!(refusal.error, ErrorCode::InvalidTarget);
        }
    }

    #[test]
    fn a_service_has_its_own_scopes_of_those_that_the_client_may_ask_for() {
        let mut client = client();
        let asked = Scope::parse("openid email read write delete unknown").unwrap();
        let shares = |client: &Client| {
            let (shares, rest) = share(&asked, client, vec![api(), other()]);
            let shares: Vec<_> = shares.iter().map(|one| one.scope.to_string()).collect();
            (shares, rest.to_string())
        };
        client.metadata.scope = None;
        let (services, rest) = shares(&client);
        assert_eq!(services, ["read write", "delete write"]);
        assert_eq!(rest, "email openid");
        client.metadata.scope = Some("openid read unknown".to_owned());
        let (services, rest) = shares(&client);
        assert_eq!(services, ["read", ""]);
        assert_eq!(rest, "openid unknown");
    }

    /// Attack 16: a token for one that carries what was granted for another.
    #[test]
    fn a_token_carries_of_what_was_granted_what_its_audience_has() {
        let mut client = client();
        client.metadata.scope = None;
        let granted = Scope::parse("openid email read delete").unwrap();
        let services = [api(), other()];
        let scope = |service: Option<usize>| {
            let service = service.map(|place| &services[place]);
            scope_of_token(&granted, &client, service, Some(&services)).to_string()
        };
        assert_eq!(scope(Some(0)), "read");
        assert_eq!(scope(Some(1)), "delete");
        assert_eq!(scope(None), "email openid");
        assert_eq!(scope_of_token(&granted, &client, None, None), granted);
        // Both are gone.
        let left = scope_of_token(&granted, &client, None, Some(&[]));
        assert_eq!(left.to_string(), "email openid");
    }
}
