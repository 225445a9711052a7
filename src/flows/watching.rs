//! A browser looks at a sign-out: who may, what its page asked of applications, and what these said there.

use chrono::TimeDelta;
use uuid::Uuid;

use super::{FlowError, Provider};
use crate::clock::Timestamp;
use crate::jose::HashPurpose;
use crate::store::leavings::{self, Elsewhere, Leaving};
use crate::store::sessions::{self, Session};
use crate::store::{self, deliveries};

/// How long a browser may look at the receipts.
pub const WATCHED_FOR: TimeDelta = TimeDelta::minutes(10);

/// A sign-out that a browser may look at.
pub struct Watched {
    /// The session that ended, or in which a part did.
    pub session_id: Uuid,
    /// The application that asked, if one did.
    pub client_id: Option<String>,
    /// Where to go on to.
    pub continue_to: Option<String>,
    /// When it began: rows of the session from before are not shown.
    pub began_at: Timestamp,
    /// Whether the browser was where the session came from already, to sign out there.
    pub was_elsewhere: bool,
}

/// Makes the handle by which a browser may look.
///
/// # Errors
/// When the database fails.
pub async fn watch(provider: &Provider, watched: Watched) -> Result<String, FlowError> {
    let handle = provider.random.secret();
    let leaving = Leaving {
        handle_hash: provider.master.hash(HashPurpose::Handle, &handle),
        session_id: watched.session_id,
        client_id: watched.client_id,
        continue_to: watched.continue_to,
        created_at: watched.began_at,
        expires_at: provider.clock.now() + WATCHED_FOR,
        elsewhere: match watched.was_elsewhere {
            true => Elsewhere::Back,
            false => Elsewhere::NotSent,
        },
    };
    let tx = provider.database.begin().await?;
    leavings::insert(&tx, &leaving).await?;
    store::commit(tx).await?;
    Ok(handle)
}

/// The session that `cookie` found until it ended, for as long as its receipts may be looked at: a browser
/// that never got the answer to its sign-out still has the cookie, and asks again.
///
/// # Errors
/// When the database fails.
pub async fn just_ended(provider: &Provider, cookie: &str) -> Result<Option<Session>, FlowError> {
    let hash = provider.master.hash(HashPurpose::SessionCookie, cookie);
    let since = provider.clock.now() - WATCHED_FOR;
    Ok(sessions::find_ended_by_cookie(provider.database.read(), &hash, since).await?)
}

/// A page that frames the applications of these deliveries is about to be sent.
///
/// # Errors
/// When the database fails; the page may then not say that they were asked.
pub async fn asked(provider: &Provider, delivery_ids: &[Uuid]) -> Result<(), FlowError> {
    let tx = provider.database.begin().await?;
    deliveries::mark_asked(&tx, delivery_ids, provider.clock.now()).await?;
    Ok(store::commit(tx).await?)
}

/// The page of an application that a browser was asked to frame said there that it is done. False, and
/// nothing changed, unless it was asked and has said nothing yet.
///
/// # Errors
/// When the database fails.
pub async fn said_done(provider: &Provider, delivery_id: Uuid) -> Result<bool, FlowError> {
    let tx = provider.database.begin().await?;
    let changed = deliveries::confirm_asked(&tx, delivery_id, provider.clock.now()).await?;
    store::commit(tx).await?;
    if changed {
        provider.receipts.send_replace(());
    }
    Ok(changed)
}
