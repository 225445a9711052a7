//! What a client is sent signed, and what not.

use super::Problem;
use crate::oidc::algorithm::IdTokenAlgorithm;
use crate::oidc::authorization::ResponseType;
use crate::oidc::client::ClientMetadata;

/// An unsigned ID token is believed because it came over TLS from the token endpoint: one that came through the browser
/// could be anybody's. So none of the client's response types brings one from the authorization endpoint (Registration
/// §2, Core §3.1.3.7): `code` and `code token` are left.
pub(super) fn id_token_signed_response_alg(metadata: &ClientMetadata) -> Vec<Problem> {
    let for_a_code =
        |name: &String| ResponseType::from_name(name).is_some_and(|known| !known.id_token);
    if metadata.id_token_signed_response_alg != IdTokenAlgorithm::None
        || metadata.response_types.iter().all(for_a_code)
    {
        return Vec::new();
    }
    vec![Problem::new(
        "id_token_signed_response_alg",
        "none is for clients that get ID tokens for codes alone: response_types code and code token",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::algorithm::SigningAlgorithm;

    /// Attack 30: an unsigned ID token that comes through the browser.
    #[test]
    fn unsigned_id_tokens_are_for_clients_that_get_them_for_codes_alone() {
        for (response_types, fits) in [
            (&["code"][..], true),
            (&[], true),
            (&["code", "id_token"], false),
            (&["code id_token"], false),
            (&["code token"], true),
            (&["code", "token code"], true),
            (&["code token", "code id_token token"], false),
            (&["id_token"], false),
            (&["id_token token"], false),
            (&["nonsense"], false),
        ] {
            let mut metadata = ClientMetadata {
                id_token_signed_response_alg: IdTokenAlgorithm::None,
                response_types: response_types
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect(),
                ..ClientMetadata::default()
            };
            let problems = id_token_signed_response_alg(&metadata);
            assert_eq!(problems.is_empty(), fits, "{response_types:?}");
            metadata.id_token_signed_response_alg = SigningAlgorithm::ES256.into();
            assert!(id_token_signed_response_alg(&metadata).is_empty());
        }
    }
}
