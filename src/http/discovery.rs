//! Discovery and JWKS, from bytes that were prepared before.

use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

use super::cors::ANY_ORIGIN;
use super::headers::has_current;
use super::pages::languages;
use super::static_files::fingerprint;
use crate::config::{Config, RegistrationPolicy};
use crate::flows::{Provider, keys};
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::discovery;

/// The provider's metadata, ready to send. It says which algorithms there are keys for, and keys come and go
/// while we run: so there is one document for every set of algorithms.
#[derive(Clone)]
pub(super) struct Metadata {
    documents: Vec<Document>,
    /// How long others may keep it, and the keys.
    caching: String,
}

#[derive(Clone)]
struct Document {
    body: Bytes,
    tag: String,
}

impl Metadata {
    pub(super) fn new(config: &Config) -> Self {
        let issuer = &config.issuer;
        let languages = languages();
        let languages: Vec<&str> = languages.iter().map(String::as_str).collect();
        let documents = (0..1 << SigningAlgorithm::ALL.len()).map(|number| {
            let algorithms = algorithms_of(number);
            let mut document = discovery::metadata(issuer, &algorithms, &languages);
            if config.registration.policy != RegistrationPolicy::Closed {
                discovery::add_registration(&mut document, issuer);
            }
            if !config.exchange.rules.is_empty() {
                discovery::add_token_exchange(&mut document);
            }
            if config.session_management {
                discovery::add_session_management(&mut document, issuer);
            }
            let text = document.to_string();
            Document {
                tag: fingerprint(text.as_bytes()),
                body: Bytes::from(text),
            }
        });
        let max_age = keys::JWKS_MAX_AGE.num_seconds();
        Self {
            documents: documents.collect(),
            caching: format!("public, max-age={max_age}"),
        }
    }
}

/// The set of algorithms of that number: one bit for each.
fn algorithms_of(number: usize) -> Vec<SigningAlgorithm> {
    let numbered = SigningAlgorithm::ALL.into_iter().enumerate();
    numbered
        .filter(|(bit, _)| number & (1 << bit) != 0)
        .map(|(_, algorithm)| algorithm)
        .collect()
}

/// The number of the set of those that can sign now.
fn number_now(provider: &Provider) -> usize {
    let now = provider.clock.now();
    let numbered = SigningAlgorithm::ALL.into_iter().enumerate();
    numbered
        .filter(|(_, algorithm)| provider.keys.signing_key(*algorithm, now).is_some())
        .map(|(bit, _)| 1 << bit)
        .sum()
}

/// Discovery 1.0 §4, RFC 8414 §3.
pub(super) async fn metadata(
    request: HttpRequest,
    provider: web::Data<Provider>,
    metadata: web::Data<Metadata>,
) -> HttpResponse {
    match metadata.documents.get(number_now(&provider)) {
        Some(known) => document(&request, &metadata.caching, &known.tag, known.body.clone()),
        None => HttpResponse::ServiceUnavailable().finish(),
    }
}

/// RFC 7517 §5.
pub(super) async fn jwks(
    request: HttpRequest,
    provider: web::Data<Provider>,
    metadata: web::Data<Metadata>,
) -> HttpResponse {
    match provider.keys.jwks(provider.clock.now()) {
        Some(jwks) => {
            let body = Bytes::copy_from_slice(jwks.json.as_bytes());
            document(&request, &metadata.caching, &jwks.fingerprint, body)
        }
        None => HttpResponse::ServiceUnavailable().finish(),
    }
}

fn document(request: &HttpRequest, caching: &str, tag: &str, body: Bytes) -> HttpResponse {
    let known = has_current(request, tag);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, format!("\"{tag}\"")))
        .insert_header((CACHE_CONTROL, caching))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN));
    if known {
        return response.finish();
    }
    response
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::issuer::Issuer;

    #[test]
    fn every_set_of_algorithms_has_a_document_that_names_it() {
        let config = Config::for_issuer(Issuer::parse("https://id.example").unwrap());
        for (number, document) in Metadata::new(&config).documents.iter().enumerate() {
            let document: serde_json::Value = serde_json::from_slice(&document.body).unwrap();
            let named = &document["userinfo_signing_alg_values_supported"];
            assert_eq!(*named, serde_json::json!(algorithms_of(number)));
        }
        assert_eq!(algorithms_of(0), []);
        assert_eq!(algorithms_of(0b1111), SigningAlgorithm::ALL);
    }
}
