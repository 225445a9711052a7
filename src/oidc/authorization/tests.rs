use super::*;
use crate::oidc::client::GrantType;
use crate::oidc::client::{ClientAuthMethod, ClientMetadata};

pub(crate) fn issuer() -> Issuer {
    Issuer::parse("https://id.example").unwrap()
}

pub(crate) fn client() -> Client {
    Client {
        client_id: "ledger".to_owned(),
        secret: None,
        metadata: ClientMetadata {
            redirect_uris: vec!["https://a.example/cb".to_owned()],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            ..ClientMetadata::default()
        },
    }
}

fn native() -> Client {
    let mut client = client();
    client.metadata.application_type = ApplicationType::Native;
    client.metadata.redirect_uris = vec![
        "http://127.0.0.1/cb".to_owned(),
        "http://[::1]:8000/cb".to_owned(),
        "http://localhost:8000/cb".to_owned(),
        "com.example.app:/cb".to_owned(),
    ];
    client
}

/// A code request with `query` added.
pub(crate) fn request(query: &str, client: &Client) -> Result<AuthorizationRequest, OAuthError> {
    let query = format!("response_type=code&{query}");
    AuthorizationRequest::parse(
        &Params::parse(query.as_bytes()).unwrap(),
        client,
        &issuer(),
        &[],
    )
}

fn refusal(query: &str) -> ErrorCode {
    request(query, &client()).unwrap_err().error
}

fn establish(redirect_uri: &str, client: &Client) -> Result<ReplyTo, Unanswerable> {
    let pair = ("redirect_uri".to_owned(), redirect_uri.to_owned());
    ReplyTo::establish(&Params::from_pairs([pair]).unwrap(), client)
}

#[test]
fn a_registered_redirect_uri_may_be_answered() {
    let reply_to = establish("https://a.example/cb", &client()).unwrap();
    assert_eq!(reply_to.redirect_uri(), "https://a.example/cb");
}

/// Attack 1 (CVE-2023-6927, CVE-2023-6134, CVE-2024-1132, CVE-2020-15233, CVE-2020-15234): anything
/// that merely resembles a registered URI. Attack 2 (CVE-2026-28512): user names in front of the
/// host. Attack 3 (CVE-2024-52289): metacharacters. Attack 8: characters that normalise away.
#[test]
fn a_redirect_uri_that_is_not_the_registered_string_is_never_answered() {
    for asked in [
        "https://a.example/cb/",
        "https://a.example/cb/../evil",
        "https://a.example/cb/%2e%2e/evil",
        "https://a.example/%63b",
        "https://a.example/c",
        "https://a.example/cb?x=1",
        "https://a.example/cb#x",
        "https://a.example//cb",
        "https://a.example\\cb",
        "https://a.example/CB",
        "HTTPS://a.example/cb",
        "https://A.example/cb",
        "https://a.example:443/cb",
        "https://a.example:444/cb",
        "https://a.example./cb",
        "http://a.example/cb",
        "//a.example/cb",
        "https://a.example@evil.example/cb",
        "https://evil@a.example/cb",
        "https://a.example/cb@evil.example",
        "https://axexample/cb",
        "https://a.example.evil.example/cb",
        "https://a.example/cb\r\n",
        "https://a.example/\tcb",
        " https://a.example/cb",
        "https://a.example/cb ",
        "https://\u{430}.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
    ] {
        assert!(establish(asked, &client()).is_err(), "{asked:?}");
    }
    assert!(establish(&"x".repeat(60_000), &client()).is_err());
}

/// Attack 7: a refusal that would travel to a URI nobody registered.
#[test]
fn an_unknown_redirect_uri_is_told_beside_the_nearest_registered_one() {
    let Err(Unanswerable::UnknownRedirectUri { received, nearest }) =
        establish("https://a.example/callback", &client())
    else {
        panic!("answered")
    };
    assert_eq!(received, "https://a.example/callback");
    assert_eq!(nearest.as_deref(), Some("https://a.example/cb"));
}

#[test]
fn a_missing_redirect_uri_is_not_guessed() {
    let missing = ReplyTo::establish(&Params::default(), &client());
    assert_eq!(missing, Err(Unanswerable::MissingRedirectUri));
}

#[test]
fn a_native_applications_loopback_port_may_vary() {
    for asked in [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:51004/cb",
        "http://[::1]:1/cb",
        "http://[::1]/cb",
        "http://localhost:8000/cb",
        "com.example.app:/cb",
    ] {
        assert!(establish(asked, &native()).is_ok(), "{asked}");
    }
}

/// Attack 4 (CVE-2024-8883): loopback as a wildcard.
#[test]
fn nothing_but_a_native_applications_loopback_port_may_vary() {
    for asked in [
        "http://localhost:9/cb",
        "http://127.0.0.1:9/cb/",
        "http://127.0.0.1:9/",
        "https://127.0.0.1:9/cb",
        "http://127.0.0.1:9@evil.example/cb",
        "http://127.0.0.1:@evil.example/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.2/cb",
        "http://[::1]:+9/cb",
        "http://[::1%25x]/cb",
        "http://127.0.0.1:9/cb?x",
        "http://127.0.0.1:9",
    ] {
        assert!(establish(asked, &native()).is_err(), "{asked}");
    }
    let mut web = client();
    web.metadata.redirect_uris = vec!["http://127.0.0.1:8000/cb".to_owned()];
    assert!(establish("http://127.0.0.1:9/cb", &web).is_err());
}

#[test]
fn a_full_request_reads_back() {
    let request = request(
        "scope=openid+email&nonce=n&prompt=login+consent&max_age=10&login_hint=ada&ui_locales=de+en\
         &id_token_hint=h&display=popup&acr_values=1+2&claims=%7B%7D&claims_locales=se&extra=foobar",
        &client(),
    )
    .unwrap();
    assert_eq!(
        request,
        AuthorizationRequest {
            response_type: ResponseType::CODE,
            scope: Scope::parse("openid email").unwrap(),
            nonce: Some("n".to_owned()),
            prompt: vec![Prompt::Login, Prompt::Consent],
            max_age: Some(10),
            login_hint: Some("ada".to_owned()),
            ui_locales: vec!["de".to_owned(), "en".to_owned()],
            id_token_hint: Some("h".to_owned()),
            claims: ClaimsRequest::default(),
            code_challenge: None,
            services: Vec::new(),
        }
    );
}

/// Attack 15 (CVE-2026-7571): a response type that the client, or the provider, never offered.
#[test]
fn only_a_registered_response_type_is_served() {
    let parse = |query: &str, client: &Client| {
        AuthorizationRequest::parse(
            &Params::parse(query.as_bytes()).unwrap(),
            client,
            &issuer(),
            &[],
        )
        .unwrap_err()
        .error
    };
    assert_eq!(parse("scope=openid", &client()), ErrorCode::InvalidRequest);
    for (other, error) in [
        ("token", ErrorCode::UnsupportedResponseType),
        ("none", ErrorCode::UnsupportedResponseType),
        ("CODE", ErrorCode::UnsupportedResponseType),
        ("id_token", ErrorCode::UnauthorizedClient),
        ("code+id_token", ErrorCode::UnauthorizedClient),
        ("id_token+token", ErrorCode::UnauthorizedClient),
    ] {
        let query = format!("scope=openid&response_type={other}");
        assert_eq!(parse(&query, &client()), error, "{other}");
    }
    let mut machine = client();
    machine.metadata.grant_types = vec![GrantType::ClientCredentials];
    assert_eq!(
        parse("scope=openid&response_type=code", &machine),
        ErrorCode::UnauthorizedClient
    );
    let mut nothing = client();
    nothing.metadata.response_types.clear();
    assert_eq!(
        parse("scope=openid&response_type=code", &nothing),
        ErrorCode::UnauthorizedClient
    );
}

#[test]
fn unknown_scopes_and_those_of_others_are_left_out() {
    let mut client = client();
    client.metadata.scope = Some("openid email".to_owned());
    let request = request("scope=openid+profile+email+foo", &client).unwrap();
    assert_eq!(request.scope.to_string(), "email openid");
}

#[test]
fn a_scope_without_openid_or_malformed_is_refused() {
    for query in ["nonce=n", "scope=email", "scope=openid+%22"] {
        assert_eq!(refusal(query), ErrorCode::InvalidScope, "{query}");
    }
}

#[test]
fn what_would_change_the_requests_meaning_is_refused_rather_than_ignored() {
    assert_eq!(
        refusal("scope=openid&registration=x"),
        ErrorCode::RegistrationNotSupported
    );
}

#[test]
fn malformed_values_are_invalid_requests() {
    for query in [
        "prompt=none+login",
        "prompt=create",
        "max_age=-1",
        "max_age=1.5",
        "max_age=x",
        "response_mode=form_post.jwt",
        "code_challenge=x",
    ] {
        assert_eq!(
            refusal(&format!("scope=openid&{query}")),
            ErrorCode::InvalidRequest,
            "{query}"
        );
    }
}

#[test]
fn public_clients_and_those_set_so_must_use_pkce() {
    let challenged = "scope=openid&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let mut public = client();
    public.metadata.token_endpoint_auth_method = ClientAuthMethod::None;
    let mut set_so = client();
    set_so.metadata.require_pkce = true;
    for client in [public, set_so] {
        assert_eq!(
            request("scope=openid", &client).unwrap_err().error,
            ErrorCode::InvalidRequest
        );
        assert!(
            request(challenged, &client)
                .unwrap()
                .code_challenge
                .is_some()
        );
    }
    assert!(request("scope=openid", &client()).is_ok());
}

/// A request for `response_type` of a client that is registered for it.
fn of_type(response_type: &str, rest: &str) -> Result<AuthorizationRequest, ErrorCode> {
    let mut client = client();
    client.metadata.grant_types.push(GrantType::Implicit);
    client.metadata.response_types = vec![response_type.replace('+', " ")];
    let query = format!("scope=openid&response_type={response_type}&{rest}");
    let params = Params::parse(query.as_bytes()).unwrap();
    AuthorizationRequest::parse(&params, &client, &issuer(), &[]).map_err(|refusal| refusal.error)
}

/// Attack 14: an ID token put into another browser; without a nonce nobody could tell.
#[test]
fn an_id_token_comes_through_the_browser_only_with_a_nonce() {
    for (response_type, needed) in [
        ("id_token", true),
        ("id_token+token", true),
        ("code+id_token", true),
        ("code+id_token+token", true),
        ("code+token", false),
    ] {
        let without = of_type(response_type, "").err();
        assert_eq!(
            without,
            needed.then_some(ErrorCode::InvalidRequest),
            "{response_type}"
        );
        assert!(of_type(response_type, "nonce=n").is_ok());
    }
}

#[test]
fn what_brings_tokens_is_never_answered_in_a_query() {
    for (query, in_fragment) in [
        ("response_type=code", false),
        ("response_type=code&response_mode=fragment", true),
        ("response_type=id_token", true),
        ("response_type=id_token&response_mode=query", true),
        ("response_type=code+token", true),
        ("response_type=code+token&response_mode=nonsense", true),
        // Refused, and whoever asked looks there.
        ("response_type=token", true),
        ("response_type=nonsense", false),
    ] {
        let params = format!("redirect_uri=https://a.example/cb&{query}");
        let reply_to = ReplyTo::establish(&Params::parse(params.as_bytes()).unwrap(), &client());
        let mode = reply_to.unwrap().response_mode;
        assert_eq!(mode == ResponseMode::Fragment, in_fragment, "{query}");
    }
    let refused = of_type("id_token", "nonce=n&response_mode=query");
    assert_eq!(refused, Err(ErrorCode::InvalidRequest));
}

/// Attack 16 (CVE-2024-52287): tokens for a resource that this client has no business with.
#[test]
fn a_resource_other_than_the_clients_audience_is_refused() {
    assert!(request("scope=openid&resource=https://id.example", &client()).is_ok());
    for query in [
        "resource=https://api.example",
        "resource=https://id.example&resource=https://api.example",
    ] {
        assert_eq!(
            refusal(&format!("scope=openid&{query}")),
            ErrorCode::InvalidTarget
        );
    }
    let mut client = client();
    client.metadata.access_token_audience = Some("https://api.example".to_owned());
    assert!(request("scope=openid&resource=https://api.example", &client).is_ok());
}
