//! What clients sign: the assertions by which they prove who they are (RFC 7523) and their request objects (Core §6).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, crypto};
use serde_json::{Map, Value};

use super::client_keys::candidates;
use super::strict::Parts;
use crate::oidc::algorithm::{ClientAlgorithm, SigningAlgorithm};

/// Header members that would let the token bring or point to its own key, or change how it is read.
const REFUSED_HEADERS: [&str; 8] = ["crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "enc"];

/// Why a JWT is not one that the client made for this use. The words come after "the client assertion: " and the like,
/// and never quote what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientJwtError {
    /// It is not a compact JWS, or a very long one.
    #[error("it is not a signed JWT")]
    Malformed,
    /// Its header asks for something that is not supported or not safe.
    #[error("its header has a member that is not accepted")]
    Header,
    /// Its `typ` says that it is for something else (RFC 8725 §3.11).
    #[error("its typ is that of another kind of JWT")]
    Type,
    /// Its `alg` is unknown, or not the client's for this use.
    #[error("its alg is not one that this client may use for it")]
    Algorithm,
    /// The client's keys are at a `jwks_uri` and can't be had.
    #[error("the keys at the client's jwks_uri can't be had")]
    Unavailable,
    /// No key of the client fits its `alg` and `kid`.
    #[error("no key of the client fits its alg and kid")]
    NoKey,
    /// None of the client's keys made the signature.
    #[error("its signature is wrong")]
    Signature,
    /// A claim occurs twice or has a wrong JSON type.
    #[error("a claim of it occurs twice or has a wrong type")]
    Claims,
}

/// A JWT of a client, taken apart; nothing in it is to be believed before one of the methods that check it has
/// answered with its claims.
///
/// What comes of them is signed, and of the right JSON types. Issuer, audience, times and the rest are rules of their
/// own.
pub struct ClientJwt<'a> {
    parts: Parts<'a>,
    algorithm: ClientAlgorithm,
}

impl<'a> ClientJwt<'a> {
    /// Takes a token apart that is of this kind: `typ` must be absent, `JWT` or this.
    ///
    /// # Errors
    /// [`ClientJwtError::Malformed`], `Header`, `Type` and `Algorithm`.
    pub fn read(token: &'a str, typ: &str) -> Result<Self, ClientJwtError> {
        let parts = Parts::take_apart(token).ok_or(ClientJwtError::Malformed)?;
        if REFUSED_HEADERS
            .iter()
            .any(|name| parts.header.contains_key(*name))
        {
            return Err(ClientJwtError::Header);
        }
        if let Some(said) = parts.header.get("typ") {
            let said = said.as_str().ok_or(ClientJwtError::Type)?;
            // RFC 7515 §4.1.9: a media type, whose "application/" may be left out.
            let short = said.strip_prefix("application/").unwrap_or(said);
            if ![typ, "JWT"]
                .iter()
                .any(|fit| fit.eq_ignore_ascii_case(short))
            {
                return Err(ClientJwtError::Type);
            }
        }
        let algorithm = parts
            .header_text("alg")
            .and_then(ClientAlgorithm::from_name)
            .ok_or(ClientJwtError::Algorithm)?;
        // RFC 7515 §6: unsigned is what says so and brings no signature, and nothing else is.
        if (algorithm == ClientAlgorithm::None) != parts.signature.is_empty() {
            return Err(ClientJwtError::Malformed);
        }
        Ok(Self { parts, algorithm })
    }

    /// The `alg` of its header. Which key that leads to is for the caller to decide, by what the client registered.
    pub fn algorithm(&self) -> ClientAlgorithm {
        self.algorithm
    }

    /// Whose it says it is: to know with whose keys it is to be checked, and nothing else.
    pub fn said_issuer(&self) -> Option<String> {
        let claims = self.parts.claims()?;
        Some(claims.get("iss")?.as_str()?.to_owned())
    }

    /// Whether it names its key.
    pub fn has_kid(&self) -> bool {
        self.parts.header.contains_key("kid")
    }

    /// The claims, if one of these public keys signed it. A shared secret is none of them.
    ///
    /// # Errors
    /// [`ClientJwtError::NoKey`], `Signature`, `Claims`; `Algorithm` when it is not signed with a private key.
    pub fn verify(&self, jwks: &Value) -> Result<Map<String, Value>, ClientJwtError> {
        let algorithm = self
            .algorithm
            .by_private_key()
            .ok_or(ClientJwtError::Algorithm)?;
        let kid = self.parts.header.get("kid");
        let mut candidates = candidates(jwks, kid, algorithm).peekable();
        candidates.peek().ok_or(ClientJwtError::NoKey)?;
        let message = self.parts.message.as_bytes();
        let signed = candidates.any(|key| {
            crypto::verify(self.parts.signature, message, &key, library_name(algorithm))
                .unwrap_or(false)
        });
        match signed {
            true => self.claims(),
            false => Err(ClientJwtError::Signature),
        }
    }

    /// The claims, if this secret signed it (Core §10.1: its UTF-8 is the key).
    ///
    /// # Errors
    /// [`ClientJwtError::Signature`], `Claims`; `NoKey` when the secret is too short for the algorithm (RFC 7518 §3.2);
    /// `Algorithm` when it is not signed with a secret.
    pub fn verify_with_secret(&self, secret: &[u8]) -> Result<Map<String, Value>, ClientJwtError> {
        let least = self
            .algorithm
            .least_secret()
            .ok_or(ClientJwtError::Algorithm)?;
        let algorithm = match self.algorithm {
            ClientAlgorithm::HS384 => hmac::HMAC_SHA384,
            ClientAlgorithm::HS512 => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        if secret.len() < least {
            return Err(ClientJwtError::NoKey);
        }
        let key = hmac::Key::new(algorithm, secret);
        let signature = URL_SAFE_NO_PAD.decode(self.parts.signature);
        let signed = signature.is_ok_and(|signature| {
            hmac::verify(&key, self.parts.message.as_bytes(), &signature).is_ok()
        });
        match signed {
            true => self.claims(),
            false => Err(ClientJwtError::Signature),
        }
    }

    /// The claims of one that nobody signed: for request objects alone, which are worth as much as a query then.
    ///
    /// # Errors
    /// [`ClientJwtError::Claims`]; `Algorithm` when it is signed.
    pub fn read_unsigned(&self) -> Result<Map<String, Value>, ClientJwtError> {
        match self.algorithm {
            ClientAlgorithm::None => self.claims(),
            _ => Err(ClientJwtError::Algorithm),
        }
    }

    fn claims(&self) -> Result<Map<String, Value>, ClientJwtError> {
        self.parts.claims().ok_or(ClientJwtError::Claims)
    }
}

const fn library_name(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::RS256 => Algorithm::RS256,
        SigningAlgorithm::PS256 => Algorithm::PS256,
        SigningAlgorithm::ES256 => Algorithm::ES256,
        SigningAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{forge, key, mac};
    use super::*;

    const ALL: [SigningAlgorithm; 4] = SigningAlgorithm::ALL;
    /// As long as HS512 wants it.
    const SECRET: &[u8] = &[b's'; 64];

    fn set(algorithms: &[SigningAlgorithm]) -> Value {
        let keys = algorithms.iter().map(|one| key(*one).public_jwk().clone());
        json!({ "keys": keys.collect::<Vec<_>>() })
    }

    fn signed(algorithm: SigningAlgorithm, more: &str) -> String {
        let header = format!(r#"{{"alg":"{algorithm}"{more}}}"#);
        forge(&key(algorithm), &header, r#"{"jti":"1"}"#)
    }

    fn verify(jwks: &Value, token: &str) -> Result<Map<String, Value>, ClientJwtError> {
        ClientJwt::read(token, "kind+jwt")?.verify(jwks)
    }

    #[test]
    fn a_client_signs_with_any_of_its_keys() {
        let jwks = set(&ALL);
        for algorithm in ALL {
            let kid = format!(r#","kid":"{}""#, key(algorithm).kid());
            for more in [
                "",
                &kid,
                r#","typ":"JWT""#,
                r#","typ":"jwt""#,
                r#","typ":"kind+jwt""#,
                r#","typ":"application/kind+jwt""#,
            ] {
                let claims = verify(&jwks, &signed(algorithm, more)).unwrap();
                assert_eq!(claims["jti"], "1");
            }
        }
    }

    /// Attack 30: the algorithm must be one of ours and fit the key, and the header brings no key and no `crit`.
    #[test]
    fn a_jwt_chooses_neither_its_algorithm_nor_its_key() {
        let jwks = set(&[SigningAlgorithm::RS256]);
        let signed = |header: &str| {
            let token = forge(&key(SigningAlgorithm::RS256), header, "{}");
            verify(&jwks, &token)
        };
        assert!(signed(r#"{"alg":"RS256"}"#).is_ok());
        for alg in ["RS384", "nOnE", "HS256 ", "rs256", ""] {
            let refused = signed(&format!(r#"{{"alg":"{alg}"}}"#));
            assert_eq!(refused, Err(ClientJwtError::Algorithm), "{alg}");
        }
        for alg in ["HS256", "HS384", "HS512"] {
            let refused = signed(&format!(r#"{{"alg":"{alg}"}}"#));
            assert_eq!(refused, Err(ClientJwtError::Algorithm), "{alg}");
        }
        for alg in ["PS256", "ES256", "EdDSA"] {
            let refused = signed(&format!(r#"{{"alg":"{alg}"}}"#));
            assert_eq!(refused, Err(ClientJwtError::NoKey), "{alg}");
        }
        for name in REFUSED_HEADERS {
            let refused = signed(&format!(r#"{{"alg":"RS256","{name}":{{}}}}"#));
            assert_eq!(refused, Err(ClientJwtError::Header), "{name}");
        }
        for kid in [r#""../key""#, r#""' OR 1=1""#, "1", "null"] {
            let refused = signed(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#));
            assert_eq!(refused, Err(ClientJwtError::NoKey), "{kid}");
        }
        let stranger = set(&[SigningAlgorithm::PS256]);
        let token = self::signed(SigningAlgorithm::RS256, "");
        assert_eq!(verify(&stranger, &token), Err(ClientJwtError::NoKey));
    }

    /// Attacks 19, 30, 32: one that is unsigned, or signed with a public key as if it were a secret, passes for
    /// nothing else, and one of another kind for none of this.
    #[test]
    fn each_way_of_checking_takes_its_own_algorithms_alone() {
        let jwks = set(&ALL);
        let public = key(SigningAlgorithm::RS256).public_jwk().to_string();
        let unsigned = format!("{}.", mac(b"", r#"{"alg":"none"}"#).0);
        for (token, by_key, by_secret, as_unsigned) in [
            (signed(SigningAlgorithm::EdDSA, ""), true, false, false),
            (mac(SECRET, r#"{"alg":"HS256"}"#).1, false, true, false),
            (
                mac(public.as_bytes(), r#"{"alg":"HS256"}"#).1,
                false,
                false,
                false,
            ),
            (unsigned.clone(), false, false, true),
        ] {
            let jwt = ClientJwt::read(&token, "kind+jwt").unwrap();
            assert_eq!(jwt.verify(&jwks).is_ok(), by_key, "{token}");
            assert_eq!(jwt.verify_with_secret(SECRET).is_ok(), by_secret, "{token}");
            assert_eq!(jwt.read_unsigned().is_ok(), as_unsigned, "{token}");
        }
        let kind = |token: &str| ClientJwt::read(token, "kind+jwt").err();
        let (message, _) = unsigned.rsplit_once('.').unwrap();
        let (signed_message, _) = mac(SECRET, r#"{"alg":"HS256"}"#);
        for token in [
            format!("{message}.AAAA"),
            format!("{signed_message}."),
            message.to_owned(),
            format!("{message}.."),
            String::new(),
        ] {
            assert_eq!(kind(&token), Some(ClientJwtError::Malformed), "{token}");
        }
        for typ in ["at+jwt", "logout+jwt", "application/other+jwt", ""] {
            let token = signed(SigningAlgorithm::EdDSA, &format!(r#","typ":"{typ}""#));
            assert_eq!(kind(&token), Some(ClientJwtError::Type), "{typ}");
        }
        let token = signed(SigningAlgorithm::EdDSA, r#","typ":1"#);
        assert_eq!(kind(&token), Some(ClientJwtError::Type));
    }

    #[test]
    fn a_secret_signs_with_the_algorithms_that_it_is_long_enough_for() {
        for (alg, least) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
            for length in [least - 1, least, 100] {
                let secret = vec![b'k'; length];
                let (_, token) = mac(&secret, &format!(r#"{{"alg":"{alg}"}}"#));
                let jwt = ClientJwt::read(&token, "kind+jwt").unwrap();
                let expected = if length < least {
                    Err(ClientJwtError::NoKey)
                } else {
                    Ok(Map::new())
                };
                assert_eq!(jwt.verify_with_secret(&secret), expected, "{alg} {length}");
                let stranger = vec![b'x'; 100];
                assert_eq!(
                    jwt.verify_with_secret(&stranger),
                    Err(ClientJwtError::Signature)
                );
            }
        }
    }

    /// Attack 31: claims of the wrong JSON type are refused in what clients sign too; and so is a name that stands twice.
    #[test]
    fn claims_of_a_wrong_type_or_that_stand_twice_are_refused() {
        let jwks = set(&[SigningAlgorithm::EdDSA]);
        for claims in [
            r#"{"exp":"9"}"#,
            r#"{"aud":[1]}"#,
            r#"{"a":1,"a":1}"#,
            "[]",
            "x",
        ] {
            let token = forge(&key(SigningAlgorithm::EdDSA), r#"{"alg":"EdDSA"}"#, claims);
            assert_eq!(
                verify(&jwks, &token),
                Err(ClientJwtError::Claims),
                "{claims}"
            );
        }
    }

    /// Attack 33: an ECDSA signature of zeros is no signature.
    #[test]
    fn a_signature_of_zeros_is_refused() {
        for algorithm in ALL {
            let token = signed(algorithm, "");
            let (message, signature) = token.rsplit_once('.').unwrap();
            let length = URL_SAFE_NO_PAD.decode(signature).unwrap().len();
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(vec![0; length]));
            let refused = verify(&set(&[algorithm]), &token);
            assert_eq!(refused, Err(ClientJwtError::Signature));
        }
    }
}
