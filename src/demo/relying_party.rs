//! The protocol from the application's side, in the words of the `openidconnect` crate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use chrono::TimeDelta;
use exeunt_guard::Refused;
use exeunt_guard::jwt::VerifyingKey;
use exeunt_guard::logout::{Logout, Receiver};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EmptyAdditionalClaims, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IdToken, IdTokenFields, IssuerUrl, LogoutRequest, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, RefreshToken, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse as _, UserInfoClaims,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use super::asking::AccessToken;
use super::service;
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
    /// The service that it calls (RFC 8707 §2).
    resource: String,
    post_logout_redirect_uri: PostLogoutRedirectUrl,
}

impl Settings {
    pub(super) fn new(
        issuer: &str,
        client_id: &str,
        client_secret: &SecretString,
        base_url: &str,
        resource: &str,
    ) -> Result<Self, anyhow::Error> {
        let wrong = || format!("the address of {client_id}, {base_url}, is not a URL");
        Ok(Self {
            issuer: IssuerUrl::new(issuer.to_owned())
                .with_context(|| format!("the issuer {issuer} is not a URL"))?,
            client_id: ClientId::new(client_id.to_owned()),
            client_secret: ClientSecret::new(client_secret.expose_secret().to_owned()),
            redirect_uri: RedirectUrl::new(format!("{base_url}/callback")).with_context(wrong)?,
            resource: resource.to_owned(),
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
    /// For the service.
    pub(super) access_token: AccessToken,
    id_token: OurIdToken,
}

/// Why a logout token did not end anything.
pub(super) enum Unheard {
    /// It is not valid, now or ever.
    Refused(Refused),
    /// The provider's keys cannot be had: another attempt may do better.
    NoKeys(anyhow::Error),
}

struct Discovered {
    metadata: ProviderMetadataWithLogout,
    /// Its keys, as the receiver of logout tokens wants them.
    signers: Vec<VerifyingKey>,
    at: Timestamp,
}

/// An application's part of the protocol.
pub(super) struct RelyingParty {
    settings: Settings,
    pub(super) http: reqwest::Client,
    clock: Arc<dyn Clock>,
    logout_tokens: Receiver,
    discovered: Mutex<Option<Arc<Discovered>>>,
}

impl RelyingParty {
    pub(super) fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, anyhow::Error> {
        let client_id = settings.client_id.as_str();
        Ok(Self {
            logout_tokens: Receiver::new(settings.issuer.as_str(), client_id),
            settings,
            http: http_client()?,
            clock,
            discovered: Mutex::new(None),
        })
    }

    pub(super) fn issuer(&self) -> &str {
        self.settings.issuer.as_str()
    }

    /// The service that it calls.
    pub(super) fn resource(&self) -> &str {
        &self.settings.resource
    }

    /// Where to send somebody who wants to sign in, the `state` they will come back with, and what to keep meanwhile.
    pub(super) async fn begin(&self) -> Result<(Url, String, Attempt), anyhow::Error> {
        let provider = self.provider().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self
            .client(&provider)
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".to_owned()))
            .add_scope(Scope::new(service::SCOPE.to_owned()))
            .add_extra_param("resource", self.resource())
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
        let mut provider = self.provider().await?;
        let tokens = self
            .client(&provider)
            .exchange_code(AuthorizationCode::new(code))?
            .set_pkce_verifier(attempt.verifier)
            .request_async(&http)
            .await
            .context("the provider did not take the code")?;
        let id_token = tokens.id_token().context("there is no ID token")?;

        let client = self.client(&provider);
        if id_token.signing_key(&client.id_token_verifier()).is_err() {
            provider = self.newer_provider().await?;
        }
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
        let access_token = self.access_token(&client, tokens.refresh_token()).await?;
        let sub = claims.subject().to_string();
        Ok(SignedIn {
            access_token,
            name: person
                .name()
                .and_then(|name| name.get(None))
                .map_or_else(|| sub.clone(), |name| name.to_string()),
            sub,
            sid: claims.additional_claims().sid.clone(),
            id_token: id_token.clone(),
        })
    }

    /// An access token for the service (RFC 8707 §2.2): the one that came with the code is for the provider's userinfo.
    async fn access_token(
        &self,
        client: &OurClient,
        refresh_token: Option<&RefreshToken>,
    ) -> Result<AccessToken, anyhow::Error> {
        let http = |request| send(self.http.clone(), request);
        let tokens = client
            .exchange_refresh_token(refresh_token.context("there is no refresh token")?)?
            .add_extra_param("resource", self.resource())
            .request_async(&http)
            .await
            .context("the provider gave no access token for the service")?;
        Ok(AccessToken::new(tokens.access_token().secret().clone()))
    }

    /// Where to send somebody who signs out (RP-Initiated Logout 1.0 §2), and the `state` they will come back with.
    pub(super) async fn sign_out(&self, person: &SignedIn) -> Result<(Url, String), anyhow::Error> {
        let provider = self.provider().await?;
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

    /// Receives a logout token, each once.
    pub(super) async fn read_logout_token(&self, token: &str) -> Result<Logout, Unheard> {
        let now = self.clock.now().timestamp();
        let receive = |keys: &[VerifyingKey]| self.logout_tokens.receive(token, keys, now);
        let known = self.discovered.lock().await.clone();
        let received = receive(known.as_ref().map_or(&[], |known| &known.signers));
        let received = match received {
            Err(Refused::UnknownKey) => {
                let provider = self.newer_provider().await.map_err(Unheard::NoKeys)?;
                receive(&provider.signers)
            }
            received => received,
        };
        received.map_err(Unheard::Refused)
    }

    /// What the provider says of itself, asked for once.
    async fn provider(&self) -> Result<Arc<Discovered>, anyhow::Error> {
        self.discover(|_known| true).await
    }

    /// The same, asked for again when somebody shows a key that is not known.
    async fn newer_provider(&self) -> Result<Arc<Discovered>, anyhow::Error> {
        let now = self.clock.now();
        self.discover(|known| now - known.at < KEYS_REST).await
    }

    async fn discover(
        &self,
        will_do: impl Fn(&Discovered) -> bool,
    ) -> Result<Arc<Discovered>, anyhow::Error> {
        let mut discovered = self.discovered.lock().await;
        if let Some(known) = discovered.as_ref().filter(|known| will_do(known)) {
            return Ok(Arc::clone(known));
        }
        let http = |request| send(self.http.clone(), request);
        let issuer = self.settings.issuer.clone();
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &http)
            .await
            .with_context(|| format!("{} does not say how to sign in", self.issuer()))?;
        let fresh = Arc::new(Discovered {
            signers: VerifyingKey::from_jwks(&serde_json::to_value(metadata.jwks())?),
            metadata,
            at: self.clock.now(),
        });
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
