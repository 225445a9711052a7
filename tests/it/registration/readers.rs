//! What a library makes of our answers that knows nothing of us: the `openidconnect` crate.

use exeunt::config::RegistrationPolicy::{Open, Token};
use openidconnect::core::{
    CoreClientAuthMethod, CoreClientRegistrationRequest, CoreJwsSigningAlgorithm,
    CoreRegisterErrorResponseType, CoreResponseType,
};
use openidconnect::registration::{
    ClientRegistrationError, EmptyAdditionalClientMetadata,
    EmptyAdditionalClientRegistrationResponse,
};
use openidconnect::{
    AccessToken, ClientName, HttpRequest, HttpResponse, LocalizedClaim, RedirectUrl,
    RegistrationUrl, ResponseTypes,
};

use crate::support::provider::Provider;
use crate::support::registrar::{HOME, invite, registering};
use crate::support::visitor::http_client;

async fn over_the_wire(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let request = reqwest::Request::try_from(request)?;
    let answer = http_client().execute(request).await?;
    let mut response = http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    let body = answer.bytes().await?.to_vec();
    Ok(response.body(body).unwrap())
}

fn request(redirect_uri: &str) -> CoreClientRegistrationRequest {
    let redirect_uri = RedirectUrl::new(redirect_uri.to_owned()).unwrap();
    CoreClientRegistrationRequest::new(vec![redirect_uri], EmptyAdditionalClientMetadata::default())
}

fn endpoint(provider: &Provider) -> RegistrationUrl {
    RegistrationUrl::new(provider.url("/register")).unwrap()
}

#[actix_web::test]
async fn a_library_registers_with_its_token_and_reads_all_that_it_was_given() {
    let provider = registering(Token).await.start().await;
    let token = AccessToken::new(invite(&provider, 1).await);
    let mut name = LocalizedClaim::new();
    name.insert(None, ClientName::new("Ledger".to_owned()));
    let request = request(&format!("{HOME}/callback"))
        .set_initial_access_token(Some(token))
        .set_client_name(Some(name))
        .set_token_endpoint_auth_method(Some(CoreClientAuthMethod::ClientSecretPost))
        .set_id_token_signed_response_alg(Some(CoreJwsSigningAlgorithm::EcdsaP256Sha256))
        .set_response_types(Some(vec![ResponseTypes::new(vec![CoreResponseType::Code])]));
    let endpoint = endpoint(&provider);
    let told = request.register_async(&endpoint, &over_the_wire).await;
    let told = told.unwrap();
    assert_eq!(told.client_secret().unwrap().secret().len(), 43);
    assert!(told.client_id_issued_at().is_some());
    assert_eq!(told.registration_access_token().unwrap().secret().len(), 43);
    let uri = told.registration_client_uri().unwrap().as_str();
    assert_eq!(
        uri,
        format!("{}/{}", endpoint.as_str(), told.client_id().as_str())
    );
    assert_eq!(
        told.id_token_signed_response_alg(),
        Some(&CoreJwsSigningAlgorithm::EcdsaP256Sha256)
    );
    assert_eq!(
        told.token_endpoint_auth_method(),
        Some(&CoreClientAuthMethod::ClientSecretPost)
    );
    let _: &EmptyAdditionalClientRegistrationResponse = told.additional_response();
    provider.stop().await;
}

#[actix_web::test]
async fn a_library_understands_why_it_is_refused() {
    let provider = registering(Open).await.start().await;
    let endpoint = endpoint(&provider);
    for (request, expected) in [
        (
            request("http://ledger.example/callback"),
            CoreRegisterErrorResponseType::InvalidRedirectUri,
        ),
        (
            request(&format!("{HOME}/callback")).set_response_types(Some(vec![
                ResponseTypes::new(vec![CoreResponseType::Token]),
            ])),
            CoreRegisterErrorResponseType::InvalidClientMetadata,
        ),
    ] {
        let refused = request.register_async(&endpoint, &over_the_wire).await;
        let Err(ClientRegistrationError::ServerResponse(refused)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(*refused.error(), expected);
        assert!(refused.error_description().is_some());
    }
    provider.stop().await;
}
