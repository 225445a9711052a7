//! The worker that gives entries their numbers, and tells this process how far the log goes.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::flows::{FlowError, Provider};
use crate::store::revocations;

/// How soon an entry is noticed that nobody hinted at.
const LOOK: TimeDelta = TimeDelta::milliseconds(500);
/// How many entries are numbered in one transaction: the writer is never held for long.
const AT_ONCE: u64 = 5000;

/// Works until `stop` is cancelled. Any node may, at any time.
pub async fn run(provider: Arc<Provider>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let again = provider.clock.now() + LOOK;
        if let Err(error) = look(&provider).await {
            tracing::error!(%error, "entries of the revocation log could not be numbered");
        }
        tokio::select! {
            () = provider.work.left_for_revocations() => {}
            () = provider.clock.sleep_until(again) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn look(provider: &Provider) -> Result<(), FlowError> {
    let db = provider.database.read();
    while revocations::are_fresh(db).await? {
        let work = provider.begin_work().await?;
        let numbered = revocations::number(&work.tx, AT_ONCE).await?;
        work.commit().await?;
        provider.metrics.taken_back.numbered(numbered);
        // Another node may have been faster, or hold those that were seen.
        if numbered < AT_ONCE {
            break;
        }
    }
    let given = revocations::given(db).await?;
    provider.revoked.send_if_modified(|known| {
        let is_more = given > *known;
        *known = given.max(*known);
        is_more
    });
    Ok(())
}
