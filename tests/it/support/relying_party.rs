//! An application: asks for codes, redeems them, and hears of sign-outs at a listener of its own. It
//! reads tokens with the `openidconnect` crate, never with the provider's code.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use openidconnect::core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey as _, JsonWebKeyId};
use serde_json::Value;
use tokio::sync::Semaphore;
use url::form_urlencoded;

use super::eventually;
use super::provider::{PASSWORD, Provider, SECRET};
use super::server::serve;
use super::visitor::{Answer, Visitor, http_client};

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

/// Header and claims of a token that one of the issuer's published keys has signed.
pub async fn verify(issuer: &str, token: &str) -> (Value, Value) {
    verify_by(&published_keys(issuer).await, token)
}

/// The keys that an issuer publishes.
pub async fn published_keys(issuer: &str) -> CoreJsonWebKeySet {
    let url = format!("{issuer}/jwks");
    let answer = http_client().get(url).send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// As [`verify`], with keys that were fetched before.
pub fn verify_by(jwks: &CoreJsonWebKeySet, token: &str) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("no compact JWS: {token}")
    };
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header_json, claims) = (read(header), read(payload));
    let kid = JsonWebKeyId::new(header_json["kid"].as_str().unwrap().to_owned());
    let key = jwks
        .keys()
        .iter()
        .find(|key| key.key_id() == Some(&kid))
        .expect("the key is published");
    let algorithm: CoreJwsSigningAlgorithm =
        serde_json::from_value(header_json["alg"].clone()).unwrap();
    let message = format!("{header}.{payload}");
    key.verify_signature(
        &algorithm,
        message.as_bytes(),
        &URL_SAFE_NO_PAD.decode(signature).unwrap(),
    )
    .unwrap();
    (header_json, claims)
}

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The whole answer.
    pub all: Value,
}

impl Tokens {
    /// A token of it.
    pub fn get(&self, name: &str) -> String {
        self.all[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name}: {}", self.all))
            .to_owned()
    }

    /// The claims of the ID token.
    pub async fn id_claims(&self, issuer: &str) -> Value {
        verify(issuer, &self.get("id_token")).await.1
    }
}

/// An application as it asks: a client identifier and where it lives.
#[derive(Clone)]
pub struct RelyingParty {
    /// Its identifier.
    pub client_id: String,
    /// Where answers go.
    pub redirect_uri: String,
    issuer: String,
}

impl RelyingParty {
    /// The client `client_id`, whose first redirect URI is used.
    pub fn of(provider: &Provider, client_id: &str) -> Self {
        let known = provider
            .config
            .clients
            .iter()
            .find(|known| known.client_id == client_id)
            .unwrap();
        Self {
            client_id: client_id.to_owned(),
            redirect_uri: known.metadata.redirect_uris[0].clone(),
            issuer: provider.issuer.clone(),
        }
    }

    /// A client at an issuer that runs elsewhere.
    pub fn at(issuer: &str, client_id: &str, base: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            redirect_uri: format!("{base}/callback"),
            issuer: issuer.to_owned(),
        }
    }

    /// The address of an authorization request, with more parameters or others.
    pub fn authorize_url(&self, more: &[(&str, &str)]) -> String {
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", "openid"),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
        ];
        fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        fields.extend_from_slice(more);
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        format!("{}/authorize?{query}", self.issuer)
    }

    /// Signs ada in where that is needed; answers the redirect back to the application.
    pub async fn sign_in(&self, visitor: &Visitor, more: &[(&str, &str)]) -> Answer {
        let answer = visitor.get(&self.authorize_url(more)).await;
        let answer = visitor.follow(answer, &self.issuer).await;
        if answer.page() != "page-sign-in" {
            return answer;
        }
        let fields = [("username", "ada"), ("password", PASSWORD)];
        let answer = visitor.submit(&answer, &answer.form(), &fields).await;
        visitor.follow(answer, &self.issuer).await
    }

    /// Signs in and redeems the code.
    pub async fn tokens(&self, visitor: &Visitor, more: &[(&str, &str)]) -> Tokens {
        let answer = self.sign_in(visitor, more).await;
        let code = answer
            .parameter("code")
            .unwrap_or_else(|| panic!("no code: {answer:?}"));
        let answer = self.redeem(&code, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Tokens { all: answer.json() }
    }

    /// Redeems a code, with more parameters.
    pub async fn redeem(&self, code: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.redirect_uri.as_str()),
        ];
        fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        fields.extend_from_slice(more);
        self.token(&fields).await
    }

    /// Uses a refresh token.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ])
        .await
    }

    /// Asks the token endpoint, with [`SECRET`] in the header.
    pub async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.token_over(&Visitor::default(), fields).await
    }

    /// As [`RelyingParty::token`], over a client of the test's own.
    pub async fn token_over(&self, visitor: &Visitor, fields: &[(&str, &str)]) -> Answer {
        let url = format!("{}/token", self.issuer);
        let request = visitor
            .client()
            .post(&url)
            .basic_auth(&self.client_id, Some(SECRET))
            .form(fields);
        visitor.send(&url, request).await
    }

    /// Takes a token back, with more fields.
    pub async fn revoke(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let url = format!("{}/revoke", self.issuer);
        let visitor = Visitor::default();
        let fields = [&[("token", token)], more].concat();
        let request = visitor.client().post(&url).form(&fields);
        let request = request.basic_auth(&self.client_id, Some(SECRET));
        visitor.send(&url, request).await
    }

    /// Asks about a token, with more fields.
    pub async fn introspect(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let url = format!("{}/introspect", self.issuer);
        let visitor = Visitor::default();
        let fields = [&[("token", token)], more].concat();
        let request = visitor.client().post(&url).form(&fields);
        let request = request.basic_auth(&self.client_id, Some(SECRET));
        visitor.send(&url, request).await
    }

    /// Asks userinfo.
    pub async fn userinfo(&self, access_token: &str) -> Answer {
        let url = format!("{}/userinfo", self.issuer);
        let visitor = Visitor::default();
        visitor
            .send(&url, visitor.client().get(&url).bearer_auth(access_token))
            .await
    }

    /// The address of a request to sign out.
    pub fn end_session_url(&self, fields: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        format!("{}/end_session?{query}", self.issuer)
    }
}
