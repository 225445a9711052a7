//! What the answer of the authorization endpoint brings (OAuth 2.0 Multiple Response Types §3, §5).

use crate::oidc::algorithm::IdTokenAlgorithm;
use crate::oidc::client::{Client, GrantType};
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::params::Params;

/// A response type that we support: what the answer brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseType {
    /// A code, to be redeemed at the token endpoint.
    pub code: bool,
    /// An ID token, through the browser.
    pub id_token: bool,
    /// An access token, through the browser.
    pub token: bool,
}

impl ResponseType {
    /// `code`: the one that clients may use who are not registered for others.
    pub const CODE: Self = Self::of(true, false, false);

    /// Every type that we support. `token` alone is plain OAuth, which we do not offer.
    pub const ALL: [Self; 6] = [
        Self::CODE,
        Self::of(false, true, false),
        Self::of(false, true, true),
        Self::of(true, true, false),
        Self::of(true, false, true),
        Self::of(true, true, true),
    ];

    const fn of(code: bool, id_token: bool, token: bool) -> Self {
        Self {
            code,
            id_token,
            token,
        }
    }

    /// The type as it is written in metadata.
    pub fn as_str(self) -> &'static str {
        match (self.code, self.id_token, self.token) {
            (true, false, false) => "code",
            (false, true, false) => "id_token",
            (false, true, true) => "id_token token",
            (true, true, false) => "code id_token",
            (true, false, true) => "code token",
            (true, true, true) => "code id_token token",
            (false, false, _) => "token",
        }
    }

    /// Reads a type; its values may stand in any order (Multiple Response Types §3), none twice.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut values: Vec<_> = name.split(' ').collect();
        values.sort_unstable();
        Self::ALL.into_iter().find(|known| {
            let mut wanted: Vec<_> = known.as_str().split(' ').collect();
            wanted.sort_unstable();
            wanted == values
        })
    }

    /// Whether the answer brings tokens, which must not travel in a query (§5).
    pub fn brings_tokens(self) -> bool {
        self.id_token || self.token
    }

    /// Whether the answer to `name`, be it a type or not, travels in a fragment unless the request
    /// says otherwise: whoever asked for a token looks for the answer there.
    pub(super) fn answers_in_fragment(name: &str) -> bool {
        name.split(' ')
            .any(|value| matches!(value, "token" | "id_token"))
    }

    /// Whether a client with these grants may be given what the type brings (Registration §2).
    pub fn fits(self, grant_types: &[GrantType]) -> bool {
        let has = |grant| grant_types.contains(&grant);
        (!self.code || has(GrantType::AuthorizationCode))
            && (!self.brings_tokens() || has(GrantType::Implicit))
    }

    /// The type of a request, if the client is registered for it (RFC 6749 §3.1.1, §4.1.2.1).
    ///
    /// # Errors
    /// `invalid_request`, `unsupported_response_type`, `unauthorized_client`.
    pub(super) fn of_request(params: &Params, client: &Client) -> Result<Self, OAuthError> {
        let asked = Self::from_name(params.require("response_type")?).ok_or_else(|| {
            OAuthError::new(
                ErrorCode::UnsupportedResponseType,
                "the response type is not one of response_types_supported",
            )
        })?;
        let registered = client
            .metadata
            .response_types
            .iter()
            .any(|known| Self::from_name(known) == Some(asked));
        let unsigned = client.metadata.id_token_signed_response_alg == IdTokenAlgorithm::None;
        if unsigned && asked.id_token {
            // Registration does not let it come to this: one that came through the browser could be anybody's.
            Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                "the ID tokens of this client are unsigned, and such ones do not travel through a browser",
            ))
        } else if registered && asked.fits(&client.metadata.grant_types) {
            Ok(asked)
        } else {
            Err(OAuthError::new(
                ErrorCode::UnauthorizedClient,
                format!(
                    "the client is not registered for the response type {}",
                    asked.as_str()
                ),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorization::tests::client;

    fn asked(name: &str, client: &Client) -> Result<ResponseType, ErrorCode> {
        let params = Params::parse(format!("response_type={name}").as_bytes()).unwrap();
        ResponseType::of_request(&params, client).map_err(|refusal| refusal.error)
    }

    #[test]
    fn the_values_of_a_type_stand_in_any_order() {
        for known in ResponseType::ALL {
            assert_eq!(ResponseType::from_name(known.as_str()), Some(known));
        }
        let hybrid = ResponseType::from_name("code id_token token");
        assert_eq!(ResponseType::from_name("token code id_token"), hybrid);
        for unknown in [
            "",
            "token",
            "none",
            "code code",
            "code  id_token",
            "code id_token id_token",
            "Code",
            "code device",
        ] {
            assert_eq!(ResponseType::from_name(unknown), None, "{unknown:?}");
        }
    }

    /// Attack 15: a response type that the client is not registered for.
    #[test]
    fn a_client_gets_what_it_is_registered_for_and_nothing_else() {
        let plain = client();
        assert_eq!(asked("code", &plain), Ok(ResponseType::CODE));
        for other in ["id_token", "id_token+token", "code+id_token", "code+token"] {
            assert_eq!(asked(other, &plain), Err(ErrorCode::UnauthorizedClient));
        }
        let mut hybrid = client();
        hybrid.metadata.response_types = vec!["code id_token".to_owned()];
        // Without the grant the type alone turns nothing on.
        assert_eq!(
            asked("code+id_token", &hybrid),
            Err(ErrorCode::UnauthorizedClient)
        );
        hybrid.metadata.grant_types.push(GrantType::Implicit);
        assert!(asked("id_token+code", &hybrid).is_ok());
        for other in ["code", "id_token", "code+id_token+token"] {
            assert_eq!(asked(other, &hybrid), Err(ErrorCode::UnauthorizedClient));
        }
        assert_eq!(
            asked("token", &hybrid),
            Err(ErrorCode::UnsupportedResponseType)
        );
    }
}
