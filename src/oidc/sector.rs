//! Sectors (Core §8.1): the clients of one sector know a person under one pairwise `sub`, and no two sectors under the
//! same.

use std::collections::BTreeSet;

use url::{Host, Url};

use crate::oidc::client::{ClientMetadata, SubjectType};

/// The sector of a client with pairwise subjects: the host of its `sector_identifier_uri`, else that of its redirect
/// URIs. `None` for a client that sees the public `sub`.
///
/// Where registration was circumvented and there are several hosts, all of them together are the sector: whatever the
/// metadata, a pairwise client is never given the public `sub`.
pub fn of(metadata: &ClientMetadata) -> Option<String> {
    if metadata.subject_type == SubjectType::Public {
        return None;
    }
    if let Some(host) = metadata.sector_identifier_uri.as_deref().and_then(host) {
        return Some(host);
    }
    let hosts: Vec<_> = hosts(&metadata.redirect_uris).into_iter().collect();
    Some(hosts.join(" "))
}

/// The hosts of redirect URIs, in lower case; those of schemes without hosts are left out.
pub fn hosts(redirect_uris: &[String]) -> BTreeSet<String> {
    redirect_uris.iter().filter_map(|uri| host(uri)).collect()
}

fn host(uri: &str) -> Option<String> {
    match Url::parse(uri).ok()?.host()? {
        // A custom scheme's host is not lowered by the parser.
        Host::Domain(name) => Some(name.to_ascii_lowercase()),
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(format!("[{address}]")),
    }
}

/// Whether the document at a `sector_identifier_uri` names every redirect URI (Registration §5): a JSON array of text,
/// compared as exact strings.
///
/// # Errors
/// What is wrong with it, in words that quote nothing of it: it may be a page that the client could not read itself.
pub fn names_all(document: &[u8], redirect_uris: &[String]) -> Result<(), String> {
    let named: Vec<String> = serde_json::from_slice(document)
        .map_err(|_other| "the document there is no JSON array of URIs".to_owned())?;
    match redirect_uris.iter().find(|uri| !named.contains(uri)) {
        None => Ok(()),
        Some(missing) => Err(format!("the document there does not name {missing:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairwise(sector_identifier_uri: Option<&str>, redirect_uris: &[&str]) -> ClientMetadata {
        ClientMetadata {
            subject_type: SubjectType::Pairwise,
            sector_identifier_uri: sector_identifier_uri.map(str::to_owned),
            redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            ..ClientMetadata::default()
        }
    }

    #[test]
    fn a_sector_is_the_host_of_its_document_or_of_the_redirect_uris() {
        for (document, redirect_uris, sector) in [
            (
                None,
                &["https://a.example/cb", "https://a.example:8443/other"][..],
                "a.example",
            ),
            (
                Some("https://s.example/list.json"),
                &["https://a.example/cb"],
                "s.example",
            ),
            (
                Some("https://s.example:444/x"),
                &["org.example.app:/cb"],
                "s.example",
            ),
            (None, &["http://127.0.0.1:7000/cb"], "127.0.0.1"),
            (None, &["http://[::1]:7000/cb"], "[::1]"),
        ] {
            let of = of(&pairwise(document, redirect_uris));
            assert_eq!(of.as_deref(), Some(sector), "{redirect_uris:?}");
        }
    }

    #[test]
    fn who_sees_the_public_sub_has_none_and_a_pairwise_client_always_has_one() {
        let mut metadata = pairwise(Some("https://s.example/x"), &["https://a.example/cb"]);
        metadata.subject_type = SubjectType::Public;
        assert_eq!(of(&metadata), None);
        for redirect_uris in [
            &[][..],
            &["https://a.example/cb", "https://b.example/cb"],
            &["x"],
        ] {
            assert!(of(&pairwise(None, redirect_uris)).is_some());
            assert!(of(&pairwise(Some("nowhere"), redirect_uris)).is_some());
        }
    }

    #[test]
    fn a_document_names_every_redirect_uri_letter_by_letter() {
        let uris = ["https://a.example/cb", "https://b.example/cb"].map(str::to_owned);
        let good = r#"["https://b.example/cb", "https://c.example/cb", "https://a.example/cb"]"#;
        assert_eq!(names_all(good.as_bytes(), &uris), Ok(()));
        for document in [
            "",
            "[]",
            "null",
            "{}",
            r#"["https://a.example/cb"]"#,
            r#"["https://a.example/cb","https://b.example/cb/"]"#,
            r#"["https://a.example/cb","https://B.example/cb"]"#,
            r#"["https://a.example/cb https://b.example/cb"]"#,
            r#"["https://a.example/cb","https://b.example/cb",1]"#,
            r#"{"redirect_uris":["https://a.example/cb","https://b.example/cb"]}"#,
            r#"["https://a.example/cb","https://b.example/cb"] trailing"#,
        ] {
            assert!(names_all(document.as_bytes(), &uris).is_err(), "{document}");
        }
    }

    /// Attack 80: what is said of a document must not say what is in it.
    #[test]
    fn what_is_wrong_with_a_document_quotes_nothing_of_it() {
        let uris = ["https://a.example/cb".to_owned()];
        for document in [r#"["root:secret"]"#, "root:secret", r#"{"root:secret":1}"#] {
            let problem = names_all(document.as_bytes(), &uris).unwrap_err();
            assert!(!problem.contains("secret"), "{problem}");
        }
    }
}
