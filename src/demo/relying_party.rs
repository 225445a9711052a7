//! The protocol from the application's side, in the words of the `openidconnect` crate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use chrono::TimeDelta;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EmptyAdditionalClaims, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IdToken, IdTokenFields, IssuerUrl, JsonWebKey as _, LogoutRequest,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse,
    TokenResponse as _, UserInfoClaims,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use super::logout_token::{self, Expected, Invalid, LogoutToken};
use crate::clock::{Clock, Timestamp};

/// How long nobody needs to be asked again for keys that were just fetched: unknown `kid`s can be made by anyone.
const KEYS_REST: TimeDelta = TimeDelta::seconds(5);

/// The ID token's claims beyond those that the crate knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SessionClaims {
    sid: Option<String>,
}

impl AdditionalClaims for SessionClaims {}

type OurIdToken = IdToken<
    SessionClaims,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type OurTokenResponse = StandardTokenResponse<
    IdTokenFields<
        SessionClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
type OurClient = openidconnect::Client<
    SessionClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    OurTokenResponse,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What an application was given when it registered.
pub(super) struct Settings {
    pub(super) issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: ClientSecret,
    redirect_uri: RedirectUrl,
    post_logout_redirect_uri: PostLogoutRedirectUrl,
}

impl Settings {
    pub(super) fn new(
        issuer: &str,
        client_id: &str,
        client_secret: &SecretString,
        base_url: &str,
    ) -> Result<Self, anyhow::Error> {
        let wrong = || format!("the address of {client_id}, {base_url}, is not a URL");
        Ok(Self {
            issuer: IssuerUrl::new(issuer.to_owned())
                .with_context(|| format!("the issuer {issuer} is not a URL"))?,
            client_id: ClientId::new(client_id.to_owned()),
            client_secret: ClientSecret::new(client_secret.expose_secret().to_owned()),
            redirect_uri: RedirectUrl::new(format!("{base_url}/callback")).with_context(wrong)?,
            post_logout_redirect_uri: PostLogoutRedirectUrl::new(format!("{base_url}/"))
                .with_context(wrong)?,
        })
    }
}

/// What is kept between going to the provider and coming back.
pub(super) struct Attempt {
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// Who came back.
pub(super) struct SignedIn {
    pub(super) sub: String,
    pub(super) sid: Option<String>,
    pub(super) name: String,
    id_token: OurIdToken,
}

/// Why a logout token did not end anything.
pub(super) enum Unheard {
    /// It is not valid, now or ever.
    Invalid(Invalid),
    /// The provider's keys cannot be had: another attempt may do better.
    NoKeys(anyhow::Error),
}

struct Discovered {
    metadata: ProviderMetadataWithLogout,
    at: Timestamp,
}

impl Discovered {
    fn has_key(&self, kid: &str) -> bool {
        let keys = self.metadata.jwks().keys();
        keys.iter()
            .any(|key| key.key_id().is_some_and(|known| known.as_str() == kid))
    }
}

/// An application's part of the protocol.
pub(super) struct RelyingParty {
    settings: Settings,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    discovered: Mutex<Option<Arc<Discovered>>>,
}

impl RelyingParty {
    pub(super) fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, anyhow::Error> {
        Ok(Self {
            settings,
            http: http_client()?,
            clock,
            discovered: Mutex::new(None),
        })
    }

    pub(super) fn issuer(&self) -> &str {
        self.settings.issuer.as_str()
    }

    /// Where to send somebody who wants to sign in, the `state` they will come back with, and what to keep meanwhile.
    pub(super) async fn begin(&self) -> Result<(Url, String, Attempt), anyhow::Error> {
        let provider = self.provider(None).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self
            .client(&provider)
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        Ok((url, state.into_secret(), Attempt { nonce, verifier }))
    }

    /// Redeems the code, and checks the ID token (Core §3.1.3.7) and whose name it is.
    pub(super) async fn finish(
        &self,
        attempt: Attempt,
        code: String,
    ) -> Result<SignedIn, anyhow::Error> {
        let http = |request| send(self.http.clone(), request);
        let provider = self.provider(None).await?;
        let tokens = self
            .client(&provider)
            .exchange_code(AuthorizationCode::new(code))?
            .set_pkce_verifier(attempt.verifier)
            .request_async(&http)
            .await
            .context("the provider did not take the code")?;
        let id_token = tokens.id_token().context("there is no ID token")?;

        let kid = logout_token::key_id(&id_token.to_string());
        let provider = self.provider(kid.as_deref()).await?;
        let client = self.client(&provider);
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256])
            .set_time_fn(|| self.clock.now());
        let claims = id_token
            .claims(&verifier, &attempt.nonce)
            .context("the ID token is not valid")?;
        if let Some(expected) = claims.access_token_hash() {
            let actual = AccessTokenHash::from_token(
                tokens.access_token(),
                id_token.signing_alg()?,
                id_token.signing_key(&verifier)?,
            )?;
            ensure!(
                actual == *expected,
                "the access token is not the ID token's"
            );
        }

        let person: UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim> = client
            .user_info(
                tokens.access_token().clone(),
                Some(claims.subject().clone()),
            )?
            .request_async(&http)
            .await
            .context("the provider did not say who signed in")?;
        let sub = claims.subject().to_string();
        Ok(SignedIn {
            name: person
                .name()
                .and_then(|name| name.get(None))
                .map_or_else(|| sub.clone(), |name| name.to_string()),
            sub,
            sid: claims.additional_claims().sid.clone(),
            id_token: id_token.clone(),
        })
    }

    /// Where to send somebody who signs out (RP-Initiated Logout 1.0 §2), and the `state` they will come back with.
    pub(super) async fn sign_out(&self, person: &SignedIn) -> Result<(Url, String), anyhow::Error> {
        let provider = self.provider(None).await?;
        let Some(endpoint) = &provider.metadata.additional_metadata().end_session_endpoint else {
            bail!("the provider has no end session endpoint");
        };
        let state = CsrfToken::new_random();
        let url = LogoutRequest::from(endpoint.clone())
            .set_id_token_hint(&person.id_token)
            .set_post_logout_redirect_uri(self.settings.post_logout_redirect_uri.clone())
            .set_state(state.clone())
            .http_get_url();
        Ok((url, state.into_secret()))
    }

    /// Reads a logout token.
    pub(super) async fn read_logout_token(&self, token: &str) -> Result<LogoutToken, Unheard> {
        let kid = logout_token::key_id(token).ok_or(Unheard::Invalid(Invalid::Malformed))?;
        let provider = self.provider(Some(&kid)).await.map_err(Unheard::NoKeys)?;
        let expected = Expected {
            issuer: self.issuer(),
            client_id: self.settings.client_id.as_str(),
            keys: provider.metadata.jwks(),
            now: self.clock.now(),
        };
        logout_token::validate(token, &expected).map_err(Unheard::Invalid)
    }

    /// What the provider says of itself, asked for once, and again when somebody shows a `kid` that is not known.
    async fn provider(&self, kid: Option<&str>) -> Result<Arc<Discovered>, anyhow::Error> {
        let mut discovered = self.discovered.lock().await;
        let now = self.clock.now();
        if let Some(known) = &*discovered
            && (kid.is_none_or(|kid| known.has_key(kid)) || now - known.at < KEYS_REST)
        {
            return Ok(Arc::clone(known));
        }
        let http = |request| send(self.http.clone(), request);
        let issuer = self.settings.issuer.clone();
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &http)
            .await
            .with_context(|| format!("{} does not say how to sign in", self.issuer()))?;
        let fresh = Arc::new(Discovered { metadata, at: now });
        *discovered = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    fn client(&self, provider: &Discovered) -> OurClient {
        OurClient::from_provider_metadata(
            provider.metadata.clone(),
            self.settings.client_id.clone(),
            Some(self.settings.client_secret.clone()),
        )
        .set_redirect_uri(self.settings.redirect_uri.clone())
    }
}

/// A plain client: no redirects (they would lead a token request astray), no proxy, no endless wait.
#[expect(
    clippy::disallowed_methods,
    reason = "an application of its own, not the provider"
)]
pub(super) fn http_client() -> Result<reqwest::Client, anyhow::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()
        .map_err(|error| anyhow!(error).context("the HTTP client cannot be made"))
}

/// One exchange, in the crate's types.
async fn send(
    client: reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, reqwest::Error> {
    let response = client.execute(request.try_into()?).await?;
    let status = response.status();
    let headers = response.headers().clone();
    let mut answer = HttpResponse::new(response.bytes().await?.to_vec());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}
