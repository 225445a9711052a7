//! What an administrator does to people.

use secrecy::SecretString;

use super::declare::{hashed_name, set_password};
use super::{FlowError, Provider, end_session};
use crate::config::canonical_name;
use crate::oidc::claims::UserClaims;
use crate::oidc::logout::Cause;
use crate::store::orders::OrderScope;
use crate::store::passwords::{self, Password};
use crate::store::users::{self, User};
use crate::store::{self, consents, grants, identities};

pub use super::applications::{add_client, disable_client, enable_client, remove_client};

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDone {
    /// There is one of that name already.
    Exists,
    /// There is none of that name.
    Unknown,
    /// The configuration file declares it, so it is changed there.
    Declared,
    /// The one that had that name before is still known: applications are to be told about it, or it only left the file.
    StillLeaving,
}

/// Makes a person known.
///
/// # Errors
/// When the password can't be hashed or the database fails.
pub async fn add_user(
    provider: &Provider,
    username: &str,
    password: Option<&SecretString>,
    claims: UserClaims,
) -> Result<Result<User, NotDone>, FlowError> {
    let now = provider.clock.now();
    let hash = match password {
        Some(password) => Some(provider.passwords.hash(password).await?),
        None => None,
    };
    let user = User {
        id: provider.random.identifier(),
        username: canonical_name(username),
        claims,
        created_at: now,
        updated_at: now,
        disabled_at: None,
        declared: false,
    };
    let tx = provider.database.begin().await?;
    if users::find_by_username(&tx, &user.username)
        .await?
        .is_some()
    {
        return Ok(Err(NotDone::Exists));
    }
    users::save(&tx, &user).await?;
    if let Some(hash) = hash {
        let password = Password {
            hash: hash.as_str().to_owned(),
            set_at: now,
            declared_fingerprint: None,
        };
        passwords::save(&tx, user.id, &password).await?;
    }
    store::commit(tx).await?;
    Ok(Ok(user))
}

/// Shuts a person out: they can't sign in, their sessions end, everything they granted is taken back.
///
/// # Errors
/// When the database fails; then nothing was done.
pub async fn disable_user(
    provider: &Provider,
    username: &str,
) -> Result<Result<(), NotDone>, FlowError> {
    let tx = provider.database.begin().await?;
    let Some(user) = users::lock_by_username(&tx, &canonical_name(username)).await? else {
        return Ok(Err(NotDone::Unknown));
    };
    // Read with the person held: a session that began before the lock is one that the order names.
    let now = provider.clock.now();
    let user = User {
        disabled_at: user.disabled_at.or(Some(now)),
        updated_at: now,
        ..user
    };
    users::save(&tx, &user).await?;
    grants::revoke(&tx, &[grants::Of::User(user.id)], now).await?;
    end_session::order(
        provider,
        &tx,
        OrderScope::User(user.id),
        Cause::UserDisabled,
        now,
    )
    .await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(Ok(()))
}

/// Sets a person's password; their sessions end.
///
/// # Errors
/// When the password can't be hashed or the database fails; then nothing was done.
pub async fn reset_password(
    provider: &Provider,
    username: &str,
    password: &SecretString,
) -> Result<Result<(), NotDone>, FlowError> {
    reset(provider, username, password, false).await
}

/// As [`reset_password`], and forgets who they are at other providers: whoever was in their account may have linked
/// somebody of their own.
///
/// # Errors
/// As [`reset_password`].
pub async fn reset_password_and_links(
    provider: &Provider,
    username: &str,
    password: &SecretString,
) -> Result<Result<(), NotDone>, FlowError> {
    reset(provider, username, password, true).await
}

async fn reset(
    provider: &Provider,
    username: &str,
    password: &SecretString,
    unlinks: bool,
) -> Result<Result<(), NotDone>, FlowError> {
    let hash = provider.passwords.hash(password).await?;
    let tx = provider.database.begin().await?;
    let Some(user) = users::lock_by_username(&tx, &canonical_name(username)).await? else {
        return Ok(Err(NotDone::Unknown));
    };
    let now = provider.clock.now();
    // What the file declared stays noted: it does not undo this change until it changes itself.
    let declared_fingerprint = passwords::find(&tx, user.id)
        .await?
        .and_then(|before| before.declared_fingerprint);
    let password = Password {
        hash: hash.as_str().to_owned(),
        set_at: now,
        declared_fingerprint,
    };
    if unlinks {
        identities::remove_of_user(&tx, user.id).await?;
    }
    set_password(provider, &tx, user.id, &password, true, now).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(Ok(()))
}

/// Lets a person in again who was shut out. Nothing that ended then comes back.
///
/// # Errors
/// When the database fails; then nothing was done.
pub async fn enable_user(
    provider: &Provider,
    username: &str,
) -> Result<Result<(), NotDone>, FlowError> {
    let tx = provider.database.begin().await?;
    let Some(user) = users::lock_by_username(&tx, &canonical_name(username)).await? else {
        return Ok(Err(NotDone::Unknown));
    };
    let user = User {
        disabled_at: None,
        updated_at: provider.clock.now(),
        ..user
    };
    users::save(&tx, &user).await?;
    store::commit(tx).await?;
    Ok(Ok(()))
}

/// A person is gone for good: their sessions end, what they granted and allowed is taken back, what was
/// known about them is wiped. Their name is free; their `sub` is never used again. Whom the configuration declares stays
/// away until it has let them go.
///
/// # Errors
/// When the database fails; then nothing was done.
pub async fn delete_user(
    provider: &Provider,
    username: &str,
) -> Result<Result<(), NotDone>, FlowError> {
    let username = canonical_name(username);
    let mut declared = provider.config.users.iter();
    let is_declared = declared.any(|known| canonical_name(&known.username) == username);
    let tx = provider.database.begin().await?;
    let Some(user) = users::lock_by_username(&tx, &username).await? else {
        return Ok(Err(NotDone::Unknown));
    };
    // A command may have been given another file than the server, or none.
    let is_declared = is_declared || user.declared;
    let declared_name = is_declared.then(|| hashed_name(provider, &username));
    let now = provider.clock.now();
    users::bury(&tx, user.id, declared_name, now).await?;
    passwords::remove(&tx, user.id).await?;
    identities::remove_of_user(&tx, user.id).await?;
    consents::remove_of_user(&tx, user.id).await?;
    grants::revoke(&tx, &[grants::Of::User(user.id)], now).await?;
    let scope = OrderScope::User(user.id);
    end_session::order(provider, &tx, scope, Cause::UserDeleted, now).await?;
    store::commit(tx).await?;
    provider.work.notify_one();
    Ok(Ok(()))
}
