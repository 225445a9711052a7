//! The configuration declares clients, services and people; here the database comes to agree with it. Doing so
//! twice changes nothing.

use std::collections::HashSet;

use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::applications::is_still_leaving;
use super::{
    FlowError, Provider, client_secrets, end_session, sector, service_keys, services, upstream,
};
use crate::clock::Timestamp;
use crate::config::{Credential, DeclaredClient, DeclaredUser, canonical_name};
use crate::jose::{HashPurpose, PasswordHash};
use crate::oidc::client::{Client, ClientAuthMethod, KeptSecret};
use crate::oidc::logout::Cause;
use crate::oidc::logout::termination::{Fate, termination};
use crate::store::clients::{self, KnownClient};
use crate::store::orders::OrderScope;
use crate::store::passwords::{self, Password};
use crate::store::users::{self, User};
use crate::store::{self, Transaction, identities};

/// Applies what the configuration declares.
///
/// A client that left the file is shut out and everyone's part in it ends; one that comes back is let
/// in again. A person's password is set when they are created and when its declaration changes, never
/// to undo a change made since; who was shut out stays so, and who was deleted stays so until the file has let them go.
///
/// # Errors
/// When the database fails, or a sector's document does not name a client's redirect URIs; what was applied until then
/// stays, and applying again goes on.
pub async fn apply(provider: &Provider) -> Result<(), FlowError> {
    for declared in &provider.config.clients {
        check_sector(provider, declared).await?;
    }
    let now = provider.clock.now();
    let tx = provider.database.begin().await?;
    for declared in &provider.config.clients {
        apply_client(provider, &tx, declared, now).await?;
    }
    let declared = |client_id: &str| {
        provider
            .config
            .clients
            .iter()
            .any(|known| known.client_id == client_id)
    };
    for known in clients::list(&tx).await? {
        if known.declared && known.disabled_at.is_none() && !declared(&known.client.client_id) {
            // It may come back to the file, and is then asked for nothing that was said already.
            shut_out(provider, &tx, known, Cause::ClientDisabled, now).await?;
        }
    }
    services::apply(provider, &tx, now).await?;
    upstream::known::apply(provider, &tx, now).await?;
    store::commit(tx).await?;
    service_keys::warn_of_missing(provider).await?;
    let deleted = still_deleted(provider).await?;
    for declared in &provider.config.users {
        match apply_user(provider, declared, &deleted, now).await {
            // Another node that starts made them in this moment.
            Err(FlowError::Store(error)) if error.is_duplicate() => {
                apply_user(provider, declared, &deleted, now).await?;
            }
            applied => applied?,
        }
    }
    let other_than_ours =
        passwords::declared_hashes(provider.database.read(), PasswordHash::OURS).await?;
    let hashes: Vec<_> = other_than_ours
        .iter()
        .filter_map(|hash| PasswordHash::parse(hash).ok())
        .collect();
    provider.passwords.be_as_dear_as(hashes.iter());
    Ok(())
}

/// A sector's document is fetched for a client that is new or names other redirect URIs: a server that starts again does
/// not depend on anyone. No transaction waits for it.
async fn check_sector(provider: &Provider, declared: &DeclaredClient) -> Result<(), FlowError> {
    let (client_id, metadata) = (&declared.client_id, &declared.metadata);
    let before = clients::find(provider.database.read(), client_id).await?;
    if before
        .as_ref()
        .is_some_and(|known| known.deleted_at.is_some())
        && is_still_leaving(&provider.database.begin().await?, client_id).await?
    {
        // It is left out.
        return Ok(());
    }
    let known = before.map(|known| known.client.metadata);
    if !sector::is_to_be_fetched(known.as_ref(), metadata) {
        return Ok(());
    }
    match sector::check(provider, metadata).await? {
        Ok(()) => Ok(()),
        Err(problem) => Err(FlowError::Unfit {
            client_id: client_id.clone(),
            field: problem.field,
            message: problem.message,
        }),
    }
}

/// Shuts a client out, for a while or (by the cause `ClientDeleted`) for good: its tokens are taken back
/// and everyone's part in it ends. Its row stays, since it is still told.
pub(super) async fn shut_out(
    provider: &Provider,
    tx: &Transaction,
    known: KnownClient,
    cause: Cause,
    now: Timestamp,
) -> Result<(), FlowError> {
    let for_good = cause == Cause::ClientDeleted;
    let client_id = known.client.client_id.clone();
    let gone = KnownClient {
        disabled_at: known.disabled_at.or(Some(now)),
        deleted_at: for_good.then_some(now),
        updated_at: now,
        ..known
    };
    // The client before its grants: who was about to be given one has been given it by then, or is refused.
    clients::save(tx, &gone).await?;
    // The consents before them too, as everywhere.
    if termination(cause).consents == Fate::Dies {
        store::consents::remove_of_client(tx, &client_id).await?;
    }
    let of = store::grants::Of::Client(&client_id);
    store::grants::revoke(tx, &[of], now).await?;
    end_session::order(provider, tx, OrderScope::Client(client_id), cause, now).await?;
    Ok(())
}

async fn apply_client(
    provider: &Provider,
    tx: &Transaction,
    declared: &DeclaredClient,
    now: Timestamp,
) -> Result<(), FlowError> {
    let before = clients::find(tx, &declared.client_id).await?;
    if before
        .as_ref()
        .is_some_and(|before| before.deleted_at.is_some())
        && is_still_leaving(tx, &declared.client_id).await?
    {
        // Notices go where the identifier leads when they are sent. No reason to hold up everybody else.
        let (client_id, place) = (&declared.client_id, &declared.place);
        tracing::error!(
            client_id, %place,
            "left out: an application of that name was removed, and has not heard yet of every session that ended. Start \
             again when `exeunt delivery list --client ... --open` is empty, or give the new one another name"
        );
        return Ok(());
    }
    let client = Client {
        client_id: declared.client_id.clone(),
        secret: match &declared.secret {
            None => None,
            Some(Credential::Plain(secret)) => Some(keep(
                provider,
                before.as_ref().map(|before| &before.client),
                declared,
                secret.expose_secret(),
            )?),
            Some(Credential::Hash(hash)) => {
                Some(KeptSecret::Hashed(hash.expose_secret().to_owned()))
            }
        },
        metadata: declared.metadata.clone(),
    };
    let same = before.as_ref().is_some_and(|before| {
        before.client == client && before.declared && before.disabled_at.is_none()
    });
    if !same {
        if before
            .as_ref()
            .is_some_and(|before| !before.declared && before.deleted_at.is_none())
        {
            let (client_id, place) = (&declared.client_id, &declared.place);
            tracing::warn!(client_id, %place, "the file takes over an application that was made otherwise");
        }
        let known = KnownClient {
            client,
            declared: true,
            created_at: before.map_or(now, |before| before.created_at),
            updated_at: now,
            disabled_at: None,
            deleted_at: None,
        };
        clients::save(tx, &known).await?;
    }
    Ok(())
}

/// What is kept of a declared secret: as it was, where it is the same. (Sealed again it would look like another.)
fn keep(
    provider: &Provider,
    before: Option<&Client>,
    declared: &DeclaredClient,
    secret: &str,
) -> Result<KeptSecret, FlowError> {
    let method = declared.metadata.token_endpoint_auth_method;
    if let Some(before) = before
        && let Some(KeptSecret::Sealed(_)) = before.secret
        && method == ClientAuthMethod::ClientSecretJwt
        && client_secrets::matches(provider, before, secret)?
        && let Some(kept) = &before.secret
    {
        return Ok(kept.clone());
    }
    Ok(client_secrets::keep(
        provider,
        &declared.client_id,
        method,
        secret,
    ))
}

/// The names (hashed) of the people who were deleted and whom the file declares all the same. Whom it declares no more is
/// forgotten: when they come back to it, they are somebody new.
async fn still_deleted(provider: &Provider) -> Result<Vec<String>, FlowError> {
    let declared = provider.config.users.iter();
    let declared: HashSet<String> = declared
        .map(|user| hashed_name(provider, &canonical_name(&user.username)))
        .collect();
    let deleted = users::deleted_names(provider.database.read()).await?;
    let (still, gone): (Vec<_>, Vec<_>) = deleted
        .into_iter()
        .partition(|name| declared.contains(name));
    if !gone.is_empty() {
        let tx = provider.database.begin().await?;
        users::forget_deleted_names(&tx, &gone).await?;
        store::commit(tx).await?;
    }
    Ok(still)
}

/// How the name of a person who is deleted is kept, as long as the file has it.
pub(super) fn hashed_name(provider: &Provider, username: &str) -> String {
    provider.master.hash(HashPurpose::Handle, username)
}

async fn apply_user(
    provider: &Provider,
    declared: &DeclaredUser,
    deleted: &[String],
    now: Timestamp,
) -> Result<(), FlowError> {
    let username = canonical_name(&declared.username);
    let before = users::find_by_username(provider.database.read(), &username).await?;
    if before.is_none() && deleted.contains(&hashed_name(provider, &username)) {
        tracing::info!(place = %declared.place, "the file declares somebody who was deleted, and stays so");
        return Ok(());
    }
    let known_password = match &before {
        Some(user) => passwords::find(provider.database.read(), user.id).await?,
        None => None,
    };
    let fingerprint = declared.password.as_ref().map(|password| {
        let (Credential::Plain(text) | Credential::Hash(text)) = password;
        provider
            .master
            .hash(HashPurpose::Handle, text.expose_secret())
    });
    let changed = fingerprint.is_some()
        && known_password
            .as_ref()
            .is_none_or(|known| known.declared_fingerprint != fingerprint);
    let hash = match (&declared.password, changed) {
        (Some(Credential::Plain(password)), true) => {
            Some(provider.passwords.hash(password).await?.as_str().to_owned())
        }
        (Some(Credential::Hash(hash)), true) => Some(hash.expose_secret().to_owned()),
        _ => None,
    };
    let user = User {
        id: before
            .as_ref()
            .map_or_else(|| provider.random.identifier(), |before| before.id),
        username,
        claims: declared.claims.clone(),
        created_at: before.as_ref().map_or(now, |before| before.created_at),
        updated_at: before
            .as_ref()
            .filter(|before| before.claims == declared.claims)
            .map_or(now, |before| before.updated_at),
        disabled_at: before.as_ref().and_then(|before| before.disabled_at),
        declared: true,
    };
    if hash.is_none() && before.as_ref() == Some(&user) {
        return Ok(());
    }
    let tx = provider.database.begin().await?;
    // Read again, and held: they may have been shut out while the password was hashed.
    let held = users::lock(&tx, user.id).await?;
    if before.is_some() && held.is_none() {
        tracing::info!(place = %declared.place, "the file declares somebody who was deleted in this moment, and stays so");
        return Ok(());
    }
    // Whoever chose that name at an upstream would become the one whom the file means.
    if held.as_ref().is_some_and(|held| !held.declared)
        && !identities::of_user(&tx, user.id).await?.is_empty()
    {
        return Err(FlowError::KnownElsewhere(user.username));
    }
    let now = provider.clock.now();
    let disabled_at = held.and_then(|held| held.disabled_at);
    users::save(
        &tx,
        &User {
            disabled_at,
            ..user.clone()
        },
    )
    .await?;
    if let Some(hash) = hash {
        let password = Password {
            hash,
            set_at: now,
            declared_fingerprint: fingerprint,
        };
        set_password(provider, &tx, user.id, &password, before.is_some(), now).await?;
    }
    Ok(store::commit(tx).await?)
}

/// Sets a password; where there was one, every session of the person ends.
pub(super) async fn set_password(
    provider: &Provider,
    tx: &Transaction,
    user_id: Uuid,
    password: &Password,
    replaces: bool,
    now: Timestamp,
) -> Result<(), FlowError> {
    passwords::save(tx, user_id, password).await?;
    if replaces {
        store::grants::revoke(tx, &[store::grants::Of::User(user_id)], now).await?;
        end_session::order(
            provider,
            tx,
            OrderScope::User(user_id),
            Cause::PasswordReset,
            now,
        )
        .await?;
    }
    Ok(())
}
