//! A house of the tests' own, which says what a test wants of whom it wants: an OpenID Provider, or one without ID tokens.
//! Nobody signs in there: a test takes the question out of the address to which we send people, and answers it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeunt::config::{Config, DeclaredUpstream, Place};
use exeunt::oidc::upstream::Upstream;
use exeunt::oidc::upstream::oauth2::OAuth2;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::watch;
use url::{Url, form_urlencoded};

use super::house;
use crate::support::client_key::ClientKey;
use crate::support::ledger::{HOME, open};
use crate::support::provider::{Provider, SECRET, Wish, metadata, provider};
use crate::support::relying_party::{RelyingParty, verify};
use crate::support::server::serve;
use crate::support::visitor::{Answer, Visitor};

/// How it behaves.
pub struct Manner {
    /// What signs its ID tokens.
    pub key: ClientKey,
    /// The keys that it publishes.
    pub published: Value,
    /// What its token endpoint says beside the tokens, or in their place.
    pub tokens: Value,
    /// Whether there is an ID token among them.
    pub gives_id_tokens: bool,
    /// Whether there is a refresh token among them, another each time.
    pub gives_refresh_tokens: bool,
    /// The status and the body of userinfo; without, it says what the ID token says.
    pub userinfo: Option<(u16, String)>,
    /// What its metadata say beside.
    pub says: Value,
    /// What it puts into `Date`.
    pub date: Option<String>,
}

/// What a code is worth.
struct Sold {
    challenge: String,
    claims: Value,
}

struct Inner {
    manner: Manner,
    sold: HashMap<String, Sold>,
    bearers: HashMap<String, Value>,
    asked: Vec<String>,
    redeemed: Vec<HashMap<String, String>>,
    revoked: Vec<String>,
    held: watch::Sender<BTreeSet<&'static str>>,
}

/// The house.
#[derive(Clone)]
pub struct Stub {
    /// Its issuer.
    pub base: String,
    inner: Arc<Mutex<Inner>>,
}

/// Our house, with some of these as upstreams, and an application of ours.
pub struct Ours {
    pub provider: Provider,
    pub party: RelyingParty,
}

impl Stub {
    /// Opens at a free port.
    pub fn open() -> Self {
        let key = ClientKey::generate();
        let manner = Manner {
            published: key.jwks(),
            key,
            tokens: json!({ "token_type": "Bearer" }),
            gives_id_tokens: true,
            gives_refresh_tokens: false,
            userinfo: None,
            says: json!({}),
            date: None,
        };
        let inner = Arc::new(Mutex::new(Inner {
            manner,
            sold: HashMap::new(),
            bearers: HashMap::new(),
            asked: Vec::new(),
            redeemed: Vec::new(),
            revoked: Vec::new(),
            held: watch::Sender::default(),
        }));
        let data = web::Data::from(Arc::clone(&inner));
        let (port, _) = serve(None, move |app| {
            app.app_data(data.clone()).default_service(web::to(answer));
        });
        Self {
            base: format!("http://127.0.0.1:{port}"),
            inner,
        }
    }

    /// Changes how it behaves.
    pub fn behave(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.inner.lock().unwrap().manner);
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let inner = self.inner.lock().unwrap();
        inner.asked.iter().filter(|asked| *asked == path).count()
    }

    /// The forms that brought codes, in order.
    pub fn redeemed(&self) -> Vec<HashMap<String, String>> {
        self.inner.lock().unwrap().redeemed.clone()
    }

    /// The refresh tokens that were taken back, in order.
    pub fn revoked(&self) -> Vec<String> {
        self.inner.lock().unwrap().revoked.clone()
    }

    /// From now on whoever asks at `path` waits for the answer.
    pub fn hold(&self, path: &'static str) {
        let inner = self.inner.lock().unwrap();
        inner.held.send_modify(|held| {
            held.insert(path);
        });
    }

    /// Whoever waits there gets it.
    pub fn release(&self, path: &'static str) {
        let inner = self.inner.lock().unwrap();
        inner.held.send_modify(|held| {
            held.remove(path);
        });
    }

    /// How ours knows it: everybody may come in.
    pub fn upstream(&self) -> Upstream {
        house(&self.base)
    }

    /// The same, where it is no OpenID Provider.
    pub fn plain_upstream(&self) -> Upstream {
        self.behave(|manner| manner.gives_id_tokens = false);
        Upstream {
            scope: String::new(),
            oauth2: Some(OAuth2 {
                authorization_endpoint: format!("{}/authorize", self.base),
                token_endpoint: format!("{}/token", self.base),
                userinfo_endpoint: format!("{}/userinfo", self.base),
                subject_claim: "id".to_owned(),
            }),
            ..self.upstream()
        }
    }

    /// The answer to the question to which `location` leads: a code for somebody of whom this is said. `now` is the time
    /// of its tokens.
    pub fn answer(&self, location: &str, claims: &Value, now: i64) -> String {
        let question = Url::parse(location).unwrap();
        assert!(
            location.starts_with(&format!("{}/authorize?", self.base)),
            "{location}"
        );
        let asked = |name: &str| {
            let mut pairs = question.query_pairs();
            pairs
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.into_owned())
        };
        let mut whole = json!({
            "iss": self.base, "aud": "exeunt", "iat": now, "exp": now + 300, "nonce": asked("nonce"), "auth_time": now,
        });
        whole
            .as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        let mut inner = self.inner.lock().unwrap();
        let code = format!("code-of-the-other-house-{}", inner.sold.len());
        let sold = Sold {
            challenge: asked("code_challenge").unwrap(),
            claims: whole,
        };
        inner.sold.insert(code.clone(), sold);
        let mut back = Url::parse(&asked("redirect_uri").unwrap()).unwrap();
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &asked("state").unwrap());
        back.into()
    }
}

async fn answer(inner: web::Data<Mutex<Inner>>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let (response, mut held) = {
        let mut inner = inner.lock().unwrap();
        (inner.answer(&request, &body), inner.held.subscribe())
    };
    // Who holds it lives as long as the house.
    let _ = held.wait_for(|held| !held.contains(request.path())).await;
    response
}

impl Inner {
    fn answer(&mut self, request: &HttpRequest, body: &[u8]) -> HttpResponse {
        self.asked.push(request.path().to_owned());
        let host = request.connection_info().host().to_owned();
        let base = format!("http://{host}");
        let mut response = match request.path() {
            "/.well-known/openid-configuration" => {
                let mut said = json!({
                    "issuer": base, "authorization_endpoint": format!("{base}/authorize"),
                    "token_endpoint": format!("{base}/token"), "jwks_uri": format!("{base}/jwks"),
                    "userinfo_endpoint": format!("{base}/userinfo"), "id_token_signing_alg_values_supported": ["ES256"],
                });
                if self.manner.gives_refresh_tokens {
                    said["revocation_endpoint"] = format!("{base}/revoke").into();
                }
                let more = self.manner.says.as_object().unwrap().clone();
                said.as_object_mut().unwrap().extend(more);
                HttpResponse::Ok().json(said)
            }
            "/jwks" => HttpResponse::Ok().json(&self.manner.published),
            "/token" => self.redeem(body),
            "/userinfo" => self.userinfo(request),
            "/revoke" => {
                let mut form = form_urlencoded::parse(body);
                let token = form.find(|(name, _)| name == "token").unwrap().1;
                self.revoked.push(token.into_owned());
                HttpResponse::Ok().finish()
            }
            _ => HttpResponse::NotFound().finish(),
        };
        if let Some(date) = &self.manner.date {
            let header = (actix_web::http::header::DATE, date.parse().unwrap());
            response.headers_mut().insert(header.0, header.1);
        }
        response
    }

    fn redeem(&mut self, body: &[u8]) -> HttpResponse {
        let form: HashMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        self.redeemed.push(form.clone());
        let Some(sold) = form.get("code").and_then(|code| self.sold.remove(code)) else {
            return HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" }));
        };
        // RFC 7636 §4.6.
        let verifier = form.get("code_verifier").map_or("", String::as_str);
        let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
        if URL_SAFE_NO_PAD.encode(hash) != sold.challenge {
            return HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" }));
        }
        let access_token = format!("access-token-of-the-other-house-{}", self.redeemed.len());
        let mut given = json!({ "access_token": access_token });
        if self.manner.gives_id_tokens {
            let key = &self.manner.key;
            given["id_token"] = key.sign(&key.header(), &sold.claims).into();
        }
        if self.manner.gives_refresh_tokens {
            let number = self.redeemed.len();
            given["refresh_token"] = format!("refresh-token-of-the-other-house-{number}").into();
        }
        let more = self.manner.tokens.as_object().unwrap().clone();
        given.as_object_mut().unwrap().extend(more);
        self.bearers.insert(access_token, sold.claims);
        HttpResponse::Ok().json(given)
    }

    fn userinfo(&self, request: &HttpRequest) -> HttpResponse {
        let header = request.headers().get("authorization");
        let bearer = header.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let Some(claims) = bearer.and_then(|bearer| self.bearers.get(bearer)) else {
            return HttpResponse::Unauthorized().finish();
        };
        match &self.manner.userinfo {
            None => HttpResponse::Ok().json(claims),
            Some((status, body)) => {
                let status = actix_web::http::StatusCode::from_u16(*status).unwrap();
                HttpResponse::build(status).body(body.clone())
            }
        }
    }
}

impl Ours {
    /// Starts ours with these upstreams.
    pub async fn with(upstreams: Vec<Upstream>, change: impl FnOnce(Wish) -> Wish) -> Self {
        let declare = |config: &mut Config| {
            for upstream in upstreams {
                config.upstreams.push(DeclaredUpstream {
                    upstream,
                    secret: Some(SecretString::from(SECRET)),
                    place: Place::Program,
                });
            }
        };
        let wish = provider().await.client("ledger", metadata(HOME));
        let provider = change(wish.configure(declare)).start().await;
        let party = RelyingParty::of(&provider, "ledger");
        Self { provider, party }
    }

    /// From an authorization request by the button of `id` to where that leads.
    pub async fn sent(&self, visitor: &Visitor, id: &str, more: &[(&str, &str)]) -> String {
        let page = open(visitor, &self.party.authorize_url(more)).await;
        let form = page.form_of(&format!("#upstream-{id}"));
        let form = form.unwrap_or_else(|| panic!("no button: {page:?}"));
        let sent = visitor.submit(&page, &form, &[]).await;
        sent.location()
            .unwrap_or_else(|| panic!("it leads nowhere: {sent:?}"))
    }

    /// The whole way of somebody of whom the stub says this; answers where we send them in the end.
    pub async fn sign_in(&self, visitor: &Visitor, stub: &Stub, claims: &Value) -> Answer {
        let location = self.sent(visitor, "house", &[]).await;
        let back = stub.answer(&location, claims, self.now());
        self.come_back(visitor, &back).await
    }

    /// Follows what leads back to us to where we send them.
    pub async fn come_back(&self, visitor: &Visitor, back: &str) -> Answer {
        let answer = visitor.get(back).await;
        visitor.follow(answer, &self.provider.issuer).await
    }

    /// The claims of the ID token and of userinfo that the application gets for a code.
    pub async fn told(&self, answer: &Answer) -> (Value, Value) {
        let code = answer.parameter("code");
        let code = code.unwrap_or_else(|| panic!("no code: {answer:?}"));
        let tokens = self.party.redeem(&code, &[]).await.json();
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        let claims = verify(&self.provider.issuer, &text("id_token")).await.1;
        let userinfo = self.party.userinfo(&text("access_token")).await;
        (claims, userinfo.json())
    }

    /// Who that is at the application.
    pub async fn subject(&self, answer: &Answer) -> String {
        self.told(answer).await.0["sub"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Our clock.
    pub fn now(&self) -> i64 {
        self.provider.flows().clock.now().timestamp()
    }
}

/// Why nobody signed in: the sign-in page says it.
pub fn notice(answer: &Answer) -> String {
    assert_eq!(answer.page(), "page-sign-in", "{answer:?}");
    answer.text("#notice").unwrap_or_default()
}
