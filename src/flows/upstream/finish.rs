//! Somebody comes back from an upstream: whose answer is it, and who are they there?

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use tracing::Instrument as _;

use super::client_auth::{Credentials, credentials};
use super::refresh_tokens::{self, Written};
use super::start::{Kept, sealed_for};
use super::{Endpoints, Purpose, UpstreamKeys, endpoints_of, publisher};
use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider};
use crate::jose::HashPurpose;
use crate::oidc::params::Params;
use crate::oidc::upstream::answer::{
    self, Brought, Expected, Problem, Tokens, Unbelievable, Vouched,
};
use crate::oidc::upstream::metadata::Metadata;
use crate::oidc::upstream::oauth2::{self, OAuth2};
use crate::oidc::upstream::{Upstream, request};
use crate::outbound::{Answer, Outbound, OutboundError};
use crate::store::upstreams::{self, KnownUpstream};
use crate::store::{self, upstream_requests};

/// The longest answer of a token or userinfo endpoint that is read.
const LONGEST: usize = 128 * 1024;

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
    /// The token that says so, where there are ID tokens.
    pub id_token: Option<SecretString>,
    /// A refresh token that came with it, where one was asked for: whoever makes no session of this lets it go.
    pub refresh_token: Option<Written>,
}

/// Reads what the browser with this cookie brought to the upstream's own address here; none when it was not sent there,
/// or has been here before (attack 14: each `state` is good once, in one browser, for one upstream).
///
/// # Errors
/// When we can't tell.
pub async fn finish(
    provider: &Arc<Provider>,
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
    let is_as_asked =
        known.upstream.issuer == kept.issuer && known.upstream.oauth2.is_some() == kept.is_oauth2;
    if known.disabled_at.is_some() || !is_as_asked {
        return Ok(None);
    }
    // Apart from this request: who hangs up meanwhile must not take a refresh token along that nobody else knows.
    let arriving = arrive(Arc::clone(provider), known, kept, params.clone());
    let arriving = provider.outliving.spawn(arriving.in_current_span());
    let arrived = arriving.await?;
    Ok(Some(arrived?))
}

async fn arrive(
    provider: Arc<Provider>,
    known: KnownUpstream,
    kept: Kept,
    params: Params,
) -> Result<Arrived, FlowError> {
    let upstream = &known.upstream.id;
    let outcome = match identify(&provider, &known, &kept, &params).await? {
        Ok(identified) => Ok(identified),
        Err(NotIdentified::Problem(problem)) => Err(problem),
        Err(NotIdentified::Unbelievable(why)) => {
            tracing::warn!(upstream, %why, "an upstream's answer is not believed");
            Err(Problem::Unbelievable)
        }
        Err(NotIdentified::Outbound(error)) => {
            tracing::warn!(upstream, %error, "an upstream does not answer");
            Err(Problem::Unavailable)
        }
    };
    Ok(Arrived {
        purpose: kept.purpose,
        upstream: known.upstream,
        outcome,
    })
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
    provider: &Arc<Provider>,
    known: &KnownUpstream,
    kept: &Kept,
    params: &Params,
) -> Result<Result<Identified, NotIdentified>, FlowError> {
    let upstream = &known.upstream;
    let Some(endpoints) = endpoints_of(provider, upstream).await? else {
        return Ok(Err(NotIdentified::Problem(Problem::Unavailable)));
    };
    let code = match answer::brought(params, upstream, endpoints.name_themselves()) {
        Ok(Brought::Code(code)) => code,
        Ok(Brought::Error(problem)) => return Ok(Err(NotIdentified::Problem(problem))),
        Err(why) => return Ok(Err(why.into())),
    };
    let outbound = provider.outbound.within(&upstream.private_networks)?;
    let credentials = credentials(provider, known)?;
    let asking = Asking {
        provider,
        upstream,
        endpoints: &endpoints,
        outbound: &outbound,
    };
    let given = asking.redeem(&code, &kept.code_verifier, &credentials);
    let given = match given.await {
        Ok(given) => given,
        Err(error) => return Ok(Err(error.into())),
    };
    // Before anything is made of the answer, which may take long and go wrong.
    let refresh_token = refresh_tokens::write(provider, upstream, &given.body).await?;
    let believed = asking.believe(&given, &kept.nonce).await;
    if !matches!(believed, Ok(Ok(_))) {
        refresh_tokens::let_go(provider, refresh_token).await;
    }
    let now = provider.clock.now();
    Ok(believed?.map(|(vouched, id_token)| {
        let said = vouched.auth_time;
        Identified {
            auth_time: request::auth_time(said, kept.asked_at, now),
            sent_at: kept.asked_at,
            is_older: said.is_some_and(|said| request::is_older(said, kept.asked_at)),
            vouched,
            id_token,
            refresh_token,
        }
    }))
}

/// What is needed to ask an upstream's endpoints for programs.
struct Asking<'a> {
    provider: &'a Provider,
    upstream: &'a Upstream,
    endpoints: &'a Endpoints,
    outbound: &'a Outbound,
}

impl Asking<'_> {
    /// Redeems the code (Core §3.1.3.1).
    async fn redeem(
        &self,
        code: &str,
        code_verifier: &str,
        credentials: &Credentials,
    ) -> Result<Answer, OutboundError> {
        let callback = self.upstream.callback(&self.provider.config.issuer);
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", callback.as_str()),
            ("code_verifier", code_verifier),
        ];
        let own = credentials.fields.iter();
        fields.extend(own.map(|(name, value)| (*name, value.as_str())));
        let url = self.endpoints.token();
        let authorization = credentials.authorization.as_deref();
        self.outbound
            .ask(url, authorization, Some(&fields), LONGEST)
            .await
    }

    /// Who it is by what the token endpoint gave, and the ID token, where there are any.
    async fn believe(
        &self,
        given: &Answer,
        nonce: &str,
    ) -> Result<Result<(Vouched, Option<SecretString>), NotIdentified>, FlowError> {
        let tokens = match tokens(given) {
            Ok(tokens) => tokens,
            Err(not) => return Ok(Err(not)),
        };
        let (vouched, id_token) = match self.endpoints {
            Endpoints::Discovered(metadata) => {
                let vouched = self.by_id_token(metadata, &tokens, nonce).await?;
                (vouched, tokens.id_token)
            }
            // One that comes along all the same is not looked at, and so not believed.
            Endpoints::Configured(told) => (self.by_userinfo(told, &tokens).await, None),
        };
        Ok(vouched.map(|vouched| (vouched, id_token.map(SecretString::from))))
    }

    /// Who the ID token says it is, and what userinfo says beside.
    async fn by_id_token(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        nonce: &str,
    ) -> Result<Result<Vouched, NotIdentified>, FlowError> {
        let Some(id_token) = &tokens.id_token else {
            let why = unbelievable("its token endpoint gives no ID token");
            return Ok(Err(why));
        };
        let access_token = &tokens.access_token;
        let verified = self.verify(metadata, id_token, access_token, nonce).await?;
        let requested = &self.upstream.request_claims;
        Ok(match verified {
            // Before userinfo is asked: that names no class.
            Ok(vouched) if !requested.is_met_by(&vouched.claims) => {
                let upstream = &self.upstream.id;
                tracing::warn!(
                    upstream,
                    "an ID token's acr is none of those that are essential"
                );
                Err(NotIdentified::Problem(Problem::AnotherClass))
            }
            Ok(vouched) => self.complete(metadata, vouched, access_token).await,
            Err(why) => Err(why.into()),
        })
    }

    /// Who userinfo says it is, where there are no ID tokens. The access token is good for that alone, and forgotten.
    async fn by_userinfo(&self, told: &OAuth2, tokens: &Tokens) -> Result<Vouched, NotIdentified> {
        if !tokens.is_bearer() {
            return Err(unbelievable("its access token is none that we can use"));
        }
        let body = self
            .userinfo(&told.userinfo_endpoint, &tokens.access_token)
            .await?;
        Ok(oauth2::vouched(&body, told)?)
    }

    /// Checks the ID token, under newer keys where those that we have do not do.
    async fn verify(
        &self,
        metadata: &Metadata,
        id_token: &str,
        access_token: &str,
        nonce: &str,
    ) -> Result<Result<Vouched, Unbelievable>, FlowError> {
        let (provider, upstream) = (self.provider, self.upstream);
        let check = |keys: &UpstreamKeys| {
            let expected = Expected {
                upstream,
                keys,
                nonce,
                access_token,
                now: provider.clock.now(),
            };
            answer::verify(id_token, &expected)
        };
        let url = &metadata.jwks_uri;
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
        metadata: &Metadata,
        vouched: Vouched,
        access_token: &str,
    ) -> Result<Vouched, NotIdentified> {
        let Some(url) = &metadata.userinfo_endpoint else {
            return Ok(vouched);
        };
        let upstream = self.upstream;
        if upstream.scope == "openid" && !upstream.request_claims.asks_userinfo() {
            return Ok(vouched);
        }
        let body = self.userinfo(url, access_token).await?;
        Ok(answer::with_userinfo(vouched, &body)?)
    }

    /// What the userinfo endpoint says of who bears the token.
    async fn userinfo(&self, url: &str, access_token: &str) -> Result<Vec<u8>, NotIdentified> {
        let authorization = format!("Bearer {access_token}");
        let answer = self
            .outbound
            .ask(url, Some(&authorization), None, LONGEST)
            .await?;
        match answer.status {
            200 => Ok(answer.body),
            _ => Err(refused("its userinfo endpoint", &answer)),
        }
    }
}

fn tokens(given: &Answer) -> Result<Tokens, NotIdentified> {
    match given.status {
        200 => serde_json::from_slice(&given.body)
            .map_err(|_no_tokens| unbelievable("its token endpoint gives no tokens")),
        _ => Err(refused("its token endpoint", given)),
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
