//! The tokens that are presented to be exchanged: whether they are good, and this party's to present.

use uuid::Uuid;

use super::{Exchanger, Parent, Stop};
use crate::clock::Timestamp;
use crate::config::canonical_name;
use crate::flows::Provider;
use crate::flows::access::{self, Good, Presence};
use crate::flows::redeem::granted_scope;
use crate::flows::trusted_issuers::{self, Checked};
use crate::jose::{self, ClientJwt};
use crate::oidc::client::Client;
use crate::oidc::error::{ErrorCode, OAuthError};
use crate::oidc::scope::Scope;
use crate::oidc::token::access_token::{self, AccessTokenClaims};
use crate::oidc::token::exchange::policy::Rule;
use crate::oidc::token::exchange::trusted::{self, TrustedIssuer, Vouched};
use crate::oidc::token::exchange::{Acting, Actor, Subject, TokenKind};
use crate::oidc::token::id_token::{self, IdTokenClaims};
use crate::store::revocations::TokenName;
use crate::store::{grants, participants, revocations, sessions, users};

/// What every token is told to be that is not good, or not theirs: who finds or steals one learns nothing of it.
pub(super) fn not_good() -> OAuthError {
    OAuthError::invalid_request(
        "a token is none that is good now and that this party may present; or what is said of its type is not so",
    )
}

/// A subject token, and what it was issued under.
pub(super) struct Seen {
    pub subject: Subject,
    pub user_id: Option<Uuid>,
    pub behind: Behind,
}

/// What a new token hangs on.
pub(super) enum Behind {
    /// What the token of ours hangs on, and by what it can be taken back.
    Ours(Parent),
    /// A grant of its own, to be written.
    Vouched {
        grant: Uuid,
        user_id: Uuid,
        client_id: String,
    },
}

/// A look at what is presented.
pub(super) struct Look<'a> {
    pub provider: &'a Provider,
    pub exchanger: &'a Exchanger,
    pub rule: &'a Rule,
    pub now: Timestamp,
}

impl Look<'_> {
    /// For whom the new token is to be.
    pub async fn subject(&self, kind: TokenKind, token: &str) -> Result<Seen, Stop> {
        match kind {
            TokenKind::AccessToken => {
                let good = self.own(token, &self.rule.subject_clients).await?;
                let is_own = match self.exchanger {
                    Exchanger::Client(_) => true,
                    Exchanger::Service(_) => false,
                };
                Ok(Seen {
                    behind: Behind::Ours(parent(&good)?),
                    user_id: good.user.map(|user| user.id),
                    subject: Subject {
                        claims: good.claims,
                        is_own,
                        may_act: None,
                    },
                })
            }
            TokenKind::IdToken => self.id_token(token).await,
            TokenKind::Jwt => self.vouched_subject(token).await,
        }
    }

    /// Who acts, and by which token of ours.
    pub async fn actor(
        &self,
        kind: TokenKind,
        token: &str,
    ) -> Result<(Acting, Option<Parent>), Stop> {
        match kind {
            TokenKind::AccessToken => {
                let good = self.own(token, &self.rule.actor_clients).await?;
                let parent = parent(&good)?;
                let claims = good.claims;
                let is_named = self.rule.actor_clients.contains(&claims.client_id);
                // Somebody for whom another acts is no actor.
                if !is_named || claims.act.is_some() {
                    return Err(not_good().into());
                }
                let acting = acting(claims.sub, None, claims.exp);
                Ok((acting, Some(parent)))
            }
            TokenKind::Jwt => {
                let allowed = &self.rule.actor_issuers;
                let (trusted, vouched) = self.vouched(token, allowed).await?;
                if vouched.act.is_some() {
                    return Err(not_good().into());
                }
                let iss = Some(trusted.issuer.clone());
                Ok((acting(vouched.sub, iss, vouched.exp), None))
            }
            TokenKind::IdToken => Err(not_good().into()),
        }
    }

    /// An access token of ours: presented by its client, or by its service if it is one of these clients'.
    async fn own(&self, token: &str, clients: &[String]) -> Result<Good, Stop> {
        // A signed one has three parts, and no other has. Of what is encrypted under a key that its service has too,
        // nobody knows who made it.
        if token.split('.').count() != 3 {
            return Err(OAuthError::invalid_request(
                "only a signed token can be exchanged: take the one inside, if it is encrypted to a public key",
            )
            .into());
        }
        let asked = access::good(self.provider, token, Presence::AskedAbout).await?;
        let good = asked.map_err(|_told_nobody| not_good())?;
        let may_present = match self.exchanger {
            Exchanger::Client(client) => good.claims.client_id == client.client_id,
            Exchanger::Service(identifier) => {
                good.claims.aud == *identifier && clients.contains(&good.claims.client_id)
            }
        };
        match may_present {
            true => Ok(good),
            false => Err(not_good().into()),
        }
    }

    /// An ID token of ours, presented by its client: it stands for what its person allowed the client in that session.
    async fn id_token(&self, token: &str) -> Result<Seen, Stop> {
        let Exchanger::Client(client) = self.exchanger else {
            return Err(not_good().into());
        };
        let (provider, now) = (self.provider, self.now);
        let signed = jose::verify_own(&provider.keys, token, Some(id_token::TYPE), now);
        let read = signed.map_err(|_told_nobody| not_good())?;
        let claims = IdTokenClaims::read_hint(read, &provider.config.issuer)
            .filter(|claims| now.timestamp() < claims.exp && claims.aud == client.client_id)
            .filter(|_| self.rule.id_tokens)
            .ok_or_else(not_good)?;
        let db = provider.database.read();
        let sid = claims.sid.as_deref().map(str::parse::<Uuid>);
        let sid = sid.and_then(Result::ok).ok_or_else(not_good)?;
        let part = participants::find_living(db, sid).await?;
        let part = part
            .filter(|part| part.client_id == client.client_id)
            .ok_or_else(not_good)?;
        let session = sessions::find_living(db, part.session_id, provider.alive(now)).await?;
        let session = session.ok_or_else(not_good)?;
        let grant = grants::find_newest(db, session.id, &client.client_id).await?;
        let grant = grant.ok_or_else(not_good)?;
        let issued_at = chrono::DateTime::from_timestamp(claims.iat, 0).ok_or_else(not_good)?;
        let named = revocations::Token {
            // It has none.
            name: &TokenName::Jti(String::new()),
            audience: &client.client_id,
            user_id: Some(session.user_id),
            client_id: &client.client_id,
            issued_at,
        };
        if revocations::name(db, &named, now).await? {
            return Err(not_good().into());
        }
        let template = AccessTokenClaims {
            iss: claims.iss,
            exp: claims.exp,
            aud: String::new(),
            sub: claims.sub,
            client_id: client.client_id.clone(),
            iat: claims.iat,
            jti: String::new(),
            scope: granted_scope(&grant)?,
            grant: grant.id.to_string(),
            sid: claims.sid,
            auth_time: Some(claims.auth_time),
            acr: claims.acr,
            act: None,
        };
        Ok(Seen {
            user_id: Some(session.user_id),
            behind: Behind::Ours(Parent {
                jti: None,
                audience: client.client_id.clone(),
                client_id: client.client_id.clone(),
                user_id: Some(session.user_id),
                issued_at,
                grant: grant.id,
            }),
            subject: Subject {
                claims: template,
                is_own: true,
                may_act: None,
            },
        })
    }

    /// Somebody whom a trusted issuer vouches for, at the client that says so.
    async fn vouched_subject(&self, token: &str) -> Result<Seen, Stop> {
        let Exchanger::Client(client) = self.exchanger else {
            return Err(not_good().into());
        };
        let allowed = &self.rule.subject_issuers;
        let (trusted, vouched) = self.vouched(token, allowed).await?;
        let username = trusted.username(&vouched).ok_or_else(not_good)?;
        let db = self.provider.database.read();
        let user = users::find_by_username(db, &canonical_name(username)).await?;
        let user = user.filter(|user| user.disabled_at.is_none());
        let user = user.ok_or_else(not_good)?;
        let grant = self.provider.random.row_id(self.now);
        Ok(Seen {
            user_id: Some(user.id),
            behind: Behind::Vouched {
                grant,
                user_id: user.id,
                client_id: client.client_id.clone(),
            },
            subject: Subject {
                claims: self.of_vouched(client, user.id, grant, &vouched),
                is_own: false,
                may_act: vouched.may_act,
            },
        })
    }

    fn of_vouched(
        &self,
        client: &Client,
        user_id: Uuid,
        grant: Uuid,
        vouched: &Vouched,
    ) -> AccessTokenClaims {
        let provider = self.provider;
        // Declared wherever a rule takes such tokens: what words mean at another is no matter of ours.
        let most = self.rule.scope.clone().unwrap_or_default();
        let scope: Scope = match &vouched.scope {
            Some(scope) => most.intersect(scope),
            None => most,
        };
        AccessTokenClaims {
            iss: provider.config.issuer.as_str().to_owned(),
            exp: vouched.exp,
            aud: String::new(),
            sub: provider.subject(&client.metadata, user_id),
            client_id: client.client_id.clone(),
            iat: self.now.timestamp(),
            jti: String::new(),
            scope,
            grant: grant.to_string(),
            sid: None,
            auth_time: None,
            acr: None,
            act: vouched.act.clone(),
        }
    }

    /// A JWT of a trusted issuer's, of these.
    async fn vouched(
        &self,
        token: &str,
        allowed: &[String],
    ) -> Result<(&TrustedIssuer, Vouched), Stop> {
        let provider = self.provider;
        let jwt = ClientJwt::read(token, access_token::TYPE).map_err(|_told_nobody| not_good())?;
        let said = jwt.said_issuer().filter(|said| allowed.contains(said));
        let issuers = &provider.config.exchange.issuers;
        let trusted = said.and_then(|said| issuers.iter().find(|known| known.issuer == said));
        let trusted = trusted.ok_or_else(not_good)?;
        let claims = match trusted_issuers::verify(provider, trusted, &jwt).await? {
            Checked::Signed(claims) => claims,
            Checked::NotSigned => return Err(not_good().into()),
            Checked::Unavailable => {
                return Err(OAuthError::new(
                    ErrorCode::TemporarilyUnavailable,
                    "the keys of the token's issuer can't be had just now; try again",
                )
                .into());
            }
        };
        let read = trusted::read(claims, trusted, &provider.config.issuer, self.now);
        let vouched =
            read.map_err(|why| OAuthError::invalid_request(format!("the token {why}")))?;
        Ok((trusted, vouched))
    }
}

fn parent(good: &Good) -> Result<Parent, Stop> {
    let claims = &good.claims;
    Ok(Parent {
        jti: Some(claims.jti.clone()),
        audience: claims.aud.clone(),
        client_id: claims.client_id.clone(),
        user_id: good.user.as_ref().map(|user| user.id),
        issued_at: claims.issued_at(),
        grant: claims.grant.parse().map_err(|_damaged| not_good())?,
    })
}

fn acting(sub: String, iss: Option<String>, expires_at: i64) -> Acting {
    let actor = Actor {
        sub,
        iss,
        act: None,
    };
    Acting { actor, expires_at }
}
