//! Under which `sub` a client knows people (Registration §2, Core §8).

use url::Url;

use super::Problem;
use crate::oidc::client::{ApplicationType, ClientMetadata, SubjectType};
use crate::oidc::{sector, uri};

/// A client with pairwise subjects belongs to one sector, which is a host that it can be held to (Core §8.1).
pub(super) fn subject_type(metadata: &ClientMetadata) -> Vec<Problem> {
    if metadata.subject_type == SubjectType::Public || metadata.sector_identifier_uri.is_some() {
        return Vec::new();
    }
    let uris = &metadata.redirect_uris;
    let all_https = uris.iter().all(|uri| uri.starts_with("https://"));
    let message = match sector::hosts(uris).len() {
        // They would all be one sector: every native application is at home on this machine, or under a scheme without
        // a host.
        _ if metadata.application_type == ApplicationType::Native && !all_https => {
            "pairwise: a native application has no host of its own; name a sector_identifier_uri"
        }
        1 => return Vec::new(),
        0 => "pairwise: there is no redirect URI with a host; name a sector_identifier_uri",
        _ => "pairwise: the redirect URIs have several hosts; name a sector_identifier_uri",
    };
    vec![Problem::new("subject_type", message)]
}

/// https, since who can change the document can move a client into another's sector (Registration §2). What it says is
/// looked at when it is fetched.
pub(super) fn sector_identifier_uri(metadata: &ClientMetadata) -> Vec<Problem> {
    let Some(text) = &metadata.sector_identifier_uri else {
        return Vec::new();
    };
    let message = match uri::absolute(text).as_ref().map(Url::scheme) {
        Ok("https") => return Vec::new(),
        Ok(_) => "must be https".to_owned(),
        Err(problem) => problem.clone(),
    };
    vec![Problem::new("sector_identifier_uri", message)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairwise(uris: &[&str], application_type: ApplicationType) -> ClientMetadata {
        ClientMetadata {
            subject_type: SubjectType::Pairwise,
            redirect_uris: uris.iter().map(|uri| (*uri).to_owned()).collect(),
            application_type,
            ..ClientMetadata::default()
        }
    }

    #[test]
    fn a_pairwise_client_has_a_host_of_its_own_or_a_document() {
        use ApplicationType::{Native, Web};
        for (uris, application_type, fits) in [
            (&["https://a.example/cb"][..], Web, true),
            (
                &["https://a.example/cb", "https://a.example:444/cb?x"],
                Web,
                true,
            ),
            (&["http://localhost:3000/cb"], Web, true),
            (&["https://a.example/cb"], Native, true),
            (
                &["https://a.example/cb", "https://b.example/cb"],
                Web,
                false,
            ),
            (
                &["https://a.example/cb", "https://www.a.example/cb"],
                Web,
                false,
            ),
            (&[], Web, false),
            (&["http://127.0.0.1/cb"], Native, false),
            (&["org.example.app:/cb"], Native, false),
            (&["org.example.app://host/cb"], Native, false),
            (
                &["https://a.example/cb", "http://127.0.0.1/cb"],
                Native,
                false,
            ),
        ] {
            let mut metadata = pairwise(uris, application_type);
            assert_eq!(subject_type(&metadata).is_empty(), fits, "{uris:?}");
            metadata.sector_identifier_uri = Some("https://s.example/x".to_owned());
            assert!(subject_type(&metadata).is_empty(), "{uris:?}");
            metadata.sector_identifier_uri = None;
            metadata.subject_type = SubjectType::Public;
            assert!(subject_type(&metadata).is_empty(), "{uris:?}");
        }
    }

    #[test]
    fn a_sectors_document_lies_at_https() {
        for (uri, fits) in [
            ("https://s.example/sector.json", true),
            ("https://s.example:8443/a?b=c", true),
            ("http://s.example/sector.json", false),
            ("http://localhost/sector.json", false),
            ("https://s.example/x#y", false),
            ("https://ada@s.example/x", false),
            ("https:s.example/x", false),
            ("file:///etc/passwd", false),
            ("data:,[]", false),
            ("sector.json", false),
        ] {
            let metadata = ClientMetadata {
                sector_identifier_uri: Some(uri.to_owned()),
                ..ClientMetadata::default()
            };
            assert_eq!(sector_identifier_uri(&metadata).is_empty(), fits, "{uri}");
        }
    }
}
