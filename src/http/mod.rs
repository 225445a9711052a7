//! DOORS: actix-web in, actix-web out. Status codes, headers, cookies and pages live here, one file an
//! endpoint or page; what is right is decided in `oidc`, what is written in `flows`.

pub mod admin;
pub mod limits;
pub mod pages;
pub mod static_files;

mod account;
mod authorize;
mod body;
mod check_session;
mod consent;
mod cookies;
mod cors;
mod discovery;
mod end_session;
mod error;
mod forwarded;
mod headers;
mod health;
mod introspect;
mod invitation;
mod landing;
mod leaving;
mod logo;
mod parked;
mod receipts;
mod registration;
mod revocations;
mod revoke;
mod sign_in;
mod span;
mod status_list;
mod token;
mod upstream;
mod upstream_leaving;
mod upstream_logouts;
mod userinfo;
mod visitor;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};

use self::error::PageError;
use self::visitor::Visitor;
use crate::config::RegistrationPolicy;
use crate::flows::Provider;
use crate::oidc::discovery as paths;
use crate::oidc::params::MOST_BYTES;

/// Everything that can be asked for, with the documents that are prepared once.
#[derive(Clone)]
pub struct Routes {
    prefix: String,
    registers: bool,
    metadata: web::Data<discovery::Metadata>,
    waiters: web::Data<revocations::Waiters>,
    status_lists: web::Data<status_list::Lists>,
    session_management: bool,
}

impl Routes {
    /// The routes of `provider`, below its issuer's path.
    pub fn new(provider: &Provider) -> Self {
        let issuer = &provider.config.issuer;
        let registers = provider.config.registration.policy != RegistrationPolicy::Closed;
        Self {
            prefix: issuer.path().to_owned(),
            registers,
            metadata: web::Data::new(discovery::Metadata::new(&provider.config)),
            waiters: web::Data::new(revocations::Waiters::new(&provider.metrics)),
            status_lists: web::Data::default(),
            session_management: provider.config.session_management,
        }
    }

    /// Adds them to an application whose data has the provider.
    pub fn configure(&self, app: &mut ServiceConfig) {
        let below = |path: &str| format!("{}{path}", self.prefix);
        // Documents that anyone may fetch as often as they like: no span, no request identifier.
        app.app_data(self.metadata.clone());
        app.app_data(self.waiters.clone());
        app.app_data(self.status_lists.clone());
        app.app_data(web::PayloadConfig::new(MOST_BYTES));
        for path in [
            below(paths::OPENID_CONFIGURATION),
            format!("{}{}", paths::OAUTH_AUTHORIZATION_SERVER, self.prefix),
        ] {
            app.service(public(&path, discovery::metadata));
        }
        app.service(public(&below(paths::JWKS), discovery::jwks));
        // The database is asked for it.
        app.service(
            document(&below(&status_list::path()), status_list::get)
                .wrap(from_fn(body::of_programs))
                .wrap(from_fn(span::count)),
        );

        let is_checked = self.session_management;
        let checked = move |app: &mut ServiceConfig| {
            if is_checked {
                app.service(get_and_head(paths::CHECK_SESSION, check_session::get));
            }
        };
        // What people see: refusals are pages too. It has every address that nothing else has.
        let pages = web::scope("")
            .wrap(from_fn(body::of_pages))
            .service(
                methods(paths::AUTHORIZATION, "GET, HEAD, POST")
                    .route(web::get().to(authorize::get))
                    .route(web::post().to(authorize::post))
                    .route(web::head().to(authorize::head)),
            )
            .service(
                methods(sign_in::PATH, "GET, HEAD, POST")
                    .route(web::get().to(sign_in::get))
                    .route(web::post().to(sign_in::post))
                    .route(web::head().to(sign_in::head)),
            )
            .service(
                methods(consent::PATH, "GET, HEAD, POST")
                    .route(web::get().to(consent::get))
                    .route(web::post().to(consent::post))
                    .route(web::head().to(consent::head)),
            )
            .service(
                methods(paths::END_SESSION, "GET, HEAD, POST")
                    .route(web::get().to(end_session::get))
                    .route(web::post().to(end_session::post))
                    .route(web::head().to(end_session::head)),
            )
            .service(
                methods(end_session::CONFIRM_PATH, "POST")
                    .route(web::post().to(end_session::confirm)),
            )
            .service(
                methods(leaving::PATH, "GET, HEAD")
                    .route(web::get().to(leaving::get))
                    .route(web::head().to(leaving::head)),
            )
            .service(get_and_head(leaving::STATUS_PATH, leaving::status))
            .service(
                methods(leaving::ACKNOWLEDGE_PATH, "POST")
                    .route(web::post().to(leaving::acknowledge)),
            )
            .service(get_and_head(leaving::SIGNED_OUT_PATH, leaving::signed_out))
            .configure(upstream_leaving::configure)
            .service(get_and_head(
                &format!("{}/{{fingerprint}}", logo::PATH),
                logo::get,
            ))
            .service(
                methods(
                    &format!("{}/{{id}}/callback", upstream::PATH),
                    "GET, HEAD, POST",
                )
                .route(web::get().to(upstream::get))
                .route(web::post().to(upstream::post))
                .route(web::head().to(upstream::head)),
            )
            .service(
                methods(&upstream_logouts::frontchannel_path(), "GET, HEAD")
                    .route(web::get().to(upstream_logouts::frontchannel))
                    .route(web::head().to(upstream_logouts::head)),
            )
            .service(
                methods(&invitation::path(), "GET, HEAD, POST")
                    .route(web::get().to(invitation::get))
                    .route(web::post().to(invitation::post))
                    .route(web::head().to(invitation::get)),
            )
            .configure(account::configure)
            .configure(checked)
            .service(get_and_head("/", landing::get))
            .default_service(web::to(error::not_found));
        let all = web::scope(&self.prefix)
            .wrap(from_fn(headers::secure))
            .wrap(from_fn(span::request))
            .configure(static_files::configure)
            .service(
                methods_for_programs("/healthz", "GET, HEAD")
                    .route(web::get().to(health::healthz))
                    .route(web::head().to(health::healthz))
                    .wrap(from_fn(body::of_programs)),
            )
            .service(
                methods_for_programs("/readyz", "GET, HEAD")
                    .route(web::get().to(health::readyz))
                    .route(web::head().to(health::readyz))
                    .wrap(from_fn(body::of_programs)),
            )
            .service(
                methods_for_programs(paths::TOKEN, "POST, OPTIONS")
                    .route(web::post().to(token::post))
                    .route(cors::preflight())
                    .wrap(from_fn(body::of_programs))
                    .wrap(from_fn(cors::any_origin)),
            )
            .service(
                methods_for_programs(paths::REVOCATION, "POST, OPTIONS")
                    .route(web::post().to(revoke::post))
                    .route(cors::preflight())
                    .wrap(from_fn(body::of_programs))
                    .wrap(from_fn(cors::any_origin)),
            )
            .service(
                methods_for_programs(paths::INTROSPECTION, "POST")
                    .route(web::post().to(introspect::post))
                    .wrap(from_fn(body::of_programs)),
            )
            .service(
                methods_for_programs(paths::REVOCATIONS, "GET, HEAD")
                    .route(web::get().to(revocations::get))
                    .route(web::head().to(revocations::head))
                    .wrap(from_fn(body::of_programs)),
            )
            .service(
                methods_for_programs(paths::REVOCATIONS_SNAPSHOT, "GET, HEAD")
                    .route(web::get().to(revocations::snapshot))
                    .route(web::head().to(revocations::head_of_snapshot))
                    .wrap(from_fn(body::of_programs)),
            )
            .service(
                methods_for_programs(paths::USERINFO, "GET, HEAD, POST, OPTIONS")
                    .route(web::get().to(userinfo::get))
                    .route(web::head().to(userinfo::head))
                    .route(web::post().to(userinfo::post))
                    .route(cors::preflight())
                    .wrap(from_fn(body::of_programs))
                    .wrap(from_fn(cors::any_origin)),
            )
            .service(
                methods_for_programs(&upstream_logouts::backchannel_path(), "POST")
                    .route(web::post().to(upstream_logouts::backchannel))
                    .wrap(from_fn(body::of_programs)),
            )
            .configure(|all| self.registration(all))
            .service(pages);
        app.service(all);
    }

    /// Who has registered may look after itself, though nobody else may register any more.
    fn registration(&self, all: &mut ServiceConfig) {
        if self.registers {
            all.service(
                methods_for_programs(paths::REGISTRATION, "POST")
                    .route(web::post().to(registration::post))
                    .wrap(from_fn(body::of_programs)),
            );
        }
        all.service(
            methods_for_programs(registration::OF_A_CLIENT, "GET, HEAD, PUT, DELETE")
                .route(web::get().to(registration::get))
                .route(web::head().to(registration::get))
                .route(web::put().to(registration::put))
                .route(web::delete().to(registration::delete))
                .wrap(from_fn(body::of_programs)),
        );
    }
}

/// A page that answers other methods than `allow` with 405 (RFC 9110 §15.5.6), in words.
fn methods(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move |visitor: Visitor| async move {
        PageError::MethodNotAllowed(allow).page(&visitor)
    }))
}

/// The same for programs, which read the header alone.
fn methods_for_programs(path: &str, allow: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move {
        HttpResponse::MethodNotAllowed()
            .insert_header((ALLOW, HeaderValue::from_static(allow)))
            .finish()
    }))
}

/// A resource whose handler has no side effects, so that HEAD can ask it too.
fn get_and_head<F, Args>(path: &str, handler: F) -> Resource
where
    F: actix_web::Handler<Args> + Clone,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    methods(path, "GET, HEAD")
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
}

/// The same, for a document that scripts of every origin may read, and that is there already.
fn public<F, Args>(path: &str, handler: F) -> impl HttpServiceFactory + 'static
where
    F: actix_web::Handler<Args> + Clone,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    document(path, handler).wrap(from_fn(span::count))
}

fn document<F, Args>(path: &str, handler: F) -> Resource
where
    F: actix_web::Handler<Args> + Clone,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    methods_for_programs(path, "GET, HEAD, OPTIONS")
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .route(cors::preflight())
}
