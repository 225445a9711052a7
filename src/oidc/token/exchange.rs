//! A token becomes another one (RFC 8693): what is asked for, and what the new token says. Who may ([`policy`]) and what
//! others' tokens say ([`trusted`]) have rules of their own.
//!
//! What comes of an exchange is as old as the token that it came from (`iat`), belongs to the same session, grant and
//! client, and does not live longer: so whatever takes back the one, by a moment, a session, a grant or a person, names the
//! other too.

pub mod policy;
pub mod trusted;

use serde::{Deserialize, Serialize};

use self::policy::{Party, Rule};
use self::trusted::MayAct;
use crate::clock::Timestamp;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::params::Params;
use crate::oidc::scope::Scope;
use crate::oidc::service::{Service, TokenFormat};
use crate::oidc::token::access_token::AccessTokenClaims;

/// How the grant is called at the token endpoint (§2.1).
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A kind of token (§3), of those that are given and taken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum TokenKind {
    /// An access token of ours.
    #[serde(rename = "urn:ietf:params:oauth:token-type:access_token")]
    AccessToken,
    /// An ID token of ours.
    #[serde(rename = "urn:ietf:params:oauth:token-type:id_token")]
    IdToken,
    /// A JWT: given, an access token that is one; taken, one of a trusted issuer's.
    #[serde(rename = "urn:ietf:params:oauth:token-type:jwt")]
    Jwt,
}

impl TokenKind {
    fn read(params: &Params, name: &str) -> Result<Self, OAuthError> {
        match params.require(name)? {
            "urn:ietf:params:oauth:token-type:access_token" => Ok(Self::AccessToken),
            "urn:ietf:params:oauth:token-type:id_token" => Ok(Self::IdToken),
            "urn:ietf:params:oauth:token-type:jwt" => Ok(Self::Jwt),
            _ => Err(OAuthError::invalid_request(format!(
                "{name} is no kind of token that is known here"
            ))),
        }
    }
}

/// What is asked for (§2.1). No `Debug`: it holds tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct ExchangeRequest {
    /// On whose behalf.
    pub subject_token: String,
    /// What that is.
    pub subject_kind: TokenKind,
    /// Who acts, if a token says so, and what that is.
    pub actor: Option<(String, TokenKind)>,
    /// What is to be given.
    pub requested: TokenKind,
    /// A smaller scope than there could be.
    pub scope: Option<Scope>,
    /// The service that the new token is to be for.
    pub audience: String,
}

impl ExchangeRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// `invalid_request`, `invalid_scope`; `invalid_target` unless `resource` or `audience` names one service (§2.2.2, RFC
    /// 8707 §2).
    pub fn parse(params: &Params) -> Result<Self, OAuthError> {
        let subject_token = params.require("subject_token")?.to_owned();
        let subject_kind = TokenKind::read(params, "subject_token_type")?;
        let actor = match params.get("actor_token") {
            Some(token) => Some((
                token.to_owned(),
                TokenKind::read(params, "actor_token_type")?,
            )),
            // §2.1: it must not stand alone.
            None if params.get("actor_token_type").is_some() => {
                return Err(OAuthError::invalid_request(
                    "actor_token_type stands there without an actor_token",
                ));
            }
            None => None,
        };
        let requested = match params.get("requested_token_type") {
            None => TokenKind::AccessToken,
            Some(_) => TokenKind::read(params, "requested_token_type")?,
        };
        if requested == TokenKind::IdToken {
            return Err(OAuthError::invalid_request(
                "requested_token_type must be an access token or a jwt",
            ));
        }
        let scope = params.get("scope").map(Scope::parse).transpose()?;
        let mut targets = params.all("resource").chain(params.all("audience"));
        let target = |why| OAuthError::new(ErrorCode::InvalidTarget, why);
        let first = targets
            .next()
            .ok_or_else(|| target("name the service that the token is to be for: resource"))?;
        if targets.any(|other| other != first) {
            return Err(target(
                "a token is for one service; ask for another token for each",
            ));
        }
        Ok(Self {
            subject_token,
            subject_kind,
            actor,
            requested,
            scope,
            audience: first.to_owned(),
        })
    }
}

/// Who acts (§4.1), and for whom they act in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Who: a client's or a service's identifier, or a person as a client knows them.
    pub sub: String,
    /// Whose name that is, if it is not one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Who acted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Actor>>,
}

impl Actor {
    /// How many parties the chain names.
    fn depth(&self) -> usize {
        std::iter::successors(Some(self), |actor| actor.act.as_deref()).count()
    }
}

/// A subject token that is good and that the party may present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// What the new token says too. Of `scope` and `exp` it has no more than this; `aud` and `jti` are its own.
    pub claims: AccessTokenClaims,
    /// Whether we made it for the client that presents it.
    pub is_own: bool,
    /// Who alone may act, if the token says so.
    pub may_act: Option<MayAct>,
}

/// An actor token that is good and that the party may present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// Who acts.
    pub actor: Actor,
    /// When the token is no longer good, in seconds since 1970.
    pub expires_at: i64,
}

/// All that decides about a new token.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// Who asks.
    pub party: &'a Party,
    /// The rule that speaks of them and of the service.
    pub rule: &'a Rule,
    /// What they ask for.
    pub request: &'a ExchangeRequest,
    /// Whom the new token is to be for.
    pub service: &'a Service,
    /// Who acts, by their token.
    pub acting: Option<&'a Acting>,
    /// How many parties a chain of actors may name.
    pub depth: usize,
}

impl Exchange<'_> {
    /// What the new token says (§2.2, §4.1), under the name `jti`.
    ///
    /// # Errors
    /// `invalid_request` where the policy does not let them, or the chain of actors would be too long; `invalid_scope`.
    pub fn child(
        &self,
        subject: &Subject,
        jti: &str,
        now: Timestamp,
    ) -> Result<AccessTokenClaims, OAuthError> {
        if self.request.requested == TokenKind::Jwt && self.service.format != TokenFormat::Jwt {
            return Err(OAuthError::invalid_request(
                "tokens for this service are no jwt; leave requested_token_type away",
            ));
        }
        let act = self.act(subject)?;
        let lifetime = (now + self.service.lifetime).timestamp();
        let acting = self.acting.map_or(i64::MAX, |acting| acting.expires_at);
        Ok(AccessTokenClaims {
            aud: self.service.identifier.clone(),
            exp: lifetime.min(subject.claims.exp).min(acting),
            jti: jti.to_owned(),
            scope: self.scope(subject)?,
            act,
            ..subject.claims.clone()
        })
    }

    /// Who acts, by the new token: whoever the actor token names, else the party, unless it may pass for the subject or the
    /// token was its own. Who acted before stays in the chain.
    fn act(&self, subject: &Subject) -> Result<Option<Actor>, OAuthError> {
        let before = subject.claims.act.clone();
        let party = Actor {
            sub: self.party.name().to_owned(),
            iss: None,
            act: None,
        };
        let acts = match self.acting {
            Some(acting) if self.rule.delegation => Some(acting.actor.clone()),
            Some(_) => {
                return Err(OAuthError::invalid_request(
                    "the policy lets nobody act for another here: leave actor_token away",
                ));
            }
            None if subject.is_own || self.rule.impersonation => None,
            None if self.rule.delegation => Some(party.clone()),
            None => {
                return Err(OAuthError::invalid_request(
                    "the policy lets this party neither pass for others nor act for them",
                ));
            }
        };
        // §4.4. Whoever passes for the subject acts too.
        let who = acts.as_ref().unwrap_or(&party);
        if let Some(may_act) = &subject.may_act
            && !may_act.names(who)
        {
            return Err(OAuthError::invalid_request(
                "the subject_token names another who may act (may_act)",
            ));
        }
        let chain = match acts {
            Some(actor) => Some(Actor {
                act: before.map(Box::new),
                ..actor
            }),
            None => before,
        };
        if chain.as_ref().is_some_and(|act| act.depth() > self.depth) {
            return Err(OAuthError::invalid_request(
                "too many act for one another: the chain would be too long",
            ));
        }
        Ok(chain)
    }

    /// What the subject token, the service and the rule have in common, or less.
    fn scope(&self, subject: &Subject) -> Result<Scope, OAuthError> {
        let most = subject.claims.scope.intersect(&self.service.scope);
        let most = match &self.rule.scope {
            Some(scope) => most.intersect(scope),
            None => most,
        };
        match &self.request.scope {
            None => Ok(most),
            Some(asked) if asked.is_subset(&most) => Ok(asked.clone()),
            Some(_) => Err(OAuthError::new(
                ErrorCode::InvalidScope,
                "the scope is more than the subject_token, the service and the policy have in common",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
