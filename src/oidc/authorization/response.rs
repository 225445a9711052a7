//! The answer of the authorization endpoint (Core §3.1.2.5, §3.1.2.6), always with `iss` (RFC 9207).

use crate::oidc::authorization::{ReplyTo, ResponseMode};
use crate::oidc::error::OAuthError;
use crate::oidc::issuer::Issuer;
use crate::oidc::uri;

/// How an answer reaches the client. No `Debug`: it may hold a code.
#[derive(Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Send the browser to this URL.
    Redirect(String),
    /// Have the browser post these fields there (Form Post Response Mode §2).
    FormPost {
        /// The redirect URI.
        action: String,
        /// Names and values, not yet escaped for HTML.
        fields: Vec<(&'static str, String)>,
    },
}

/// What a successful answer brings, as the response type asks. No `Debug`: all of it is secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Granted {
    /// A code.
    pub code: Option<String>,
    /// An access token, and for how many seconds it is good.
    pub access_token: Option<(String, i64)>,
    /// An ID token.
    pub id_token: Option<String>,
}

impl ReplyTo {
    /// The same, whose answers tell the browser's state too: successes and refusals (Session Management 1.0 §2, §3.1).
    pub fn telling(self, session_state: Option<String>) -> Self {
        Self {
            session_state,
            ..self
        }
    }

    /// The answer that brings what was granted (Core §3.1.2.5, §3.2.2.5, §3.3.2.5).
    pub fn success(&self, issuer: &Issuer, granted: Granted) -> Delivery {
        let mut fields = Vec::new();
        if let Some(code) = granted.code {
            fields.push(("code", code));
        }
        if let Some((access_token, seconds)) = granted.access_token {
            fields.push(("access_token", access_token));
            fields.push(("token_type", "Bearer".to_owned()));
            fields.push(("expires_in", seconds.to_string()));
        }
        if let Some(id_token) = granted.id_token {
            fields.push(("id_token", id_token));
        }
        self.deliver(issuer, fields)
    }

    /// The answer that brings a refusal.
    pub fn error(&self, issuer: &Issuer, refusal: &OAuthError) -> Delivery {
        self.deliver(
            issuer,
            vec![
                ("error", refusal.error.to_string()),
                ("error_description", refusal.description.to_string()),
            ],
        )
    }

    fn deliver(&self, issuer: &Issuer, mut fields: Vec<(&'static str, String)>) -> Delivery {
        if let Some(state) = &self.state {
            fields.push(("state", state.clone()));
        }
        fields.push(("iss", issuer.as_str().to_owned()));
        if let Some(session_state) = &self.session_state {
            fields.push(("session_state", session_state.clone()));
        }
        match self.response_mode {
            ResponseMode::Query => Delivery::Redirect(uri::with_query(&self.redirect_uri, &fields)),
            ResponseMode::Fragment => {
                Delivery::Redirect(uri::with_fragment(&self.redirect_uri, &fields))
            }
            ResponseMode::FormPost => Delivery::FormPost {
                action: self.redirect_uri.clone(),
                fields,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::authorization::tests::{client, issuer};
    use crate::oidc::params::Params;

    fn reply_to(rest: &str) -> ReplyTo {
        let mut client = client();
        client
            .metadata
            .redirect_uris
            .push("https://a.example/cb?x=%2f".to_owned());
        ReplyTo::establish(&Params::parse(rest.as_bytes()).unwrap(), &client).unwrap()
    }

    fn redirect(delivery: Delivery) -> String {
        match delivery {
            Delivery::Redirect(url) => url,
            Delivery::FormPost { .. } => panic!("posted"),
        }
    }

    fn code() -> Granted {
        Granted {
            code: Some("c1".to_owned()),
            ..Granted::default()
        }
    }

    #[test]
    fn tokens_travel_in_the_fragment_and_so_do_refusals_to_bring_them() {
        let reply_to =
            reply_to("redirect_uri=https://a.example/cb&response_type=code+token&state=s");
        let granted = Granted {
            access_token: Some(("t1".to_owned(), 600)),
            ..code()
        };
        assert_eq!(
            redirect(reply_to.success(&issuer(), granted)),
            "https://a.example/cb#code=c1&access_token=t1&token_type=Bearer&expires_in=600&state=s&iss=https%3A%2F%2Fid.example"
        );
        let refusal = OAuthError::invalid_request("no");
        assert_eq!(
            redirect(reply_to.error(&issuer(), &refusal)),
            "https://a.example/cb#error=invalid_request&error_description=no&state=s&iss=https%3A%2F%2Fid.example"
        );
    }

    #[test]
    fn a_code_joins_the_query_that_the_redirect_uri_has() {
        let reply_to = reply_to("redirect_uri=https://a.example/cb?x=%252f&state=a%26b");
        assert_eq!(
            redirect(reply_to.success(&issuer(), code())),
            "https://a.example/cb?x=%2f&code=c1&state=a%26b&iss=https%3A%2F%2Fid.example"
        );
    }

    /// Attack 14: an answer that another provider's could be mistaken for.
    #[test]
    fn refusals_carry_state_and_iss_as_well() {
        let reply_to = reply_to("redirect_uri=https://a.example/cb&state=s");
        let refusal = OAuthError::invalid_request("no more");
        assert_eq!(
            redirect(reply_to.error(&issuer(), &refusal)),
            "https://a.example/cb?error=invalid_request&error_description=no%20more&state=s&iss=https%3A%2F%2Fid.example"
        );
    }

    #[test]
    fn without_a_state_none_is_made_up() {
        let reply_to = reply_to("redirect_uri=https://a.example/cb");
        assert!(!redirect(reply_to.success(&issuer(), code())).contains("state"));
    }

    #[test]
    fn form_post_leaves_the_query_alone_and_the_values_as_they_were() {
        let delivery =
            reply_to("redirect_uri=https://a.example/cb&state=%3C%22&response_mode=form_post")
                .success(&issuer(), code());
        let Delivery::FormPost { action, fields } = delivery else {
            panic!("redirected")
        };
        assert_eq!(action, "https://a.example/cb");
        let expected = [
            ("code", "c1"),
            ("state", "<\""),
            ("iss", "https://id.example"),
        ];
        assert_eq!(
            fields,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }
}
