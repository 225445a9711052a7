//! Who may exchange what for what: all of it is declared, and what is not is refused.

use super::trusted::TrustedIssuer;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::scope::Scope;

/// How many parties a chain of actors may name, where nothing else is said.
pub const DEPTH: usize = 3;

/// Who exchanges tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// A client, by its `client_id`.
    Client(String),
    /// A service, by its identifier.
    Service(String),
}

impl Party {
    /// By what it is known, to us and in `act`.
    pub fn name(&self) -> &str {
        match self {
            Self::Client(name) | Self::Service(name) => name,
        }
    }
}

/// What a party may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Who.
    pub party: Party,
    /// The services whose tokens it may have.
    pub audiences: Vec<String>,
    /// The most that these allow; none: as much as the subject token and the service.
    pub scope: Option<Scope>,
    /// Whether they may say that somebody acts for the subject.
    pub delegation: bool,
    /// Whether they may look like the subject's own.
    pub impersonation: bool,
    /// Whether an ID token of its own does as a subject token.
    pub id_tokens: bool,
    /// The clients whose tokens a service may present. A client presents its own alone.
    pub subject_clients: Vec<String>,
    /// The trusted issuers whose tokens say for whom.
    pub subject_issuers: Vec<String>,
    /// The clients whose access tokens say who acts.
    pub actor_clients: Vec<String>,
    /// The trusted issuers whose tokens do.
    pub actor_issuers: Vec<String>,
}

impl Rule {
    /// Whether what comes of it can be a token of this client's.
    fn may_give_tokens_of(&self, client_id: &str) -> bool {
        match &self.party {
            Party::Client(name) => name == client_id,
            Party::Service(_) => self.subject_clients.iter().any(|known| known == client_id),
        }
    }
}

/// All that is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How many parties a chain of actors may name.
    pub depth: usize,
    /// Who may what. Of one party and one service there is one rule.
    pub rules: Vec<Rule>,
    /// Others whom we believe.
    pub issuers: Vec<TrustedIssuer>,
}

impl Default for Policy {
    /// Nobody may anything.
    fn default() -> Self {
        Self {
            depth: DEPTH,
            rules: Vec::new(),
            issuers: Vec::new(),
        }
    }
}

impl Policy {
    /// Whether it speaks of the party at all.
    ///
    /// # Errors
    /// `unauthorized_client`.
    pub fn check(&self, party: &Party) -> Result<(), OAuthError> {
        if self.rules.iter().any(|rule| rule.party == *party) {
            return Ok(());
        }
        Err(OAuthError::new(
            ErrorCode::UnauthorizedClient,
            "the policy lets this party exchange no tokens",
        ))
    }

    /// The rule for the party and the service.
    ///
    /// # Errors
    /// `invalid_target`, whether there is such a service or not.
    pub fn rule(&self, party: &Party, audience: &str) -> Result<&Rule, OAuthError> {
        let mut of_party = self.rules.iter().filter(|rule| rule.party == *party);
        let named = |rule: &&Rule| rule.audiences.iter().any(|known| known == audience);
        of_party.find(named).ok_or_else(unknown_target)
    }

    /// Whether a token of the client's can come to be for the service.
    pub fn leads_to(&self, client_id: &str, audience: &str) -> bool {
        self.rules.iter().any(|rule| {
            let leads = rule.audiences.iter().any(|known| known == audience);
            leads && rule.may_give_tokens_of(client_id)
        })
    }
}

/// There is no such service for this party, or none at all.
pub fn unknown_target() -> OAuthError {
    OAuthError::new(
        ErrorCode::InvalidTarget,
        "the policy names no such service for this party",
    )
}
