//! Example applications of every kind, made of a library that knows nothing of us: the `openidconnect` crate. What their
//! browsers do is a person's part.

use std::str::FromStr as _;

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreClientRegistrationRequest,
    CoreIdToken, CoreProviderMetadata, CoreResponseType, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::registration::EmptyAdditionalClientMetadata;
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, AuthorizationCodeHash, ClientId, ClientSecret,
    CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _,
};
use serde_json::json;
use url::Url;

use super::house::{BASE, Suite};
use super::party::Party;
use super::run::{Request, Run};

async fn over_the_wire(
    client: reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, reqwest::Error> {
    let request = reqwest::Request::try_from(request)?;
    let answer = client.execute(request).await?;
    let mut response = http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    let body = answer.bytes().await?.to_vec();
    Ok(response.body(body).unwrap())
}

fn flow(response_type: &str) -> CoreAuthenticationFlow {
    use CoreResponseType::{Code, IdToken, Token};
    match response_type {
        "code" => CoreAuthenticationFlow::AuthorizationCode,
        "id_token" => CoreAuthenticationFlow::Implicit(false),
        "id_token token" => CoreAuthenticationFlow::Implicit(true),
        "code id_token" => CoreAuthenticationFlow::Hybrid(vec![Code, IdToken]),
        "code token" => CoreAuthenticationFlow::Hybrid(vec![Code, Token]),
        _ => CoreAuthenticationFlow::Hybrid(vec![Code, IdToken, Token]),
    }
}

/// Signs ada in with this application, and answers whom the application takes her for.
async fn signs_in(run: &Run<'_>) -> String {
    let suite = run.suite;
    let client = suite.browser().client().clone();
    let http = |request| over_the_wire(client.clone(), request);
    let issuer = IssuerUrl::new(suite.issuer().to_owned()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &http)
        .await
        .unwrap();
    let party = &run.party;
    let application = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(party.client_id.clone()),
        Some(ClientSecret::new(party.secret.clone())),
    )
    .set_redirect_uri(RedirectUrl::new(party.redirect_uri.clone()).unwrap());

    let (challenge, pkce_verifier) = PkceCodeChallenge::new_random_sha256();
    let mut asked = application
        .authorize_url(
            flow(run.variant.response_type),
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("email".to_owned()));
    if run.variant.brings("code") {
        asked = asked.set_pkce_challenge(challenge);
    }
    if run.variant.form_post {
        asked = asked.add_extra_param("response_mode", "form_post");
    }
    let (url, state, nonce) = asked.url();
    let callback = run.ask(&suite.browser(), &Request::read(&url)).await;
    assert_eq!(callback.expect("state"), state.secret());

    let verifier = application.id_token_verifier().set_time_fn(suite.clock());
    let mut access_token = callback
        .get("access_token")
        .map(|token| AccessToken::new(token.to_owned()));
    let mut known = None;
    if let Some(id_token) = callback.get("id_token") {
        let id_token = CoreIdToken::from_str(id_token).unwrap();
        let claims = id_token.claims(&verifier, &nonce).unwrap();
        let (algorithm, key) = (
            id_token.signing_alg().unwrap(),
            id_token.signing_key(&verifier).unwrap(),
        );
        if let Some(code) = callback.get("code") {
            let code = AuthorizationCode::new(code.to_owned());
            let hash = AuthorizationCodeHash::from_code(&code, algorithm, key).unwrap();
            assert_eq!(claims.code_hash(), Some(&hash), "{run}");
        }
        if let Some(token) = &access_token {
            let hash = AccessTokenHash::from_token(token, algorithm, key).unwrap();
            assert_eq!(claims.access_token_hash(), Some(&hash), "{run}");
        }
        known = Some(claims.subject().clone());
    }
    if let Some(code) = callback.get("code") {
        let code = AuthorizationCode::new(code.to_owned());
        let tokens: CoreTokenResponse = if party.method == "private_key_jwt" {
            let fields = [
                ("grant_type", "authorization_code"),
                ("code", code.secret()),
                ("redirect_uri", &party.redirect_uri),
                ("code_verifier", pkce_verifier.secret()),
            ];
            let answer = party.token(suite, &suite.browser(), &fields).await;
            serde_json::from_str(&answer.body).unwrap()
        } else {
            let redeem = application.exchange_code(code).unwrap();
            let redeem = redeem.set_pkce_verifier(pkce_verifier);
            redeem.request_async(&http).await.unwrap()
        };
        let claims = tokens
            .id_token()
            .unwrap()
            .claims(&verifier, &nonce)
            .unwrap();
        assert!(
            known.is_none_or(|known| known == *claims.subject()),
            "{run}"
        );
        known = Some(claims.subject().clone());
        access_token = Some(tokens.access_token().clone());
    }
    let known = known.expect("every response type brings an ID token in the end");
    if let Some(access_token) = access_token {
        let asked = application.user_info(access_token, Some(known.clone()));
        let told: CoreUserInfoClaims = asked.unwrap().request_async(&http).await.unwrap();
        let email = told.email().map(|email| email.as_str());
        assert_eq!(email, Some("ada@example.org"), "{run}");
    }
    known.to_string()
}

#[actix_web::test]
async fn an_application_of_each_kind_signs_a_person_in_with_a_library() {
    let suite = Suite::open("oidcc-server").await;
    let mut people = Vec::new();
    for run in suite.runs().await {
        // The library has no assertions; what registers itself is below.
        if !run.variant.dynamic {
            people.push(signs_in(&run).await);
        }
    }
    assert_eq!(people.len(), 12);
    people.dedup();
    assert_eq!(people.len(), 1, "each takes her for the same person");
    suite.close().await;
}

#[actix_web::test]
async fn an_application_that_registered_itself_signs_a_person_in_with_a_library() {
    let suite = Suite::open("oidcc-server").await;
    let client = suite.browser().client().clone();
    let http = |request| over_the_wire(client.clone(), request);
    let endpoint = suite.endpoint("registration_endpoint").to_owned();
    let endpoint = openidconnect::RegistrationUrl::new(endpoint).unwrap();
    let redirect_uri = RedirectUrl::new(format!("{BASE}/callback")).unwrap();
    let more = EmptyAdditionalClientMetadata::default();
    let told = CoreClientRegistrationRequest::new(vec![redirect_uri], more)
        .set_token_endpoint_auth_method(Some(CoreClientAuthMethod::ClientSecretBasic))
        .register_async(&endpoint, &http)
        .await
        .unwrap();
    let runs = suite.runs().await;
    let mut party = runs[0].party.clone();
    party.client_id = told.client_id().to_string();
    party.secret = told.client_secret().unwrap().secret().clone();
    signs_in(&runs[0].by(party)).await;
    suite.close().await;
}

/// With keys in the place of a secret. The library makes no assertions: they are signed beside it.
#[actix_web::test]
async fn applications_with_keys_of_their_own_know_a_person_by_the_name_of_their_sector() {
    let suite = Suite::open("oidcc-server").await;
    let runs = suite.runs().await;
    let mut dynamic = runs.iter().filter(|run| run.variant.dynamic);
    let run = dynamic
        .find(|run| run.variant.response_type == "code")
        .unwrap();
    assert_eq!(run.party.method, "private_key_jwt");
    let public = signs_in(run).await;
    let mut names = Vec::new();
    for _ in 0..2 {
        let more = json!({ "subject_type": "pairwise" });
        let party = Party::register(&suite, &run.variant, &more).await;
        names.push(signs_in(&run.by(party)).await);
    }
    assert_ne!(names[0], public);
    assert_eq!(names[0], names[1], "one sector, one name");
    suite.close().await;
}

impl Request {
    /// The request that an address makes.
    fn read(url: &Url) -> Self {
        let pairs = url.query_pairs();
        pairs.fold(Self::default(), |request, (name, value)| {
            request.with(&name, value)
        })
    }
}
