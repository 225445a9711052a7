//! Ending the sessions that came from another provider, when it says so.

use super::{AtOnce, end_in, sessions_at_once};
use crate::flows::{FlowError, Provider};
use crate::oidc::logout::Cause;
use crate::store::session_upstreams::{self, Named};
use crate::store::upstream_logouts;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// So many sessions ended; what told it is used up.
    Ended(usize),
    /// It was used up before, and nothing ended.
    Before,
    /// It names a session and a person to whom that session does not belong, and nothing ended.
    OfAnother,
}

/// Ends every session that came from there under these names, and uses up what told it: in one transaction, or, where
/// there are many, in the last of several. So whoever tells it again after an error of ours is heard.
///
/// # Errors
/// When it can't be told whether they ended; what told it is good still.
pub async fn end_from_upstream(
    provider: &Provider,
    named: Named<'_>,
    jti: &str,
) -> Result<Left, FlowError> {
    let limit = sessions_at_once(provider);
    let mut count = 0;
    loop {
        let at_once = AtOnce::begin(provider, Cause::Upstream).await?;
        let (tx, ending) = (&at_once.tx, at_once.ending);
        upstream_logouts::take_turn(tx, named).await?;
        if upstream_logouts::is_used(tx, named.issuer, jti).await? {
            return Ok(Left::Before);
        }
        if let (Some(subject), Some(sid)) = (named.subject, named.sid)
            && session_upstreams::is_of_another(tx, named.issuer, subject, sid).await?
        {
            return Ok(Left::OfAnother);
        }
        let session_ids = session_upstreams::unended(tx, named, limit).await?;
        let is_last = (session_ids.len() as u64) < limit;
        // Where it took another node's turn, that one has ended them.
        if is_last && !upstream_logouts::use_once(tx, jti, named, ending.now).await? {
            return Ok(Left::Before);
        }
        let ended = end_in(provider, tx, &session_ids, ending).await?;
        count += at_once.finish(ended).await?;
        if is_last {
            return Ok(Left::Ended(count));
        }
    }
}
