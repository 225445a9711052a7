//! Somebody comes back from an upstream: whose answer is it, and who are they there?

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::form_urlencoded::byte_serialize;

use super::start::{Kept, sealed_for};
use super::{Purpose, UpstreamKeys, metadata_of, publisher, secret_at};
use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider, tokens};
use crate::jose::HashPurpose;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::params::Params;
use crate::oidc::upstream::answer::{
    self, Brought, Expected, Problem, Tokens, Unbelievable, Vouched,
};
use crate::oidc::upstream::metadata::Metadata;
use crate::oidc::upstream::{AuthMethod, Upstream, request};
use crate::outbound::{Answer, Outbound, OutboundError};
use crate::store::upstreams::{self, KnownUpstream};
use crate::store::{self, upstream_requests};

/// The longest answer of a token or userinfo endpoint that is read.
const LONGEST: usize = 128 * 1024;
/// The type of our assertions (draft-ietf-oauth-rfc7523bis §4), so that no other token passes for one, nor one for it.
const ASSERTION_TYPE: &str = "client-authentication+jwt";
/// What they are called at a token endpoint (RFC 7523 §2.2).
const ASSERTIONS: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// For how many seconds one is good.
const ASSERTION_SECONDS: i64 = 60;

/// Somebody who is somebody at an upstream.
#[derive(Debug)]
pub struct Arrived {
    /// What they went there for.
    pub purpose: Purpose,
    /// Where.
    pub upstream: Upstream,
    /// Who they are there, or why that is not known.
    pub outcome: Result<Identified, Problem>,
}

/// Who somebody is at an upstream.
#[derive(Debug)]
pub struct Identified {
    /// What it vouches for.
    pub vouched: Vouched,
    /// Since when they have proved it, as far as it counts here.
    pub auth_time: Timestamp,
    /// When they were sent there.
    pub sent_at: Timestamp,
    /// Whether it is said of their sign-in there that it is older than our question.
    pub is_older: bool,
    /// The token that says so.
    pub id_token: String,
}

/// Reads what the browser with this cookie brought to the upstream's own address here; none when it was not sent there,
/// or has been here before (attack 14: each `state` is good once, in one browser, for one upstream).
///
/// # Errors
/// When we can't tell.
pub async fn finish(
    provider: &Provider,
    upstream_id: &str,
    params: &Params,
    browser: &str,
) -> Result<Option<Arrived>, FlowError> {
    let Some(state) = params.get("state") else {
        return Ok(None);
    };
    let state_hash = provider.master.hash(HashPurpose::Handle, state);
    let browser_hash = provider.master.hash(HashPurpose::Handle, browser);
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    let taken = upstream_requests::take(&tx, &state_hash, &browser_hash, upstream_id, now).await?;
    let known = upstreams::find(&tx, upstream_id).await?;
    store::commit(tx).await?;
    let (Some(sealed), Some(known)) = (taken, known) else {
        return Ok(None);
    };
    let opened = provider.master.open(&sealed_for(&state_hash), &sealed)?;
    let Ok(kept) = serde_json::from_slice::<Kept>(opened.expose_secret()) else {
        return Ok(None);
    };
    if known.disabled_at.is_some() || known.upstream.issuer != kept.issuer {
        return Ok(None);
    }
    let outcome = match identify(provider, &known, &kept, params).await? {
        Ok(identified) => Ok(identified),
        Err(NotIdentified::Problem(problem)) => Err(problem),
        Err(NotIdentified::Unbelievable(why)) => {
            tracing::warn!(upstream = upstream_id, %why, "an upstream's answer is not believed");
            Err(Problem::Unbelievable)
        }
        Err(NotIdentified::Outbound(error)) => {
            tracing::warn!(upstream = upstream_id, %error, "an upstream does not answer");
            Err(Problem::Unavailable)
        }
    };
    Ok(Some(Arrived {
        purpose: kept.purpose,
        upstream: known.upstream,
        outcome,
    }))
}

enum NotIdentified {
    Problem(Problem),
    Unbelievable(Unbelievable),
    Outbound(OutboundError),
}

impl From<Unbelievable> for NotIdentified {
    fn from(why: Unbelievable) -> Self {
        Self::Unbelievable(why)
    }
}

impl From<OutboundError> for NotIdentified {
    fn from(error: OutboundError) -> Self {
        Self::Outbound(error)
    }
}

async fn identify(
    provider: &Provider,
    known: &KnownUpstream,
    kept: &Kept,
    params: &Params,
) -> Result<Result<Identified, NotIdentified>, FlowError> {
    let upstream = &known.upstream;
    let Some(metadata) = metadata_of(provider, upstream).await? else {
        return Ok(Err(NotIdentified::Problem(Problem::Unavailable)));
    };
    let code = match answer::brought(params, upstream, &metadata) {
        Ok(Brought::Code(code)) => code,
        Ok(Brought::Error(problem)) => return Ok(Err(NotIdentified::Problem(problem))),
        Err(why) => return Ok(Err(why.into())),
    };
    let outbound = provider.outbound.within(&upstream.private_networks)?;
    let secret = secret_at(provider, known)?;
    let asking = Asking {
        provider,
        upstream,
        metadata: &metadata,
        outbound: &outbound,
    };
    let given = asking
        .redeem(&code, &kept.code_verifier, secret.as_ref())
        .await?;
    let tokens = match given {
        Ok(tokens) => tokens,
        Err(not) => return Ok(Err(not)),
    };
    let vouched = match asking.verify(&tokens, &kept.nonce).await? {
        Ok(vouched) => vouched,
        Err(why) => return Ok(Err(why.into())),
    };
    let vouched = match asking.complete(vouched, &tokens.access_token).await {
        Ok(vouched) => vouched,
        Err(not) => return Ok(Err(not)),
    };
    let now = provider.clock.now();
    let said = vouched.auth_time;
    Ok(Ok(Identified {
        auth_time: request::auth_time(said, kept.asked_at, now),
        sent_at: kept.asked_at,
        is_older: said.is_some_and(|said| request::is_older(said, kept.asked_at)),
        vouched,
        id_token: tokens.id_token,
    }))
}

/// What is needed to ask an upstream's endpoints for programs.
struct Asking<'a> {
    provider: &'a Provider,
    upstream: &'a Upstream,
    metadata: &'a Metadata,
    outbound: &'a Outbound,
}

impl Asking<'_> {
    /// Redeems the code (Core §3.1.3.1).
    async fn redeem(
        &self,
        code: &str,
        code_verifier: &str,
        secret: Option<&SecretString>,
    ) -> Result<Result<Tokens, NotIdentified>, FlowError> {
        let (provider, upstream) = (self.provider, self.upstream);
        let client_id = upstream.client_id.as_str();
        let callback = upstream.callback(&provider.config.issuer);
        let secret = secret.map_or("", |secret| secret.expose_secret());
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", callback.as_str()),
            ("code_verifier", code_verifier),
        ];
        let mut authorization = None;
        let assertion;
        match upstream.auth_method {
            // Both in the encoding of forms first (RFC 6749 §2.3.1).
            AuthMethod::ClientSecretBasic => {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(client_id), encoded(secret));
                authorization = Some(format!("Basic {}", STANDARD.encode(pair)));
            }
            AuthMethod::ClientSecretPost => {
                fields.extend([("client_id", client_id), ("client_secret", secret)]);
            }
            AuthMethod::PrivateKeyJwt => {
                assertion = self.assertion()?;
                fields.extend([
                    ("client_id", client_id),
                    ("client_assertion_type", ASSERTIONS),
                    ("client_assertion", assertion.as_str()),
                ]);
            }
        }
        let url = &self.metadata.token_endpoint;
        let asked = self
            .outbound
            .ask(url, authorization.as_deref(), Some(&fields), LONGEST)
            .await;
        Ok(match asked {
            Ok(answer) if answer.status == 200 => serde_json::from_slice(&answer.body)
                .map_err(|_no_tokens| unbelievable("its token endpoint gives no ID token")),
            Ok(answer) => Err(refused("its token endpoint", &answer)),
            Err(error) => Err(error.into()),
        })
    }

    /// Who we are, signed with our own key (Core §9). For this issuer alone, whatever its metadata say, so that nobody
    /// has us make one for another.
    fn assertion(&self) -> Result<String, FlowError> {
        let now = self.provider.clock.now();
        let claims = json!({
            "iss": self.upstream.client_id,
            "sub": self.upstream.client_id,
            "aud": self.upstream.issuer,
            "jti": self.provider.random.secret(),
            "iat": now.timestamp(),
            "exp": now.timestamp() + ASSERTION_SECONDS,
        });
        let algorithm = SigningAlgorithm::RS256;
        tokens::sign(self.provider, algorithm, Some(ASSERTION_TYPE), &claims, now)
    }

    /// Checks the ID token, under newer keys where those that we have do not do.
    async fn verify(
        &self,
        tokens: &Tokens,
        nonce: &str,
    ) -> Result<Result<Vouched, Unbelievable>, FlowError> {
        let (provider, upstream) = (self.provider, self.upstream);
        let check = |keys: &UpstreamKeys| {
            let expected = Expected {
                upstream,
                keys,
                nonce,
                access_token: &tokens.access_token,
                now: provider.clock.now(),
            };
            answer::verify(&tokens.id_token, &expected)
        };
        let url = &self.metadata.jwks_uri;
        let documents = &provider.upstream_keys;
        let keys: Option<Arc<UpstreamKeys>> = documents
            .current(provider, publisher(upstream), url)
            .await?;
        let Some(keys) = keys else {
            return Ok(Err(Unbelievable("its keys can't be had".to_owned())));
        };
        let checked = check(&keys);
        if checked.is_ok() {
            return Ok(checked);
        }
        let newer = documents
            .newer(provider, publisher(upstream), url, &keys)
            .await?;
        Ok(newer.map_or(checked, |newer| check(&newer)))
    }

    /// Adds what its userinfo says, if it has one and was asked for more than who somebody is.
    async fn complete(
        &self,
        vouched: Vouched,
        access_token: &str,
    ) -> Result<Vouched, NotIdentified> {
        let Some(url) = &self.metadata.userinfo_endpoint else {
            return Ok(vouched);
        };
        if self.upstream.scope == "openid" {
            return Ok(vouched);
        }
        let authorization = format!("Bearer {access_token}");
        let answer = self
            .outbound
            .ask(url, Some(&authorization), None, LONGEST)
            .await?;
        match answer.status {
            200 => Ok(answer::with_userinfo(vouched, &answer.body)?),
            _ => Err(refused("its userinfo endpoint", &answer)),
        }
    }
}

fn unbelievable(why: &str) -> NotIdentified {
    NotIdentified::Unbelievable(Unbelievable(why.to_owned()))
}

/// Why an endpoint did not answer what it should: what it is not able to now, it may be later.
fn refused(what: &str, answer: &Answer) -> NotIdentified {
    match answer.status {
        429 | 500.. => {
            tracing::warn!(what, status = answer.status, "an upstream can't answer now");
            NotIdentified::Problem(Problem::Unavailable)
        }
        status => unbelievable(&format!("{what} answers with status {status}")),
    }
}
