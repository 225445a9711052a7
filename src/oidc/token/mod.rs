//! The token endpoint (RFC 6749 §3.2, Core §3.1.3): who asks ([`client_auth`]), what for
//! ([`GrantRequest`]), what becomes of it ([`code`], [`refresh`]), and the claims of what is issued.

pub mod access_token;
pub mod client_auth;
pub mod code;
pub mod encrypted;
pub mod id_token;
pub mod introspection;
pub mod refresh;

use serde::Serialize;

use crate::oidc::client::{Client, GrantType};
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::issuer::Issuer;
use crate::oidc::params::Params;
use crate::oidc::resource;
use crate::oidc::scope::{STANDARD, Scope};
use crate::oidc::service::Service;

/// What an authenticated client asks the token endpoint for. No `Debug`: it holds codes and tokens.
#[derive(Clone, PartialEq, Eq)]
pub enum GrantRequest {
    /// RFC 6749 §4.1.3, RFC 7636 §4.5.
    AuthorizationCode {
        /// The code.
        code: String,
        /// The redirect URI that the code was sent to.
        redirect_uri: String,
        /// What the code challenge was made of.
        code_verifier: Option<String>,
        /// For which service the access token is to be (RFC 8707 §2.2).
        service: Option<Service>,
    },
    /// RFC 6749 §6.
    RefreshToken {
        /// The refresh token.
        refresh_token: String,
        /// A smaller scope than the one granted.
        scope: Option<Scope>,
        /// For which service the access token is to be.
        service: Option<Service>,
    },
    /// RFC 6749 §4.4.
    ClientCredentials {
        /// What the client gets: all of it is its own.
        scope: Scope,
        /// For which service the access token is to be.
        service: Option<Service>,
    },
}

impl GrantRequest {
    /// Reads the request of an authenticated client. `services` are those of [`resource::named`] that there are.
    ///
    /// # Errors
    /// `invalid_request`, `unsupported_grant_type`, `unauthorized_client`, `invalid_scope`,
    /// `invalid_target` (RFC 6749 §5.2, RFC 8707 §2).
    pub fn parse(
        params: &Params,
        client: &Client,
        issuer: &Issuer,
        services: &[Service],
    ) -> Result<Self, OAuthError> {
        let grant_type = read_grant_type(params)?;
        if !client.may_use(grant_type) {
            return Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "the client is not registered for this grant type",
            ));
        }
        let service = resource::target(params, client, issuer, services)?;
        let scope = params.get("scope").map(Scope::parse).transpose()?;
        match grant_type {
            GrantType::AuthorizationCode => Ok(Self::AuthorizationCode {
                code: params.require("code")?.to_owned(),
                redirect_uri: params.require("redirect_uri")?.to_owned(),
                code_verifier: params.get("code_verifier").map(str::to_owned),
                service,
            }),
            GrantType::RefreshToken => Ok(Self::RefreshToken {
                refresh_token: params.require("refresh_token")?.to_owned(),
                scope,
                service,
            }),
            GrantType::ClientCredentials => Ok(Self::ClientCredentials {
                scope: client_credentials_scope(scope, client, service.as_ref())?,
                service,
            }),
            GrantType::Implicit => Err(unsupported_grant_type()),
        }
    }
}

fn read_grant_type(params: &Params) -> Result<GrantType, OAuthError> {
    match params.require("grant_type")? {
        "authorization_code" => Ok(GrantType::AuthorizationCode),
        "refresh_token" => Ok(GrantType::RefreshToken),
        "client_credentials" => Ok(GrantType::ClientCredentials),
        _ => Err(unsupported_grant_type()),
    }
}

fn unsupported_grant_type() -> OAuthError {
    OAuthError::new(
        ErrorCode::UnsupportedGrantType,
        "the grant type is none of the token endpoint's",
    )
}

/// The standard scopes are about a person, and here there is none; of the others a client may have
/// what it registered (RFC 6749 §4.4.2), and at a service what that has.
fn client_credentials_scope(
    asked: Option<Scope>,
    client: &Client,
    service: Option<&Service>,
) -> Result<Scope, OAuthError> {
    let own = match service {
        Some(service) => service.scope_for(client, &service.scope),
        None => Scope::allowed_to(client),
    };
    let own = own.minus(&STANDARD.into_iter().collect());
    match asked {
        None => Ok(own),
        Some(asked) if asked.is_subset(&own) => Ok(asked),
        Some(_) => Err(OAuthError::new(
            ErrorCode::InvalidScope,
            "the scope is more than the client may have for itself",
        )),
    }
}

/// The token endpoint's answer (RFC 6749 §5.1, Core §3.1.3.3). No `Debug`: it holds tokens.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// How it is used.
    pub token_type: TokenType,
    /// How long it is good for, in seconds.
    pub expires_in: i64,
    /// What it is good for.
    #[serde(skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    /// How to get the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Who the person is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
}

/// `token_type` (RFC 6749 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum TokenType {
    /// RFC 6750.
    Bearer,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorization::tests::{client, issuer};
    use crate::oidc::service::tests::api;

    fn parse(body: &str, client: &Client) -> Result<GrantRequest, ErrorCode> {
        let params = Params::parse(body.as_bytes()).unwrap();
        GrantRequest::parse(&params, client, &issuer(), &[api()]).map_err(|refusal| refusal.error)
    }

    fn machine() -> Client {
        let mut client = client();
        client.metadata.grant_types = vec![GrantType::ClientCredentials];
        client.metadata.scope = Some("openid email ledger:read ledger:write".to_owned());
        client
    }

    fn granted(body: &str) -> Result<String, ErrorCode> {
        match parse(body, &machine())? {
            GrantRequest::ClientCredentials { scope, .. } => Ok(scope.to_string()),
            _ => panic!("another grant"),
        }
    }

    #[test]
    fn a_code_request_reads_back() {
        let body = "grant_type=authorization_code&code=c&redirect_uri=https://a.example/cb&code_verifier=v";
        let expected = GrantRequest::AuthorizationCode {
            code: "c".to_owned(),
            redirect_uri: "https://a.example/cb".to_owned(),
            code_verifier: Some("v".to_owned()),
            service: None,
        };
        assert!(parse(body, &client()) == Ok(expected));
    }

    #[test]
    fn what_a_grant_needs_must_be_there() {
        for body in [
            "code=c",
            "grant_type=",
            "grant_type=authorization_code&redirect_uri=x",
            "grant_type=authorization_code&code=c",
            "grant_type=refresh_token",
        ] {
            assert_eq!(
                parse(body, &client()).err(),
                Some(ErrorCode::InvalidRequest),
                "{body}"
            );
        }
    }

    #[test]
    fn a_grant_that_is_unknown_or_not_registered_is_refused() {
        let unknown = parse("grant_type=password", &client()).err();
        assert_eq!(unknown, Some(ErrorCode::UnsupportedGrantType));
        let other = parse("grant_type=client_credentials", &client()).err();
        assert_eq!(other, Some(ErrorCode::UnauthorizedClient));
    }

    /// Attack 16 (CVE-2024-52287): more scope at the token endpoint than registered.
    #[test]
    fn client_credentials_are_for_what_the_client_registered_for_itself() {
        assert_eq!(
            granted("grant_type=client_credentials").unwrap(),
            "ledger:read ledger:write"
        );
        assert_eq!(
            granted("grant_type=client_credentials&scope=ledger:read").unwrap(),
            "ledger:read"
        );
        for scope in ["openid", "ledger:read+admin", "%22"] {
            let body = format!("grant_type=client_credentials&scope={scope}");
            assert_eq!(
                granted(&body).unwrap_err(),
                ErrorCode::InvalidScope,
                "{scope}"
            );
        }
    }

    /// Attack 16: another resource named only at the token endpoint.
    #[test]
    fn a_resource_of_others_is_refused_here_too() {
        let body = "grant_type=refresh_token&refresh_token=r&resource=https://api.example";
        assert_eq!(parse(body, &client()).err(), Some(ErrorCode::InvalidTarget));
    }

    /// Attack 16: scopes at a service that the client may not have there.
    #[test]
    fn at_a_service_a_client_has_for_itself_what_both_know() {
        let mut machine = machine();
        let granted = |machine: &Client, scope: &str| -> Result<String, ErrorCode> {
            let body =
                format!("grant_type=client_credentials&resource=https://api.example/{scope}");
            match parse(&body, machine)? {
                GrantRequest::ClientCredentials { scope, service } => {
                    assert_eq!(service, Some(api()));
                    Ok(scope.to_string())
                }
                _ => panic!("another grant"),
            }
        };
        assert_eq!(granted(&machine, "").unwrap(), "");
        machine.metadata.scope = Some("read ledger:write".to_owned());
        assert_eq!(granted(&machine, "").unwrap(), "read");
        for scope in ["&scope=write", "&scope=ledger:write", "&scope=openid"] {
            let refused = granted(&machine, scope).unwrap_err();
            assert_eq!(refused, ErrorCode::InvalidScope, "{scope}");
        }
        machine.metadata.scope = None;
        assert_eq!(granted(&machine, "").unwrap(), "read write");
        assert_eq!(granted(&machine, "&scope=write").unwrap(), "write");
    }

    #[test]
    fn an_answer_says_bearer_and_leaves_out_what_was_not_issued() {
        let answer = TokenResponse {
            access_token: "a".to_owned(),
            token_type: TokenType::Bearer,
            expires_in: 600,
            scope: Scope::parse("openid").unwrap(),
            refresh_token: None,
            id_token: None,
        };
        let expected = serde_json::json!({
            "access_token": "a", "token_type": "Bearer", "expires_in": 600, "scope": "openid",
        });
        assert_eq!(serde_json::to_value(answer).unwrap(), expected);
    }
}
