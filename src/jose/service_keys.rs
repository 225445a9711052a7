//! The keys that services share with us or publish, and the tokens that are made under them (docs/tokens.md).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeunt_guard::cwt::{self, Nonce};
use exeunt_guard::deny_list::token_hash;
use exeunt_guard::jwe::{self, ContentEncryption, DirectKey, EncryptingKey};
use exeunt_guard::{Claims, Expected, GenerateError, KeyError, LONGEST_LEEWAY};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde_json::Value;

use super::master::{MasterKey, OpenError};
use crate::clock::Timestamp;
use crate::oidc::scope::Scope;
use crate::oidc::service::{Service, TokenFormat};
use crate::oidc::token::access_token::ServiceToken;
use crate::oidc::token::encrypted::{CarriedClaims, REFERENCE};
use crate::random::Random;

/// More keys than a service in rotation needs.
const MOST_KEYS: usize = 20;
/// The bytes of a `cwt`'s two keys, and of a direct `jwe`'s: that of the MAC first.
const COMPACT: (usize, usize) = (32, 16);
const DIRECT: (usize, usize) = (16, 16);

/// A token for a service could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ServiceTokenError {
    /// The shared key does not open.
    #[error("a service's key: {0}")]
    Sealed(#[from] OpenError),
    /// The key is none.
    #[error("a service's key: {0}")]
    Key(#[from] KeyError),
    /// The claims do not fit, or the cryptographic library failed.
    #[error("a service's token: {0}")]
    Token(#[from] GenerateError),
}

/// The two secret keys that a service shares with us, and their name.
pub struct SharedKey {
    format: TokenFormat,
    kid: u8,
    bytes: SecretSlice<u8>,
}

impl SharedKey {
    /// A new one for tokens of this format; none if they take none.
    pub fn generate(random: &dyn Random, format: TokenFormat, kid: u8) -> Option<Self> {
        let (mac, cipher) = lengths(format)?;
        let mut bytes = vec![0; mac + cipher];
        random.fill(&mut bytes);
        Some(Self {
            format,
            kid,
            bytes: SecretSlice::from(bytes),
        })
    }

    /// For the database. It opens for this service alone, under this name and for this format.
    pub fn seal(&self, master: &MasterKey, random: &dyn Random, service: &str) -> String {
        let associated = associated(self.format, service, self.kid);
        master.seal(random, &associated, self.bytes.expose_secret())
    }

    /// Opens one that was sealed for this service.
    ///
    /// # Errors
    /// When it is another's, another format's, or altered.
    pub fn open(
        master: &MasterKey,
        format: TokenFormat,
        service: &str,
        kid: u8,
        sealed: &str,
    ) -> Result<Self, OpenError> {
        let bytes = master.open(&associated(format, service, kid), sealed)?;
        Ok(Self { format, kid, bytes })
    }

    /// The key of the MAC, in base64url: for the service alone.
    pub fn mac(&self) -> SecretString {
        self.part(|bytes, mac| &bytes[..mac])
    }

    /// The key of the cipher.
    pub fn cipher(&self) -> SecretString {
        self.part(|bytes, mac| &bytes[mac..])
    }

    fn part(&self, of: impl Fn(&[u8], usize) -> &[u8]) -> SecretString {
        let mac = lengths(self.format).map_or(0, |(mac, _)| mac);
        let part = of(self.bytes.expose_secret(), mac);
        URL_SAFE_NO_PAD.encode(part).into()
    }

    /// Makes a token. Its nonce is drawn from `random`, which must be the operating system's.
    ///
    /// # Errors
    /// [`ServiceTokenError`].
    pub fn token(
        &self,
        service: &Service,
        token: &ServiceToken,
        random: &dyn Random,
    ) -> Result<String, ServiceTokenError> {
        let bytes = self.bytes.expose_secret();
        let claims = claims(service, token);
        if self.format == TokenFormat::Cwt {
            let (mac, cipher) = halves::<{ COMPACT.0 }, { COMPACT.1 }>(bytes)?;
            let key = cwt::Key::new(self.kid, mac, cipher)?;
            let mut nonce = [0; 12];
            random.fill(&mut nonce);
            return Ok(cwt::generate(&claims, &key, Nonce::from_random(nonce))?);
        }
        let (mac, cipher) = halves::<{ DIRECT.0 }, { DIRECT.1 }>(bytes)?;
        let key = DirectKey::new(self.kid.to_string(), mac, cipher)?;
        let mut iv = [0; 16];
        random.fill(&mut iv);
        Ok(jwe::generate_direct(&claims, &key, iv)?)
    }

    /// What a token says that was made under this key for this service: by us, or by the service, which can make them too.
    /// None: it was made under another, or has expired.
    pub fn read(
        &self,
        token: &str,
        issuer: &str,
        service: &str,
        now: Timestamp,
    ) -> Option<CarriedClaims> {
        let (bytes, now) = (self.bytes.expose_secret(), now.timestamp());
        // The clock of the node that made it may be ahead; ours says when it has expired.
        let expected = Expected::new(issuer, service).with_leeway(LONGEST_LEEWAY);
        let claims = if self.format == TokenFormat::Cwt {
            let (mac, cipher) = halves::<{ COMPACT.0 }, { COMPACT.1 }>(bytes).ok()?;
            let keys = [cwt::Key::new(self.kid, mac, cipher).ok()?];
            cwt::parse(token, &keys, &expected, now)
        } else {
            let (mac, cipher) = halves::<{ DIRECT.0 }, { DIRECT.1 }>(bytes).ok()?;
            let keys = [DirectKey::new(self.kid.to_string(), mac, cipher).ok()?];
            jwe::parse_direct(token, &keys, &expected, now)
        };
        carried(claims.ok()?, service).filter(|claims| claims.exp > now)
    }
}

fn carried(claims: Claims, service: &str) -> Option<CarriedClaims> {
    Some(CarriedClaims {
        iss: claims.iss,
        exp: claims.exp,
        aud: service.to_owned(),
        sub: claims.sub,
        client_id: claims.client_id,
        iat: claims.iat,
        jti: claims.jti,
        scope: Scope::parse(&claims.scope.unwrap_or_default()).ok()?,
        grant: claims.grant,
        sid: claims.sid,
        auth_time: claims.auth_time,
        acr: claims.acr,
    })
}

/// By what a token is named that carries no `jti`.
pub fn hash_of_token(token: &str) -> String {
    token_hash(token)
}

/// How many tokens may be made under one shared key, by all servers together.
pub const TOKENS_PER_KEY: u64 = cwt::TOKENS_PER_KEY;

fn lengths(format: TokenFormat) -> Option<(usize, usize)> {
    match format {
        TokenFormat::Jwt => None,
        TokenFormat::Jwe => Some(DIRECT),
        TokenFormat::Cwt => Some(COMPACT),
    }
}

fn halves<const MAC: usize, const CIPHER: usize>(
    bytes: &[u8],
) -> Result<(&[u8; MAC], &[u8; CIPHER]), OpenError> {
    // What was sealed has the right length; else it is damaged.
    let (mac, rest) = bytes.split_first_chunk().ok_or(OpenError::Altered)?;
    let cipher = rest.try_into().map_err(|_length| OpenError::Altered)?;
    Ok((mac, cipher))
}

fn associated(format: TokenFormat, service: &str, kid: u8) -> String {
    format!("service key {} {kid} {service}", format.as_str())
}

fn claims(service: &Service, token: &ServiceToken) -> Claims {
    let (known, more) = (&token.claims, &token.person);
    let carries = |claim: &str| service.carries(claim, known.sid.is_some());
    let text = |claim: &str, text: &String| carries(claim).then(|| text.clone());
    Claims {
        iss: known.iss.clone(),
        sub: known.sub.clone(),
        aud: vec![known.aud.clone()],
        client_id: text("client_id", &known.client_id),
        scope: (!known.scope.is_empty()).then(|| known.scope.to_string()),
        iat: known.iat,
        exp: known.exp,
        nbf: None,
        jti: text("jti", &known.jti),
        grant: text("grant", &known.grant),
        sid: known.sid.clone(),
        auth_time: known.auth_time.filter(|_| carries("auth_time")),
        acr: known.acr.clone().filter(|_| carries("acr")),
        more: more.clone(),
    }
}

/// Encrypts a signed token to a service's public key. `reference`, a [`seal_reference`], goes into the header.
///
/// # Errors
/// [`ServiceTokenError`].
pub fn encrypt_to(
    jwk: &Value,
    signed: &str,
    reference: Option<&str>,
    random: &dyn Random,
) -> Result<String, ServiceTokenError> {
    let key = EncryptingKey::from_jwk(jwk, ContentEncryption::default())?;
    let mut fill = |bytes: &mut [u8]| random.fill(bytes);
    let members = reference.map(|reference| (REFERENCE, reference));
    let members = members.as_slice();
    Ok(jwe::generate_nested_with(signed, &key, members, &mut fill)?)
}

/// The keys of a JWKS to which tokens for a service can be encrypted.
///
/// # Errors
/// What to mend, naming the key by its place.
pub fn read_service_jwks(jwks: &Value) -> Result<Vec<Value>, String> {
    let keys = jwks.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or("a JWKS is an object with an array \"keys\"")?;
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err(format!("must have 1 to {MOST_KEYS} keys"));
    }
    for (place, key) in (1..).zip(keys) {
        EncryptingKey::from_jwk(key, ContentEncryption::default())
            .map_err(|wrong| format!("key {place}: {wrong}"))?;
    }
    Ok(keys.clone())
}
