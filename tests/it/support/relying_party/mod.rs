//! An application: asks for codes, redeems them, and hears of sign-outs at a listener of its own ([`ear`]). It
//! reads tokens with the `openidconnect` crate, never with the provider's code ([`tokens`]).

mod ear;
mod tokens;

use url::form_urlencoded;

pub use self::ear::{Ear, Notice, Reply};
pub use self::tokens::{Tokens, published_keys, verify, verify_by};
use super::provider::{PASSWORD, Provider, SECRET};
use super::visitor::{Answer, Visitor};

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
        self.ask_about("revoke", token, more).await
    }

    /// Asks about a token, with more fields.
    pub async fn introspect(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        self.ask_about("introspect", token, more).await
    }

    async fn ask_about(&self, endpoint: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let url = format!("{}/{endpoint}", self.issuer);
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
