//! A service (resource server, RFC 6749 §1.1) as it was declared: what tokens for it look like, and who may ask for them.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::oidc::claims;
use crate::oidc::client::Client;
use crate::oidc::issuer::Issuer;
use crate::oidc::registration::is_readable;
use crate::oidc::scope::{ADMINISTRATION, STANDARD, Scope};
use crate::oidc::status_list;
use crate::oidc::uri;

/// The least that a token for a service is good.
pub const SHORTEST_LIFETIME: TimeDelta = TimeDelta::seconds(1);
/// The most: as for every access token of ours.
pub const LONGEST_LIFETIME: TimeDelta = TimeDelta::days(1);

/// What every token says beside who it is for and about, but a [`TokenFormat::Cwt`]: that one as far as its service asks.
pub const ASKED_WHERE_SHORT: [&str; 6] = ["client_id", "scope", "jti", "grant", "auth_time", "acr"];

/// What the tokens for a service are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// A signed JWT (RFC 9068), which whoever holds it can read.
    #[default]
    Jwt,
    /// A JWT whose claims only the service can read (RFC 7516).
    Jwe,
    /// A short one for headers and cookies, of CBOR (in the manner of RFC 8392), which only the service can read.
    Cwt,
}

impl TokenFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Jwt, Self::Jwe, Self::Cwt];

    /// The format as it is written in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Jwe => "jwe",
            Self::Cwt => "cwt",
        }
    }

    /// Reads a format.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What clients send as `resource` (RFC 8707 §2), and the `aud` of its tokens. Compared as exact strings.
    pub identifier: String,
    /// What people read, if it has a name.
    pub name: Option<String>,
    /// What its tokens are.
    pub format: TokenFormat,
    /// What it knows to be allowed or not.
    pub scope: Scope,
    /// How long its tokens are good.
    pub lifetime: TimeDelta,
    /// What its tokens tell beside what every token does: of the person (Core §5.1), and of [`ASKED_WHERE_SHORT`].
    pub claims: Vec<String>,
    /// Who may ask for its tokens; none: every client.
    pub clients: Option<Vec<String>>,
}

impl Service {
    /// What people read: its name, else its identifier.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.identifier)
    }

    /// Whether the client may ask for its tokens.
    pub fn admits(&self, client_id: &str) -> bool {
        let clients = self.clients.as_ref();
        clients.is_none_or(|clients| clients.iter().any(|known| known == client_id))
    }

    /// The claims that tell of the person.
    pub fn claims_about_the_person(&self) -> impl Iterator<Item = &String> {
        let claims = self.claims.iter();
        claims.filter(|claim| claims::is_about_a_person(claim))
    }

    /// Whether its tokens say where their status is (Token Status List).
    pub fn wants_status(&self) -> bool {
        self.claims.iter().any(|claim| claim == status_list::CLAIM)
    }

    /// Whether its tokens carry this claim of [`ASKED_WHERE_SHORT`]. A short one always says what it allows, and names
    /// the session or, where there is none, the grant: a token that names neither could not be taken back with them. One
    /// with a status has a name, by which its place is found.
    pub fn carries(&self, claim: &str, has_session: bool) -> bool {
        let always = match claim {
            "scope" => true,
            "grant" => !has_session,
            "jti" => self.wants_status(),
            _ => false,
        };
        always || self.format != TokenFormat::Cwt || self.claims.iter().any(|asked| asked == claim)
    }

    /// What of `asked` the client may have there: what the service has, unless the client registered scopes and not this
    /// one.
    pub fn scope_for(&self, client: &Client, asked: &Scope) -> Scope {
        let own = asked.intersect(&self.scope);
        match client.metadata.scope {
            Some(_) => own.intersect(&Scope::allowed_to(client)),
            None => own,
        }
    }
}

/// Whether `text` can name a service (RFC 8707 §2): an absolute URI without fragment, and not our own, since tokens for
/// us are those that name no resource.
///
/// # Errors
/// What is wrong with it.
pub fn check_identifier(text: &str, issuer: &Issuer) -> Result<(), String> {
    uri::absolute(text)?;
    if text.trim_end_matches('/') == issuer.as_str() {
        return Err("this is the issuer's own: tokens for us need no service".to_owned());
    }
    Ok(())
}

/// Whether `text` can be read as its name.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(text: &str) -> Result<(), String> {
    if is_readable(text) {
        Ok(())
    } else {
        Err("must be 1 to 128 printable characters".to_owned())
    }
}

/// Reads its scopes.
///
/// # Errors
/// What is wrong with them.
pub fn read_scope(text: &str) -> Result<Scope, String> {
    let scope = Scope::parse(text).map_err(|refusal| refusal.description.into_owned())?;
    if let Some(token) = ADMINISTRATION.iter().find(|token| scope.contains(token)) {
        return Err(format!("{token} is for our own administration"));
    }
    // They are about what we tell the application of a person; what a service is told, its claims say.
    if let Some(token) = STANDARD.iter().find(|token| scope.contains(token)) {
        return Err(format!("{token} is a scope of OpenID Connect's own"));
    }
    Ok(scope)
}

/// Whether a token may carry that claim: one about a person, or one that short tokens leave out unless they are asked.
///
/// # Errors
/// What is wrong with it.
pub fn check_claim(name: &str) -> Result<(), String> {
    let is_ours = ASKED_WHERE_SHORT.contains(&name) || name == status_list::CLAIM;
    if claims::is_about_a_person(name) || is_ours {
        Ok(())
    } else {
        Err(format!("{name:?} is no claim about a person"))
    }
}

/// The name of the next key that the service shares with us: one byte, after `last`, and none that is still `good`. None:
/// all are.
pub fn next_kid(last: Option<u8>, good: &[u8]) -> Option<u8> {
    let first = last.map_or(1, |last| last.wrapping_add(1));
    (0..=u8::MAX)
        .map(|step| first.wrapping_add(step))
        .find(|kid| !good.contains(kid))
}

#[cfg(test)]
pub(in crate::oidc) mod tests {
    use super::*;
    use crate::oidc::authorization::tests::issuer;

    pub(in crate::oidc) fn api() -> Service {
        Service {
            identifier: "https://api.example/".to_owned(),
            name: None,
            format: TokenFormat::Jwt,
            scope: read_scope("read write").unwrap(),
            lifetime: TimeDelta::minutes(5),
            claims: Vec::new(),
            clients: None,
        }
    }

    #[test]
    fn a_service_is_named_by_an_absolute_uri_without_fragment_that_is_not_ours() {
        for good in [
            "https://api.example/",
            "https://api.example/v1?tenant=a",
            "urn:example:api",
        ] {
            assert_eq!(check_identifier(good, &issuer()), Ok(()), "{good}");
        }
        for wrong in [
            "",
            "api",
            "/api",
            "https://api.example/#a",
            "https://ada@api.example/",
            "https://id.example",
            "https://id.example/",
        ] {
            assert!(check_identifier(wrong, &issuer()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_service_without_a_list_of_clients_admits_all_and_one_with_an_empty_list_none() {
        let with = |clients: Option<&[&str]>| Service {
            clients: clients.map(|clients| clients.iter().map(|id| (*id).to_owned()).collect()),
            ..api()
        };
        assert!(with(None).admits("ledger"));
        assert!(with(Some(&["ledger"])).admits("ledger"));
        assert!(!with(Some(&["ledger"])).admits("Ledger"));
        assert!(!with(Some(&[])).admits("ledger"));
    }

    #[test]
    fn our_own_scopes_are_no_services_and_the_protocols_claims_are_no_services_to_choose() {
        assert!(read_scope("read exeunt.admin").is_err());
        assert!(read_scope("read offline_access").is_err());
        assert!(read_scope("re\"ad").is_err());
        for claim in ["sub", "aud", "sid", "nickname ", "admin"] {
            assert!(check_claim(claim).is_err(), "{claim}");
        }
        assert_eq!(check_claim("picture"), Ok(()));
        assert_eq!(check_claim("grant"), Ok(()));
    }

    #[test]
    fn keys_are_named_one_after_the_other_and_no_two_good_ones_alike() {
        assert_eq!(next_kid(None, &[]), Some(1));
        assert_eq!(next_kid(Some(1), &[1]), Some(2));
        assert_eq!(next_kid(Some(255), &[255, 0, 1]), Some(2));
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(next_kid(Some(7), &all), None);
        assert_eq!(next_kid(Some(7), &all[..200]), Some(200));
    }

    #[test]
    fn a_short_token_carries_what_its_service_asks_for_and_what_it_can_be_taken_back_by() {
        let short = Service {
            format: TokenFormat::Cwt,
            claims: ["jti", "name"].map(str::to_owned).to_vec(),
            ..api()
        };
        let carried = |service: &Service, has_session| {
            let all = ASKED_WHERE_SHORT.into_iter();
            all.filter(|claim| service.carries(claim, has_session))
                .collect::<Vec<_>>()
        };
        assert_eq!(carried(&short, true), ["scope", "jti"]);
        assert_eq!(carried(&short, false), ["scope", "jti", "grant"]);
        assert_eq!(carried(&api(), true), ASKED_WHERE_SHORT);
    }
}
