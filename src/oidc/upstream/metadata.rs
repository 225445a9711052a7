//! What an upstream says of itself (Discovery 1.0 §3).

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::AuthMethod;
use crate::oidc::uri;

/// The part of its metadata that we use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are the specifications'")]
pub struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    #[serde(default)]
    pub userinfo_endpoint: Option<String>,
    #[serde(default)]
    pub end_session_endpoint: Option<String>,
    #[serde(default)]
    pub revocation_endpoint: Option<String>,
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub id_token_signing_alg_values_supported: Vec<String>,
    #[serde(default)]
    pub code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    pub claims_parameter_supported: bool,
    #[serde(default, deserialize_with = "texts")]
    pub claims_supported: Option<Vec<String>>,
    #[serde(default, deserialize_with = "texts")]
    pub acr_values_supported: Option<Vec<String>>,
    #[serde(default)]
    pub backchannel_logout_supported: bool,
    #[serde(default)]
    pub backchannel_logout_session_supported: bool,
    #[serde(default)]
    pub frontchannel_logout_supported: bool,
    #[serde(default)]
    pub frontchannel_logout_session_supported: bool,
}

/// A list of texts that is only told on: of anything else, nothing.
fn texts<'de, D: Deserializer<'de>>(said: D) -> Result<Option<Vec<String>>, D::Error> {
    let said = Value::deserialize(said)?;
    Ok(serde_json::from_value(said).unwrap_or_default())
}

/// Where it says so (Discovery 1.0 §4).
pub fn address(issuer: &str) -> String {
    let issuer = issuer.trim_end_matches('/');
    format!("{issuer}/.well-known/openid-configuration")
}

/// Checks an endpoint of an upstream's, where people or secrets of ours are sent: an https URL, or one of this machine.
///
/// # Errors
/// What is wrong with it.
pub fn check_endpoint(text: &str) -> Result<(), String> {
    let url = uri::absolute(text)?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if uri::is_loopback(&url) => Ok(()),
        _ => Err("it is no https URL; plain http is for localhost alone".to_owned()),
    }
}

fn fit(endpoint: Option<&str>) -> Option<&str> {
    endpoint.filter(|endpoint| check_endpoint(endpoint).is_ok())
}

/// How far apart two clocks may be before it is said.
const APART: TimeDelta = TimeDelta::seconds(60);

/// What is wrong with a clock that is so far ahead of ours, in words.
pub fn clock_problem(ahead: TimeDelta) -> Option<String> {
    let seconds = ahead.num_seconds();
    if ahead.abs() <= APART {
        return None;
    }
    Some(match seconds > 0 {
        true => format!(
            "its clock is {seconds} seconds ahead of ours: what it says now looks as if it were of the future"
        ),
        false => format!(
            "its clock is {} seconds behind ours: what it says now may be too old already",
            -seconds
        ),
    })
}

/// The signatures of ID tokens that we take.
pub const ALGORITHMS: [&str; 6] = ["RS256", "RS384", "RS512", "PS256", "ES256", "EdDSA"];

impl Metadata {
    /// Reads the document; none when it is none.
    pub fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Where it signs people out, if a browser may be sent there.
    pub fn fit_end_session_endpoint(&self) -> Option<&str> {
        fit(self.end_session_endpoint.as_deref())
    }

    /// Where it takes tokens back, if they may be sent there, and our secret with them.
    pub fn fit_revocation_endpoint(&self) -> Option<&str> {
        fit(self.revocation_endpoint.as_deref())
    }

    /// What is wrong with where it sends people, and us, to sign somebody in; in words.
    pub fn unfit_endpoints(&self) -> Vec<String> {
        let needed = [
            ("authorization_endpoint", Some(&self.authorization_endpoint)),
            ("token_endpoint", Some(&self.token_endpoint)),
            ("jwks_uri", Some(&self.jwks_uri)),
            ("userinfo_endpoint", self.userinfo_endpoint.as_ref()),
        ];
        let checked = needed.into_iter().filter_map(|(name, endpoint)| {
            let why = check_endpoint(endpoint?).err()?;
            Some(format!("its {name}: {why}"))
        });
        checked.collect()
    }

    /// What does not fit, so that nobody can sign in; in words.
    pub fn misfits(&self, issuer: &str, method: AuthMethod) -> Vec<String> {
        let mut misfits = self.unfit_endpoints();
        if self.issuer != issuer {
            misfits.push(format!(
                "it calls itself {}, not {issuer}: write that as issuer",
                self.issuer
            ));
        }
        let signs = &self.id_token_signing_alg_values_supported;
        if !signs.is_empty() && !signs.iter().any(|alg| ALGORITHMS.contains(&alg.as_str())) {
            misfits.push(format!(
                "its ID tokens are signed with {}, and we take {}",
                signs.join(", "),
                ALGORITHMS.join(", ")
            ));
        }
        let methods = &self.token_endpoint_auth_methods_supported;
        let basic = ["client_secret_basic".to_owned()];
        let methods = methods.as_deref().unwrap_or(&basic);
        if !methods.iter().any(|known| known == method.as_str()) {
            misfits.push(format!(
                "it does not take {}, but {}",
                method.as_str(),
                methods.join(", ")
            ));
        }
        misfits
    }

    /// What is missing, though people can sign in; in words.
    pub fn shortcomings(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let s256 = |method: &String| method == "S256";
        if !self.code_challenge_methods_supported.iter().any(s256) {
            missing.push("it does not say that it supports PKCE (S256)".to_owned());
        }
        if !self.authorization_response_iss_parameter_supported {
            missing.push(
                "its answers do not name it (RFC 9207): only the callback address tells it from others"
                    .to_owned(),
            );
        }
        if self.userinfo_endpoint.is_none() {
            missing.push("it has no userinfo endpoint: its ID tokens must say it all".to_owned());
        }
        if self.fit_end_session_endpoint().is_none() {
            missing.push(
                "it has no end session endpoint, or none over https: nobody is signed out there"
                    .to_owned(),
            );
        }
        if !self.backchannel_logout_supported {
            missing.push("it does not tell servers when somebody signs out there".to_owned());
        } else if !self.backchannel_logout_session_supported {
            missing
                .push("its logout tokens name no session (sid), but the person alone".to_owned());
        }
        if !self.frontchannel_logout_supported {
            missing.push("it does not tell browsers when somebody signs out there".to_owned());
        } else if !self.frontchannel_logout_session_supported {
            missing.push(
                "its frames in the browser name no session (sid): they end nothing here".to_owned(),
            );
        }
        missing
    }
}
