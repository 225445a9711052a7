//! Where an application hears of sign-outs, and what it answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use openidconnect::core::CoreJsonWebKeySet;
use serde_json::Value;
use tokio::sync::Semaphore;
use url::form_urlencoded;

use super::tokens::{published_keys, verify_by};
use crate::support::eventually;
use crate::support::server::serve;
use crate::support::visitor::http_client;

/// How the listener answers a logout token.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// With this status.
    Status(u16),
    /// With a redirect back to where the notice went, which keeps the method.
    Redirect,
    /// With 200 and a body that has no end.
    Endless,
    /// Not at all.
    Hang,
    /// With 200, once it is released.
    Held,
}

/// A notice that came in.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The form's fields, in order.
    pub fields: Vec<(String, String)>,
    /// What it was answered.
    pub reply: Reply,
    /// When it came in.
    pub heard_at: DateTime<Utc>,
}

struct Heard {
    notices: Vec<Notice>,
    replies: VecDeque<Reply>,
    otherwise: Reply,
}

/// Where an application hears of sign-outs.
#[derive(Clone)]
pub struct Ear {
    /// Its address, without a slash at its end.
    pub base: String,
    heard: Arc<Mutex<Heard>>,
    released: Arc<Semaphore>,
    handle: ServerHandle,
}

impl Ear {
    /// Listens at a free port.
    pub async fn open() -> Self {
        let heard = Arc::new(Mutex::new(Heard {
            notices: Vec::new(),
            replies: VecDeque::new(),
            otherwise: Reply::Status(200),
        }));
        let released = Arc::new(Semaphore::new(0));
        let data = web::Data::new(Arc::clone(&heard));
        let held = web::Data::new(Arc::clone(&released));
        let (port, handle) = serve(None, move |app| {
            app.app_data(data.clone())
                .app_data(held.clone())
                .route("/backchannel", web::post().to(hear))
                .default_service(web::to(|| async { HttpResponse::Ok().body("hello") }));
        });
        let base = format!("http://127.0.0.1:{port}");
        // It listens from here on, though a test that runs commands never lets this runtime go on.
        http_client().get(&base).send().await.unwrap();
        Self {
            base,
            heard,
            released,
            handle,
        }
    }

    /// Where logout tokens go.
    pub fn backchannel_logout_uri(&self) -> String {
        format!("{}/backchannel", self.base)
    }

    /// Answers the next notices so, one after another.
    pub fn answer_next(&self, replies: &[Reply]) {
        self.heard.lock().unwrap().replies.extend(replies);
    }

    /// Answers every notice so that nothing else was said for.
    pub fn answer(&self, reply: Reply) {
        self.heard.lock().unwrap().otherwise = reply;
    }

    /// Answers one notice that is held.
    pub fn release(&self) {
        self.released.add_permits(1);
    }

    /// What came in so far.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices_since(0)
    }

    /// What came in after the first `read`.
    pub fn notices_since(&self, read: usize) -> Vec<Notice> {
        self.heard.lock().unwrap().notices[read..].to_vec()
    }

    /// Waits until `count` notices came in.
    pub async fn wait_for(&self, count: usize) -> Vec<Notice> {
        let notices =
            eventually(async || Some(self.notices()).filter(|known| known.len() >= count)).await;
        notices.unwrap_or_else(|| panic!("{} of {count} notices came in", self.notices().len()))
    }

    /// Stops listening: connections are refused from now on.
    pub async fn close(&self) {
        self.handle.stop(false).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an application reads a clock of its own"
)]
async fn hear(
    heard: web::Data<Arc<Mutex<Heard>>>,
    released: web::Data<Arc<Semaphore>>,
    body: String,
) -> HttpResponse {
    let fields = form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let reply = {
        let mut heard = heard.lock().unwrap();
        let reply = heard.replies.pop_front().unwrap_or(heard.otherwise);
        heard.notices.push(Notice {
            fields,
            reply,
            heard_at: Utc::now(),
        });
        reply
    };
    match reply {
        Reply::Status(status) => {
            let status = actix_web::http::StatusCode::from_u16(status).unwrap();
            HttpResponse::build(status)
                .insert_header(("Cache-Control", "no-store"))
                .finish()
        }
        Reply::Held => {
            released.acquire().await.unwrap().forget();
            HttpResponse::Ok().finish()
        }
        Reply::Redirect => HttpResponse::TemporaryRedirect()
            .insert_header(("Location", "/backchannel"))
            .finish(),
        Reply::Endless => {
            let piece = Ok::<_, std::convert::Infallible>(web::Bytes::from_static(&[b' '; 4096]));
            HttpResponse::Ok().streaming(futures_util::stream::repeat(piece))
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "an application that hangs does so for real"
        )]
        Reply::Hang => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            HttpResponse::Ok().finish()
        }
    }
}

impl Notice {
    /// The logout token's claims, its signature checked with the provider's published keys.
    pub async fn claims(&self, issuer: &str) -> Value {
        self.claims_by(&published_keys(issuer).await)
    }

    /// As [`Notice::claims`], with keys that were fetched before.
    pub fn claims_by(&self, keys: &CoreJsonWebKeySet) -> Value {
        assert_eq!(
            self.fields.len(),
            1,
            "logout_token stands alone: {:?}",
            self.fields
        );
        let (name, token) = &self.fields[0];
        assert_eq!(name, "logout_token");
        let (header, claims) = verify_by(keys, token);
        assert_eq!(header["typ"], "logout+jwt");
        claims
    }
}
