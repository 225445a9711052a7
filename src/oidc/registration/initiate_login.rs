//! Where a sign-in may be begun from outside the client (Registration §2, Core §4).

use super::{Problem, return_uri};
use crate::oidc::client::{ApplicationType, ClientMetadata};

/// https; on this machine alone also http, as everywhere.
pub(super) fn initiate_login_uri(metadata: &ClientMetadata) -> Vec<Problem> {
    let field = "initiate_login_uri";
    let Some(text) = &metadata.initiate_login_uri else {
        return Vec::new();
    };
    match return_uri(text, ApplicationType::Web) {
        Ok(()) => Vec::new(),
        Err(problem) => vec![Problem::new(field, problem)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_https_but_on_this_machine() {
        let problems = |uri: &str| {
            let metadata = ClientMetadata {
                initiate_login_uri: Some(uri.to_owned()),
                ..ClientMetadata::default()
            };
            initiate_login_uri(&metadata)
        };
        for fine in ["https://a.example/login?x=1", "http://localhost:3000/login"] {
            assert_eq!(problems(fine), [], "{fine}");
        }
        for wrong in [
            "http://a.example/login",
            "javascript:alert(1)",
            "/login",
            "https://a.example/#login",
        ] {
            assert_eq!(problems(wrong).len(), 1, "{wrong}");
            assert_eq!(problems(wrong)[0].field, "initiate_login_uri");
        }
    }
}
