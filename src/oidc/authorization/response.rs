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

impl ReplyTo {
    /// The answer that brings a code.
    pub fn success(&self, issuer: &Issuer, code: &str) -> Delivery {
        self.deliver(issuer, vec![("code", code.to_owned())])
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
        match self.response_mode {
            ResponseMode::Query => Delivery::Redirect(uri::with_query(&self.redirect_uri, &fields)),
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

    #[test]
    fn a_code_joins_the_query_that_the_redirect_uri_has() {
        let reply_to = reply_to("redirect_uri=https://a.example/cb?x=%252f&state=a%26b");
        assert_eq!(
            redirect(reply_to.success(&issuer(), "c1")),
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
        assert!(!redirect(reply_to.success(&issuer(), "c1")).contains("state"));
    }

    #[test]
    fn form_post_leaves_the_query_alone_and_the_values_as_they_were() {
        let delivery =
            reply_to("redirect_uri=https://a.example/cb&state=%3C%22&response_mode=form_post")
                .success(&issuer(), "c1");
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
