//! Signing in through other providers: what we know of one, what is asked of it ([`request`], [`requested_claims`]), what
//! its answers mean ([`answer`]), who may come in ([`person`]), what it says when somebody signs out there
//! ([`logout_token`]), and how they leave there too who sign out here ([`leaving`]).
//!
//! Somebody is known there by issuer and subject (Core §2, §5.7). An address says nothing about who somebody is. Those that
//! give no ID tokens are in [`oauth2`].

pub mod answer;
pub mod leaving;
pub mod logout_token;
pub mod metadata;
pub mod oauth2;
pub mod person;
pub mod request;
pub mod requested_claims;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use self::leaving::SignOut;
use self::oauth2::OAuth2;
use self::requested_claims::RequestedClaims;
use crate::oidc::claims::is_about_a_person;
use crate::oidc::scope::OFFLINE_ACCESS;
use crate::oidc::uri;

/// Where their answers come in: below it each upstream has an address of its own (RFC 9700 §4.4.2.2).
pub const CALLBACKS: &str = "/upstreams";
/// The scope that is asked for where nothing else is said.
pub const SCOPE: &str = "openid profile email";

/// The longest name of an upstream, label, `client_id` and so on.
const LONGEST: usize = 255;
/// The most characters of a logo written as a `data:` URI.
const LONGEST_LOGO: usize = 64 * 1024;

/// A provider through which people sign in, as it was configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// What it is called in addresses and on the command line.
    pub id: String,
    /// Its issuer, letter by letter as its tokens have it; of one without ID tokens, the name under which it is known here.
    pub issuer: String,
    /// Where it is no OpenID Provider: what we know of it.
    pub oauth2: Option<OAuth2>,
    /// Who we are there.
    pub client_id: String,
    /// How we prove it.
    pub auth_method: AuthMethod,
    /// What we ask for; `openid` is in it, unless there are no ID tokens. Empty: nothing is said.
    pub scope: String,
    /// Which claims we ask for one by one (Core §5.5); of one that was kept before this was asked, and of one without ID
    /// tokens, none.
    #[serde(default)]
    pub request_claims: RequestedClaims,
    /// What people see on its button.
    pub label: String,
    /// An image for it, as a `data:` URI.
    pub logo: Option<String>,
    /// The domains of addresses whose owners are sent there, and, by [`Admits::Domains`], let in; in their canonical form.
    pub domains: Vec<String>,
    /// Who may come in for the first time.
    pub admits: Admits,
    /// Whether what it says of people is taken over each time, rather than the first time only.
    pub refreshes_claims: bool,
    /// Names of claims of ours, and what they are called there; those not named are called the same.
    pub claims: BTreeMap<String, String>,
    /// The private networks in which it lives.
    pub private_networks: Vec<String>,
    /// What becomes of the session there when somebody signs out here; of one that was kept before this was asked, the
    /// default.
    #[serde(default)]
    pub sign_out: SignOut,
}

/// How we prove to an upstream who we are (Core §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// The secret in the header.
    ClientSecretBasic,
    /// The secret in the body.
    ClientSecretPost,
    /// A JWT signed with our own key, which it finds in our JWKS.
    PrivateKeyJwt,
}

impl AuthMethod {
    /// Every method that we support.
    pub const ALL: [Self; 3] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
    ];

    /// The method as it is registered.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The method of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// Whether it takes a secret.
    pub fn uses_secret(self) -> bool {
        self != Self::PrivateKeyJwt
    }
}

/// Who may come in who is nobody here yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admits {
    /// Everybody who is somebody there.
    Anyone,
    /// Who has an address there that it has verified, in one of the domains.
    Domains,
    /// Of whom a claim says this.
    Claim {
        /// The claim's name there.
        name: String,
        /// Its value, or one of its values.
        value: String,
    },
    /// Nobody: who is somebody here links the two on their account page.
    Nobody,
    /// Who brings an invitation.
    Invited,
}

impl Admits {
    /// The policy in one word, as the configuration writes it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Anyone => "open",
            Self::Domains => "domain",
            Self::Claim { .. } => "claim",
            Self::Nobody => "linked",
            Self::Invited => "invited",
        }
    }
}

/// Checks an upstream's name: it stands in an address.
///
/// # Errors
/// What is wrong with it.
pub fn check_id(text: &str) -> Result<(), String> {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=40).contains(&text.len()) && text.bytes().all(sound) {
        return Ok(());
    }
    Err("it has 1 to 40 small letters, digits and hyphens".to_owned())
}

/// Checks an upstream's issuer (Core §2): it is compared letter by letter, so it may end in a slash.
///
/// # Errors
/// What is wrong with it.
pub fn check_issuer(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|cause| format!("it is no absolute URL: {cause}"))?;
    let refuse = |why: &str| Err(why.to_owned());
    match url.scheme() {
        "https" => {}
        "http" if uri::is_loopback(&url) => {}
        _ => return refuse("an issuer is an https URL; plain http is for localhost alone"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("an issuer has no user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("an issuer has no query and no fragment");
    }
    let canonical = url.as_str().trim_end_matches('/');
    if text.trim_end_matches('/') != canonical {
        return Err(format!("write it as {canonical}"));
    }
    Ok(())
}

/// Checks a text that people or providers see: a label, a `client_id`.
///
/// # Errors
/// What is wrong with it.
pub fn check_text(text: &str) -> Result<(), String> {
    let sound = (1..=LONGEST).contains(&text.len())
        && text.trim() == text
        && !text.chars().any(char::is_control);
    match sound {
        true => Ok(()),
        false => Err(format!(
            "it has 1 to {LONGEST} bytes, no spaces at its ends and no control characters"
        )),
    }
}

/// Checks a scope to ask for: without `openid` there is no ID token.
///
/// # Errors
/// What is wrong with it.
pub fn check_scope(text: &str) -> Result<(), String> {
    check_text(text)?;
    match text.split(' ').any(|token| token == "openid") {
        true => Ok(()),
        false => Err("openid is missing".to_owned()),
    }
}

/// Checks a logo: an image that the page itself carries, so that nobody learns who looks at it.
///
/// # Errors
/// What is wrong with it.
pub fn check_logo(text: &str) -> Result<(), String> {
    let is_image = ["png", "jpeg", "webp"].iter().any(|kind| {
        let start = format!("data:image/{kind};base64,");
        text.strip_prefix(&start).is_some_and(|data| {
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
            !data.is_empty() && data.bytes().all(sound)
        })
    });
    match (is_image, text.len() <= LONGEST_LOGO) {
        (true, true) => Ok(()),
        (true, false) => Err(format!("it has more than {LONGEST_LOGO} characters")),
        (false, _) => Err("it is no data:image/png;base64,... (png, jpeg or webp)".to_owned()),
    }
}

/// A domain in the one form in which domains are compared (attack 90): lower case, IDNA.
pub fn canonical_domain(text: &str) -> Option<String> {
    match Host::parse(text) {
        Ok(Host::Domain(domain)) if !domain.ends_with('.') && domain.contains('.') => Some(domain),
        _ => None,
    }
}

/// The domain of an address, in its canonical form; none where there is no telling.
pub fn domain_of(address: &str) -> Option<String> {
    let (local, domain) = address.split_once('@')?;
    let sound = !local.is_empty() && !domain.contains('@') && !address.contains(['"', '\\']);
    let sound = sound && !address.contains(|c: char| c.is_whitespace() || c.is_control());
    sound.then(|| canonical_domain(domain))?
}

/// Checks a claim's name of ours in the mapping.
///
/// # Errors
/// What is wrong with it.
pub fn check_claim(name: &str) -> Result<(), String> {
    match is_about_a_person(name) && name != "updated_at" {
        true => Ok(()),
        false => Err(format!("{name} is no claim of ours about a person")),
    }
}

/// Everything that is wrong between the fields of an upstream; `issuer` is our own.
pub fn problems(upstream: &Upstream, issuer: &str) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    if upstream.issuer == issuer {
        problems.push(("issuer", "it is our own".to_owned()));
    }
    // An assertion of ours names our `client_id` as who speaks: it must never look like a token that we issue.
    if upstream.client_id == issuer {
        problems.push(("client_id", "it is our own issuer".to_owned()));
    }
    if upstream.admits == Admits::Domains && upstream.domains.is_empty() {
        problems.push(("domains", "there is none to let people in by".to_owned()));
    }
    // An assertion is for an issuer (RFC 7523bis), and here that is a name of our own.
    if upstream.oauth2.is_some() && !upstream.auth_method.uses_secret() {
        problems.push((
            "token_endpoint_auth_method",
            "one that is no OpenID Provider does not read our keys".to_owned(),
        ));
    }
    problems
}

impl Upstream {
    /// Where its answers come in at us: an address of its own.
    pub fn callback(&self, our_issuer: &crate::oidc::issuer::Issuer) -> String {
        our_issuer.endpoint(&format!("{CALLBACKS}/{}/callback", self.id))
    }

    /// Where its server tells us that somebody signed out there (Back-Channel Logout 1.0 §2.2).
    pub fn backchannel_logout_uri(&self, our_issuer: &crate::oidc::issuer::Issuer) -> String {
        our_issuer.endpoint(&format!("{CALLBACKS}/{}/backchannel_logout", self.id))
    }

    /// The page of ours that its page frames then (Front-Channel Logout 1.0 §2).
    pub fn frontchannel_logout_uri(&self, our_issuer: &crate::oidc::issuer::Issuer) -> String {
        our_issuer.endpoint(&format!("{CALLBACKS}/{}/frontchannel_logout", self.id))
    }

    /// Whether the owner of this address is sent there.
    pub fn is_for(&self, address: &str) -> bool {
        domain_of(address).is_some_and(|domain| self.domains.contains(&domain))
    }

    /// Whether it is asked for refresh tokens (Core §11). One that comes unasked hangs on the session there: to take it
    /// back could end that.
    pub fn asks_for_refresh_tokens(&self) -> bool {
        self.scope.split(' ').any(|token| token == OFFLINE_ACCESS)
    }
}

#[cfg(test)]
mod tests;
