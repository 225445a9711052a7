//! What a client is sent signed, and what not.

use super::Problem;
use crate::oidc::algorithm::IdTokenAlgorithm;
use crate::oidc::authorization::ResponseType;
use crate::oidc::client::ClientMetadata;

/// An unsigned ID token is believed because it came over TLS from the token endpoint: one that came through the browser
/// could be anybody's (Core §2, §3.1.3.7). So the client asks for codes and nothing else.
pub(super) fn id_token_signed_response_alg(metadata: &ClientMetadata) -> Vec<Problem> {
    let code_alone = |name: &String| ResponseType::from_name(name) == Some(ResponseType::CODE);
    if metadata.id_token_signed_response_alg != IdTokenAlgorithm::None
        || metadata.response_types.iter().all(code_alone)
    {
        return Vec::new();
    }
    vec![Problem::new(
        "id_token_signed_response_alg",
        "none is for clients whose response_types are code alone",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::algorithm::SigningAlgorithm;

    /// Attack 30: an unsigned ID token that comes through the browser.
    #[test]
    fn unsigned_id_tokens_are_for_clients_that_ask_for_codes_alone() {
        for (response_types, fits) in [
            (&["code"][..], true),
            (&[], true),
            (&["code", "id_token"], false),
            (&["code id_token"], false),
            (&["code token"], false),
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
