//! Tokens that only their service can read are presented to us. Those under a key that the service shares with us we open
//! as it does; of those to a key of its own we find again what we sealed into their header (docs/revocation.md).
//!
//! A service can make tokens under a key that it shares with us. So what such a token says counts only as far as our own
//! facts agree with it, and only between that service and the application that it names.

use uuid::Uuid;

use super::{FlowError, Provider, access};
use crate::clock::Timestamp;
use crate::jose::{self, SharedKey};
use crate::oidc::service::TokenFormat;
use crate::oidc::token::encrypted::{CarriedClaims, Outside, Reference};
use crate::store::clients::{self, KnownClient};
use crate::store::grants::{self, Grant, naming};
use crate::store::participants::{self, Participant};
use crate::store::revocations::{self, TokenName};
use crate::store::service_keys::{self, KeptKey};
use crate::store::{exchanged_tokens, users};

/// How many keys of one name are tried: each service has one at least, and the first of each has the same name.
const MOST_TRIED: u64 = 1000;

/// What comes of looking at a token.
pub(super) enum Opened {
    /// It is one of ours, or of a service that could have made it, and has not expired.
    Token(Box<EncryptedToken>),
    /// It is not good, whatever it is.
    Nothing,
    /// Nobody here can tell what it is.
    Unreadable,
}

/// A token that has not expired. Whether it is still good, [`good`] says.
pub(super) struct EncryptedToken {
    /// What it says, and to whom it was issued, which a `cwt` may leave to the session or the grant that it names.
    pub claims: CarriedClaims,
    /// What it is named by in the log.
    pub name: TokenName,
    client: KnownClient,
    grant: Option<Grant>,
    participant: Option<Participant>,
}

impl EncryptedToken {
    /// To whom it was issued.
    pub fn client_id(&self) -> &str {
        &self.client.client.client_id
    }

    /// The grant that it comes of, if it says so.
    pub fn grant_id(&self) -> Option<Uuid> {
        self.grant.as_ref().map(|grant| grant.id)
    }

    /// The first moment at which it is no longer good.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_timestamp(self.claims.exp, 0).unwrap_or(Timestamp::MAX_UTC)
    }

    fn issued_at(&self) -> Timestamp {
        Timestamp::from_timestamp(self.claims.iat, 0).unwrap_or(Timestamp::MIN_UTC)
    }
}

/// Looks at a token.
pub(super) async fn open(
    provider: &Provider,
    token: &str,
    now: Timestamp,
) -> Result<Opened, FlowError> {
    let found = match Outside::read(token) {
        None => None,
        Some(Outside::Own { reference: None }) => return Ok(Opened::Unreadable),
        Some(Outside::Own {
            reference: Some(reference),
        }) => match jose::open_reference(&provider.master, &reference) {
            Some(reference) => referred(provider, reference, now).await?,
            None => None,
        },
        Some(Outside::Shared { format, kid }) => {
            let name = kid.to_string();
            let db = provider.database.read();
            let keys = service_keys::shared(db, &name, MOST_TRIED).await?;
            let claims = keys.iter().find_map(|key| {
                let KeptKey::Shared(sealed) = &key.key else {
                    return None;
                };
                shared(provider, token, (format, &key.service, kid, sealed), now)
            });
            match claims {
                Some(claims) => known(provider, token, claims).await?,
                None if keys.len() as u64 == MOST_TRIED => return Ok(Opened::Unreadable),
                None => None,
            }
        }
    };
    Ok(match found {
        Some(token) => Opened::Token(Box::new(token)),
        None => Opened::Nothing,
    })
}

/// What the token says, if it was made under this key.
fn shared(
    provider: &Provider,
    token: &str,
    (format, service, kid, sealed): (TokenFormat, &str, u8, &str),
    now: Timestamp,
) -> Option<CarriedClaims> {
    let key = SharedKey::open(&provider.master, format, service, kid, sealed).ok()?;
    key.read(token, provider.config.issuer.as_str(), service, now)
}

/// Whose the token is: the application that it names, or whose part in a session or whose grant it names. If it names
/// several, they must be the same.
async fn known(
    provider: &Provider,
    token: &str,
    mut claims: CarriedClaims,
) -> Result<Option<EncryptedToken>, FlowError> {
    let db = provider.database.read();
    let (grant, participant) = match ids(&claims) {
        Some((grant, sid)) => (
            match grant {
                Some(id) => grants::find(db, id).await?,
                None => None,
            },
            match sid {
                Some(sid) => participants::find(db, sid).await?,
                None => None,
            },
        ),
        None => return Ok(None),
    };
    if grant.is_some() != claims.grant.is_some() || participant.is_some() != claims.sid.is_some() {
        return Ok(None);
    }
    let of_grant = grant.as_ref().map(|grant| &grant.client_id);
    let of_participant = participant.as_ref().map(|part| &part.client_id);
    let mut owners = [of_grant, of_participant].into_iter().flatten();
    let Some(owner) = owners.next() else {
        return Ok(None);
    };
    let said = claims.client_id.as_ref();
    if owners.chain(said).any(|other| other != owner) {
        return Ok(None);
    }
    let Some(client) = clients::find(db, owner).await? else {
        return Ok(None);
    };
    claims.client_id = Some(owner.clone());
    let name = match &claims.jti {
        Some(jti) => TokenName::Jti(jti.clone()),
        None => TokenName::Hash(jose::hash_of_token(token)),
    };
    Ok(Some(EncryptedToken {
        claims,
        name,
        client,
        grant,
        participant,
    }))
}

/// The grant and the part in a session that the token names, as we name them.
fn ids(claims: &CarriedClaims) -> Option<(Option<Uuid>, Option<Uuid>)> {
    let read = |id: &Option<String>| id.as_deref().map(str::parse).transpose().ok();
    Some((read(&claims.grant)?, read(&claims.sid)?))
}

/// The token whose header has this reference, or one into whose header it was put: that one is no more than this.
async fn referred(
    provider: &Provider,
    reference: Reference,
    now: Timestamp,
) -> Result<Option<EncryptedToken>, FlowError> {
    if reference.exp <= now.timestamp() {
        return Ok(None);
    }
    let db = provider.database.read();
    let Some(grant) = grants::find(db, reference.grant).await? else {
        return Ok(None);
    };
    let participant = match reference.sid {
        Some(sid) => participants::find(db, sid).await?,
        None => None,
    };
    let Some(client) = clients::find(db, &grant.client_id).await? else {
        return Ok(None);
    };
    let sub = match grant.user_id {
        Some(user_id) => provider.subject(&client.client.metadata, user_id),
        None => grant.client_id.clone(),
    };
    let jti = reference.jti.to_string();
    let claims = CarriedClaims {
        iss: provider.config.issuer.as_str().to_owned(),
        exp: reference.exp,
        aud: reference.aud,
        sub,
        client_id: Some(grant.client_id.clone()),
        iat: reference.iat,
        jti: Some(jti.clone()),
        scope: reference.scope,
        grant: Some(grant.id.to_string()),
        sid: reference.sid.map(|sid| sid.to_string()),
        auth_time: None,
        acr: None,
        act: reference.act,
    };
    Ok(Some(EncryptedToken {
        claims,
        name: TokenName::Jti(jti),
        client,
        grant: Some(grant),
        participant,
    }))
}

/// Whether the token is still good: as [`access::good`] has it for those that everybody can read. Of one that a service
/// could have made, its person and its service must be those of the grant or the session that it names.
pub(super) async fn good(
    provider: &Provider,
    token: &EncryptedToken,
    now: Timestamp,
) -> Result<bool, FlowError> {
    let (claims, client) = (&token.claims, &token.client);
    let db = provider.database.read();
    if client.disabled_at.is_some() {
        return Ok(false);
    }
    // What came from another token need not be for a service that the grant names.
    let is_exchanged = match &claims.jti {
        Some(jti) => exchanged_tokens::is_for(db, jti, &claims.aud, token.client_id()).await?,
        None => false,
    };
    let is_granted = |grant: &Grant| {
        let is_named = grant.resources.contains(&claims.aud);
        grant.revoked_at.is_none() && (is_named || is_exchanged)
    };
    if token.grant.as_ref().is_some_and(|grant| !is_granted(grant)) {
        return Ok(false);
    }
    let mut people: Vec<Option<Uuid>> = token.grant.iter().map(|grant| grant.user_id).collect();
    if claims.sid.is_some() {
        let sid = token.participant.as_ref().map(|part| part.sid);
        let Some(session) = access::session_of(provider, sid, now).await? else {
            return Ok(false);
        };
        // It came of some grant in the session: were they all taken back, it was too.
        let granted = (session.id, token.client_id());
        if token.grant.is_none() && !naming::any_good(db, granted, &claims.aud).await? {
            return Ok(false);
        }
        people.push(Some(session.user_id));
    }
    let Some(person) = people.pop() else {
        return Ok(false);
    };
    if people.iter().any(|other| *other != person) {
        return Ok(false);
    }
    let sub = match person {
        Some(user_id) => {
            let user = users::find(db, user_id).await?;
            if user.is_none_or(|user| user.disabled_at.is_some()) {
                return Ok(false);
            }
            provider.subject(&client.client.metadata, user_id)
        }
        None => client.client.client_id.clone(),
    };
    if claims.sub != sub {
        return Ok(false);
    }
    let asked = revocations::Token {
        name: &token.name,
        audience: &claims.aud,
        user_id: person,
        client_id: token.client_id(),
        issued_at: token.issued_at(),
    };
    Ok(!revocations::name(db, &asked, now).await?)
}
