//! What an administrator does to clients. Those that the configuration declares are changed there.

use super::declare::shut_out;
use super::people::NotDone;
use super::{FlowError, Provider};
use crate::clock::Timestamp;
use crate::oidc::client::Client;
use crate::oidc::logout::{Cause, DeliveryState};
use crate::store::clients::{self, KnownClient};
use crate::store::deliveries::listing::{self, Wanted};
use crate::store::orders::OrderScope;
use crate::store::{self, Transaction, participants};

/// Makes a client known. One that was removed may be registered again: it is then another application, to
/// which nobody has allowed anything.
///
/// # Errors
/// When the database fails.
pub async fn add_client(
    provider: &Provider,
    client: Client,
) -> Result<Result<(), NotDone>, FlowError> {
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    match clients::find(&tx, &client.client_id).await? {
        // Notices go where the identifier leads when they are sent: they would tell the new one of people who never
        // used it, and the old one nothing.
        Some(before)
            if before.deleted_at.is_some() && is_still_leaving(&tx, &client.client_id).await? =>
        {
            return Ok(Err(NotDone::StillLeaving));
        }
        Some(before) if before.deleted_at.is_some() => {}
        Some(before) if before.declared && before.disabled_at.is_some() => {
            return Ok(Err(NotDone::Declared));
        }
        Some(_) => return Ok(Err(NotDone::Exists)),
        None => {}
    }
    let known = KnownClient {
        client,
        declared: false,
        created_at: now,
        updated_at: now,
        disabled_at: None,
        deleted_at: None,
    };
    clients::save(&tx, &known).await?;
    store::commit(tx).await?;
    Ok(Ok(()))
}

/// Whether the application takes part in a session, or is still to be told of one.
pub(super) async fn is_still_leaving(tx: &Transaction, client_id: &str) -> Result<bool, FlowError> {
    let scope = OrderScope::Client(client_id.to_owned());
    if participants::count_open(tx, &scope).await? > 0 {
        return Ok(true);
    }
    let open = Wanted {
        states: &[DeliveryState::Pending, DeliveryState::Retrying],
        client_id: Some(client_id),
        ..Wanted::default()
    };
    Ok(!listing::page(tx, &open, 1).await?.is_empty())
}

/// Shuts a client out until it is let in again: its tokens are taken back and everyone's part in it ends.
///
/// # Errors
/// When the database fails; then nothing was done.
pub async fn disable_client(
    provider: &Provider,
    client_id: &str,
) -> Result<Result<(), NotDone>, FlowError> {
    change(provider, client_id, async |tx, known, now| {
        shut_out(provider, tx, known, Cause::ClientDisabled, now).await
    })
    .await
}

/// Lets a client in again that was shut out. Nothing that ended then comes back.
///
/// # Errors
/// When the database fails; then nothing was done.
pub async fn enable_client(
    provider: &Provider,
    client_id: &str,
) -> Result<Result<(), NotDone>, FlowError> {
    change(provider, client_id, async |tx, known, now| {
        let known = KnownClient {
            disabled_at: None,
            updated_at: now,
            ..known
        };
        Ok(clients::save(tx, &known).await?)
    })
    .await
}

/// Removes a client for good: as [`disable_client`], and what people allowed it is forgotten. It is still
/// told of what ends by this.
///
/// # Errors
/// When the database fails; then nothing was done.
pub async fn remove_client(
    provider: &Provider,
    client_id: &str,
) -> Result<Result<(), NotDone>, FlowError> {
    change(provider, client_id, async |tx, known, now| {
        shut_out(provider, tx, known, Cause::ClientDeleted, now).await
    })
    .await
}

/// Does `act` to the client, if it is there and may be changed here.
async fn change(
    provider: &Provider,
    client_id: &str,
    act: impl AsyncFnOnce(&Transaction, KnownClient, Timestamp) -> Result<(), FlowError>,
) -> Result<Result<(), NotDone>, FlowError> {
    let tx = provider.database.begin().await?;
    let known = match changeable(&tx, client_id).await? {
        Ok(known) => known,
        Err(reason) => return Ok(Err(reason)),
    };
    act(&tx, known, provider.clock.now()).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(Ok(()))
}

/// The client, if it is there and may be changed here. One that has left the configuration is shut out
/// already, and may be removed or let in again only by the file.
async fn changeable(
    tx: &Transaction,
    client_id: &str,
) -> Result<Result<KnownClient, NotDone>, FlowError> {
    Ok(match clients::find(tx, client_id).await? {
        None => Err(NotDone::Unknown),
        Some(known) if known.deleted_at.is_some() => Err(NotDone::Unknown),
        Some(known) if known.declared => Err(NotDone::Declared),
        Some(known) => Ok(known),
    })
}
