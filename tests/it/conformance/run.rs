//! One run of a module: an application asks, a person answers, and what comes back is looked at as the suite looks at
//! it in every module.

use std::fmt;

use openidconnect::CsrfToken;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::checks;
use super::house::Suite;
use super::party::Party;
use super::plans::Variant;
use crate::support::provider::PASSWORD;
use crate::support::visitor::{Answer, Visitor};

/// A module in one of its variants.
pub struct Run<'a> {
    /// The module and its provider.
    pub suite: &'a Suite,
    /// How the plan runs it.
    pub variant: Variant,
    /// The application.
    pub party: Party,
}

impl fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.suite.module, self.variant)
    }
}

/// An authorization request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    fields: Vec<(String, String)>,
}

impl Request {
    /// With a parameter, in the place of one of that name.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Without a parameter.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self
    }

    /// In the other order.
    pub fn reversed(mut self) -> Self {
        self.fields.reverse();
        self
    }

    /// A parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Its parameters.
    pub fn fields(&self) -> Vec<(&str, &str)> {
        let fields = self.fields.iter();
        fields
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }
}

/// Text that nobody can foresee.
pub fn random() -> String {
    CsrfToken::new_random().into_secret()
}

/// What the person went through, and what came to the redirect URI.
pub struct Callback {
    /// The pages that they were shown, by name, without the one that only posts the answer.
    pub pages: Vec<String>,
    /// The answer's parameters.
    pub fields: Vec<(String, String)>,
    run: String,
}

impl Callback {
    /// A parameter of the answer.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// One that must be there.
    pub fn expect(&self, name: &str) -> &str {
        let found = self.get(name);
        found.unwrap_or_else(|| panic!("{}: no {name}: {:?}", self.run, self.fields))
    }

    /// Whether the person had to give their password.
    pub fn asked_to_sign_in(&self) -> bool {
        self.pages.iter().any(|page| page == "page-sign-in")
    }
}

/// Everything that a run brought.
pub struct Outcome {
    /// The answer.
    pub callback: Callback,
    /// The claims of the ID token that came through the browser.
    pub front: Option<Value>,
    /// The token endpoint's answer.
    pub tokens: Option<Value>,
    /// The claims of the ID token that came with it.
    pub back: Option<Value>,
    /// What userinfo tells, where there is an access token to ask it with.
    pub userinfo: Option<Value>,
}

impl Outcome {
    /// The claims of the ID token, of the token endpoint's where there is one.
    pub fn id_claims(&self) -> &Value {
        let claims = self.back.as_ref().or(self.front.as_ref());
        claims.expect("every response type brings an ID token in the end")
    }

    /// The ID token itself.
    pub fn id_token(&self) -> &str {
        let back = self.tokens.as_ref().map(|tokens| &tokens["id_token"]);
        match back {
            Some(token) => token.as_str().unwrap(),
            None => self.callback.expect("id_token"),
        }
    }

    /// The access token, of the token endpoint's where there is one.
    pub fn access_token(&self) -> Option<&str> {
        match &self.tokens {
            Some(tokens) => tokens["access_token"].as_str(),
            None => self.callback.get("access_token"),
        }
    }

    /// Where the claims are that scopes ask for: userinfo, or the ID token where nothing else came (Core §5.4).
    pub fn about_the_person(&self) -> &Value {
        self.userinfo.as_ref().unwrap_or_else(|| self.id_claims())
    }
}

impl Run<'_> {
    /// The same module for another application.
    pub fn by(&self, party: Party) -> Run<'_> {
        Run {
            suite: self.suite,
            variant: self.variant,
            party,
        }
    }

    /// The request that every module begins with.
    pub fn request(&self) -> Request {
        let request = Request::default()
            .with("client_id", &self.party.client_id)
            .with("redirect_uri", &self.party.redirect_uri)
            .with("scope", "openid")
            .with("state", random())
            .with("nonce", random())
            .with("response_type", self.variant.response_type);
        if self.variant.form_post {
            request.with("response_mode", "form_post")
        } else {
            request
        }
    }

    /// Opens a request and follows it to the first page, or to the application.
    pub async fn open(&self, visitor: &Visitor, request: &Request) -> Answer {
        let mut url = Url::parse(self.suite.endpoint("authorization_endpoint")).unwrap();
        url.query_pairs_mut().extend_pairs(request.fields());
        let answer = visitor.get(url.as_str()).await;
        visitor.follow(answer, self.suite.issuer()).await
    }

    /// Does what the pages ask until there is an answer for the application.
    pub async fn answered(
        &self,
        visitor: &Visitor,
        mut answer: Answer,
        request: &Request,
    ) -> Callback {
        let mut pages = Vec::new();
        while answer.location().is_none() && answer.page() != "page-form-post" {
            assert!(pages.len() < 3, "{self}: {pages:?} without end");
            let page = answer.page();
            let fields: &[(&str, &str)] = match page.as_str() {
                "page-sign-in" => &[("username", "ada"), ("password", PASSWORD)],
                "page-consent" => &[("decision", "allow")],
                _ => panic!("{self}: {answer:?}"),
            };
            answer = visitor.submit(&answer, &answer.form(), fields).await;
            answer = visitor.follow(answer, self.suite.issuer()).await;
            pages.push(page);
        }
        self.delivered(pages, &answer, request)
    }

    /// Asks, and reads the answer, a refusal perhaps.
    pub async fn ask(&self, visitor: &Visitor, request: &Request) -> Callback {
        let answer = self.open(visitor, request).await;
        self.answered(visitor, answer, request).await
    }

    /// Asks; the answer must bring what the response type says.
    pub async fn succeed(&self, visitor: &Visitor, request: &Request) -> Callback {
        let callback = self.ask(visitor, request).await;
        self.check_success(&callback);
        callback
    }

    /// The answer, which must come as the response mode says, to the redirect URI as it is registered.
    fn delivered(&self, pages: Vec<String>, answer: &Answer, request: &Request) -> Callback {
        let registered = Url::parse(&self.party.redirect_uri).unwrap();
        let fields: Vec<(String, String)> = if self.variant.form_post {
            assert_eq!(answer.page(), "page-form-post", "{self}: {answer:?}");
            assert_eq!(answer.attributes("form", "method"), ["post"], "{self}");
            // The default is application/x-www-form-urlencoded.
            assert!(answer.attributes("form", "enctype").is_empty(), "{self}");
            let form = answer.form();
            assert_eq!(form.action, self.party.redirect_uri, "{self}");
            form.fields
        } else {
            let location = answer.location();
            let location = location.unwrap_or_else(|| panic!("{self}: {answer:?}"));
            let mut base = Url::parse(&location).unwrap();
            let text = if self.variant.in_fragment() {
                let fragment = base.fragment().unwrap_or_default().to_owned();
                base.set_fragment(None);
                fragment
            } else {
                assert_eq!(base.fragment(), None, "{self}: {location}");
                let query = base.query().unwrap_or_default().to_owned();
                base.set_query(registered.query());
                let own = registered
                    .query()
                    .map_or(String::new(), |own| format!("{own}&"));
                let rest = query.strip_prefix(&own);
                rest.unwrap_or_else(|| panic!("{self}: {location} lost the registered query"))
                    .to_owned()
            };
            assert_eq!(base, registered, "{self}: {location}");
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect()
        };
        for (index, (name, _)) in fields.iter().enumerate() {
            let again = fields[..index].iter().any(|(known, _)| known == name);
            assert!(!again, "{self}: {name} stands twice");
        }
        let callback = Callback {
            pages,
            fields,
            run: self.to_string(),
        };
        assert_eq!(callback.get("state"), request.get("state"), "{self}");
        if let Some(iss) = callback.get("iss") {
            assert_eq!(iss, self.suite.issuer(), "{self}");
        }
        callback
    }

    fn check_success(&self, callback: &Callback) {
        assert_eq!(callback.get("error"), None, "{self}: {:?}", callback.fields);
        for (name, word) in [
            ("code", "code"),
            ("id_token", "id_token"),
            ("access_token", "token"),
        ] {
            let there = callback.get(name).is_some();
            assert_eq!(there, self.variant.brings(word), "{self}: {name}");
        }
        if self.variant.brings("token") {
            let kind = callback.expect("token_type");
            assert!(kind.eq_ignore_ascii_case("bearer"), "{self}: {kind}");
            checks::seconds(self, &callback.expect("expires_in").parse().unwrap());
        }
    }

    /// Redeems a code.
    pub async fn redeem(&self, code: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.party.redirect_uri),
        ];
        fields.extend(more);
        let visitor = self.suite.browser();
        self.party.token(self.suite, &visitor, &fields).await
    }

    /// Asks userinfo, with the token in the header.
    pub async fn userinfo(&self, access_token: &str) -> Answer {
        let url = self.suite.endpoint("userinfo_endpoint");
        let visitor = self.suite.browser();
        let request = visitor.client().get(url).bearer_auth(access_token);
        visitor.send(url, request).await
    }

    /// A whole run: asks, and uses everything that comes.
    pub async fn complete(&self, visitor: &Visitor, request: &Request) -> Outcome {
        let callback = self.succeed(visitor, request).await;
        self.finish(callback, request, &[]).await
    }

    /// Uses everything that came; `more` goes to the token endpoint with the code.
    pub async fn finish(
        &self,
        callback: Callback,
        request: &Request,
        more: &[(&str, &str)],
    ) -> Outcome {
        let nonce = request.get("nonce");
        let front = callback.get("id_token").map(|token| {
            let claims = checks::id_token(self, token, nonce);
            let hashed = [
                ("c_hash", callback.get("code")),
                ("at_hash", callback.get("access_token")),
            ];
            checks::hashes(self, &claims, &hashed, true);
            claims
        });
        let (mut tokens, mut back) = (None, None);
        if let Some(code) = callback.get("code") {
            let answer = self.redeem(code, more).await;
            let answered = checks::tokens(self, &answer);
            let token = answered["id_token"].as_str();
            let token = token.unwrap_or_else(|| panic!("{self}: no id_token: {answered}"));
            let claims = checks::id_token(self, token, nonce);
            let hashed = [
                ("c_hash", Some(code)),
                ("at_hash", answered["access_token"].as_str()),
            ];
            checks::hashes(self, &claims, &hashed, false);
            if let Some(front) = &front {
                assert_eq!(front["sub"], claims["sub"], "{self}");
            }
            (tokens, back) = (Some(answered), Some(claims));
        }
        let mut outcome = Outcome {
            callback,
            front,
            tokens,
            back,
            userinfo: None,
        };
        if let Some(token) = outcome.access_token() {
            let answer = self.userinfo(token).await;
            let told = checks::userinfo(self, &answer, outcome.id_claims());
            outcome.userinfo = Some(told);
        }
        outcome
    }
}
