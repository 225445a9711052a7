//! Proof Key for Code Exchange (RFC 7636), with S256 alone.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::oidc::client::Client;
use crate::oidc::error::OAuthError;
use crate::oidc::params::Params;

/// An S256 code challenge: the base64url of a SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// A challenge, if `text` is one: 43 characters that decode to 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let digest = URL_SAFE_NO_PAD.decode(text).ok()?;
        (digest.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The challenge of an authorization request, if it has one (RFC 7636 §4.3).
    ///
    /// # Errors
    /// `invalid_request` for a malformed challenge and for every method but S256: a challenge
    /// without a method means `plain`, which protects nothing once the request is seen.
    pub fn from_params(params: &Params) -> Result<Option<Self>, OAuthError> {
        let challenge = params.get("code_challenge");
        match (challenge, params.get("code_challenge_method")) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(OAuthError::invalid_request("code_challenge is missing")),
            (Some(challenge), Some("S256")) => match Self::parse(challenge) {
                Some(challenge) => Ok(Some(challenge)),
                None => Err(OAuthError::invalid_request(
                    "code_challenge is not the base64url of a SHA-256 digest",
                )),
            },
            (Some(_), _) => Err(OAuthError::invalid_request(
                "code_challenge_method must be S256",
            )),
        }
    }

    /// The challenge as it travels.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a client's authorization requests must carry a challenge (RFC 9700 §2.1.1).
pub fn is_required_of(client: &Client) -> bool {
    client.is_public() || client.metadata.require_pkce
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// The verifier fits the challenge of the authorization request (RFC 7636 §4.6).
///
/// # Errors
/// `invalid_grant` when it does not, when it is absent though there was a challenge, when it is
/// there though there was none (a downgrade, RFC 9700 §4.8.2), or when it is malformed.
pub fn check_verifier(
    challenge: Option<&CodeChallenge>,
    verifier: Option<&str>,
) -> Result<(), OAuthError> {
    let (challenge, verifier) = match (challenge, verifier) {
        (None, None) => return Ok(()),
        (None, Some(_)) => {
            return Err(OAuthError::invalid_grant(
                "a code_verifier came, but the authorization request had no code_challenge",
            ));
        }
        (Some(_), None) => return Err(OAuthError::invalid_grant("code_verifier is missing")),
        (Some(challenge), Some(verifier)) => (challenge, verifier),
    };
    let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if !(43..=128).contains(&verifier.len()) || !verifier.chars().all(unreserved) {
        return Err(OAuthError::invalid_grant(
            "code_verifier must be 43 to 128 unreserved characters",
        ));
    }
    let hashed = challenge_of(verifier);
    if verify_slices_are_equal(hashed.as_bytes(), challenge.0.as_bytes()).is_ok() {
        Ok(())
    } else {
        Err(OAuthError::invalid_grant(
            "code_verifier does not fit the code_challenge",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn read(query: &str) -> Result<Option<CodeChallenge>, OAuthError> {
        CodeChallenge::from_params(&Params::parse(query.as_bytes()).unwrap())
    }

    fn challenge() -> CodeChallenge {
        CodeChallenge::parse(CHALLENGE).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_fits() {
        assert_eq!(check_verifier(Some(&challenge()), Some(VERIFIER)), Ok(()));
    }

    /// Attack 13 (CVE-2023-48228): the verifier left out though a challenge was sent.
    #[test]
    fn leaving_out_the_verifier_is_refused() {
        assert!(check_verifier(Some(&challenge()), None).is_err());
    }

    /// Attack 13 (CVE-2024-22258, CVE-2024-23647): the challenge stripped from the request.
    #[test]
    fn a_verifier_without_a_challenge_is_refused() {
        assert!(check_verifier(None, Some(VERIFIER)).is_err());
        assert_eq!(check_verifier(None, None), Ok(()));
    }

    /// Attack 13: verifiers that are wrong, empty, short, long or of other characters.
    #[test]
    fn a_verifier_that_is_wrong_or_malformed_is_refused() {
        let wrong = VERIFIER.replace('d', "e");
        let long = VERIFIER.repeat(3);
        let space = VERIFIER.replace('d', " ");
        for verifier in [
            wrong.as_str(),
            "",
            &VERIFIER[..42],
            &long,
            &space,
            CHALLENGE,
        ] {
            assert!(
                check_verifier(Some(&challenge()), Some(verifier)).is_err(),
                "{verifier}"
            );
        }
    }

    #[test]
    fn verifiers_of_43_and_of_128_characters_are_good_and_of_129_not() {
        for (length, good) in [(42, false), (43, true), (128, true), (129, false)] {
            let verifier = "v".repeat(length);
            let hashed = digest::digest(&digest::SHA256, verifier.as_bytes());
            let challenge = CodeChallenge::parse(&URL_SAFE_NO_PAD.encode(hashed));
            assert_eq!(
                check_verifier(challenge.as_ref(), Some(&verifier)).is_ok(),
                good,
                "{length}"
            );
        }
    }

    /// Attack 13: the method that protects nothing.
    #[test]
    fn plain_is_refused_also_when_it_is_meant_by_silence() {
        assert!(
            read(&format!(
                "code_challenge={CHALLENGE}&code_challenge_method=S256"
            ))
            .is_ok()
        );
        for query in [
            format!("code_challenge={CHALLENGE}"),
            format!("code_challenge={CHALLENGE}&code_challenge_method=plain"),
            format!("code_challenge={CHALLENGE}&code_challenge_method=s256"),
            "code_challenge_method=S256".to_owned(),
            format!(
                "code_challenge={}&code_challenge_method=S256",
                &CHALLENGE[..42]
            ),
            format!("code_challenge={CHALLENGE}A&code_challenge_method=S256"),
            format!("code_challenge={CHALLENGE}=&code_challenge_method=S256"),
            format!(
                "code_challenge={}&code_challenge_method=S256",
                CHALLENGE.replace('-', "%2B")
            ),
        ] {
            assert!(read(&query).is_err(), "{query}");
        }
    }
}
