//! What a service hears of the log: what concerns its own tokens, in the identifiers that these carry, and nothing of
//! anybody else's.

mod told;

use self::told::Told;
use crate::clock::Timestamp;
use crate::flows::{FlowError, Provider};
use crate::oidc::revocation::Piece;
use crate::oidc::service::Service;
use crate::store::{revocations, services};

/// How many entries of the log are looked at for one answer.
const MOST: u64 = 1000;

/// What a reader hears who knows the log up to `after`. None: it can't go on from there and takes a snapshot, since what
/// came after has been forgotten in part, or nobody here gave that number.
///
/// # Errors
/// When the database fails.
pub async fn hear<'a>(
    provider: &'a Provider,
    service: &Service,
    after: i64,
) -> Result<Option<Piece<'a>>, FlowError> {
    let db = provider.database.read();
    let given = revocations::given(db).await?;
    if after > given || after < revocations::forgotten(db).await? {
        return Ok(None);
    }
    Ok(Some(piece(provider, service, after, given).await?))
}

/// How far a snapshot goes that begins now.
///
/// # Errors
/// When the database fails.
pub async fn end(provider: &Provider) -> Result<i64, FlowError> {
    Ok(revocations::given(provider.database.read()).await?)
}

/// What the service hears of the entries after `after`, up to `to` at most. Of a snapshot, pieces are taken until one
/// ends at `to`.
///
/// # Errors
/// When the database fails.
pub async fn piece<'a>(
    provider: &'a Provider,
    service: &Service,
    after: i64,
    to: i64,
) -> Result<Piece<'a>, FlowError> {
    let now = provider.clock.now();
    let log = revocations::list(provider.database.read(), after, to, MOST, now).await?;
    let is_more = u64::try_from(log.len()).is_ok_and(|read| read == MOST);
    let last = log.last().map(|entry| entry.number);
    Ok(Piece {
        issuer: provider.config.issuer.as_str(),
        from: after,
        to: last.filter(|_| is_more).unwrap_or(to),
        now: now.timestamp(),
        entries: Told::gather(provider, service, &log).await?.tell(&log),
    })
}

/// What comes of waiting.
#[derive(Debug)]
pub enum Heard<'a> {
    /// Something, or nothing until the time was over.
    Piece(Piece<'a>),
    /// The reader can't go on: see [`hear`].
    Gone,
    /// The service may hear nothing any more.
    ShutOut,
}

/// As [`hear`], but waits until something concerns the service, until `deadline` or until the server stops.
///
/// # Errors
/// When the database fails.
pub async fn wait_for_more<'a>(
    provider: &'a Provider,
    identifier: &str,
    after: i64,
    deadline: Timestamp,
) -> Result<Heard<'a>, FlowError> {
    let mut read = after;
    loop {
        // Before the look: what is told then is as fresh as it says.
        let is_over = provider.clock.now() >= deadline || provider.closing.is_cancelled();
        // It may have been shut out meanwhile.
        let known = services::find(provider.database.read(), identifier).await?;
        let Some(known) = known.filter(|known| known.disabled_at.is_none()) else {
            return Ok(Heard::ShutOut);
        };
        let Some(piece) = hear(provider, &known.service, read).await? else {
            return Ok(Heard::Gone);
        };
        if is_over || !piece.entries.is_empty() {
            let from = after;
            return Ok(Heard::Piece(Piece { from, ..piece }));
        }
        read = piece.to;
        wait(provider, read, deadline).await;
    }
}

/// Waits until there may be something after `after`. Whether something is there, the database says.
async fn wait(provider: &Provider, after: i64, deadline: Timestamp) {
    let mut revoked = provider.revoked.subscribe();
    tokio::select! {
        _ = revoked.wait_for(|given| *given > after) => {}
        () = provider.clock.sleep_until(deadline) => {}
        () = provider.closing.cancelled() => {}
    }
}
