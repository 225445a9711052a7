//! Status lists: each token of a service that asks for a `status` claim has a place in one, and the log of what was taken
//! back says which places are dead.

use serde_json::Value;
use uuid::Uuid;

use super::{FlowError, Provider, revocations, tokens};
use crate::clock::Timestamp;
use crate::jose::HashPurpose;
use crate::oidc::algorithm::SigningAlgorithm;
use crate::oidc::discovery::STATUS_LISTS;
use crate::oidc::service::Service;
use crate::oidc::status_list::{self, Place};
use crate::oidc::token::access_token::AccessTokenClaims;
use crate::store::status_entries::{self, StatusEntry};
use crate::store::{self, participants, revocations as log};

/// How often a place may be taken already.
const ATTEMPTS: u32 = 24;
/// How much of a service's hash stands in addresses.
const HANDLE: usize = 22;

/// A place for a token of this person and part in a session, in the database before the token is given; answers its
/// `status` claim.
pub(super) async fn allocate(
    provider: &Provider,
    service: &Service,
    claims: &AccessTokenClaims,
    person: Option<(Uuid, Option<Uuid>)>,
) -> Result<Value, FlowError> {
    let participant = match person.and_then(|(_, sid)| sid) {
        Some(sid) => participants::find(provider.database.read(), sid).await?,
        None => None,
    };
    // What came from another token says when that one was issued: lists of that time may be forgotten.
    let now = provider.clock.now();
    let entry = StatusEntry {
        service: &service.identifier,
        jti: &claims.jti,
        grant: &claims.grant,
        session: participant.map(|part| (part.sid, part.session_id)),
        user_id: person.map(|(user_id, _)| user_id),
        client_id: &claims.client_id,
        issued_at: claims.issued_at(),
        kept_until: status_list::window_end(now).max(claims.expires_at()) + revocations::SLACK,
    };
    let handle = handle(provider, &service.identifier).await?;
    let tx = provider.database.begin().await?;
    for attempt in 0..ATTEMPTS {
        let mut drawn = [0; 8];
        provider.random.fill(&mut drawn);
        let place = Place::drawn(u64::from_le_bytes(drawn), attempt, now);
        let list = format!("{handle}/{}", place.number);
        if status_entries::take(&tx, &list, place.index, &entry).await? {
            store::commit(tx).await?;
            return Ok(status_list::claim(&uri(provider, &list), place.index));
        }
    }
    Err(FlowError::NoPlace(service.identifier.clone()))
}

/// What a service's lists are called. Addresses tell nobody which services there are. After a restore they have other
/// names: of the places that were given in the history that was lost nothing is known here.
async fn handle(provider: &Provider, service: &str) -> Result<String, FlowError> {
    let origin = log::origin(provider.database.read()).await?;
    let named = format!("{} {service}", origin.unwrap_or_default());
    let mut handle = provider.master.hash(HashPurpose::StatusList, &named);
    handle.truncate(HANDLE);
    Ok(handle)
}

fn uri(provider: &Provider, list: &str) -> String {
    format!("{}{}/{list}", provider.config.issuer.as_str(), STATUS_LISTS)
}

/// The places in the list that are dead now. None: there is no such list.
///
/// # Errors
/// When the database fails.
pub async fn invalid(
    provider: &Provider,
    list: &str,
    now: Timestamp,
) -> Result<Option<Vec<u32>>, FlowError> {
    let db = provider.database.read();
    let Some(service) = status_entries::service_of(db, list).await? else {
        return Ok(None);
    };
    let handle = handle(provider, &service).await?;
    if list.split('/').next() != Some(&*handle) {
        return Ok(None);
    }
    Ok(Some(status_entries::invalid(db, list, now).await?))
}

/// The list, signed. `lst`: its bits, compressed and encoded.
///
/// # Errors
/// When nothing could be signed.
pub fn sign(
    provider: &Provider,
    list: &str,
    lst: &str,
    now: Timestamp,
) -> Result<String, FlowError> {
    let issuer = provider.config.issuer.as_str();
    let claims = status_list::claims(issuer, &uri(provider, list), lst, now);
    let (algorithm, typ) = (SigningAlgorithm::RS256, Some(status_list::TYPE));
    tokens::sign(provider, algorithm, typ, &claims, now)
}
