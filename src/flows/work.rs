//! The hint that there is something for the workers: from this process, and on PostgreSQL from every other.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Provider;

/// How soon listening is tried again when it failed.
const AGAIN: TimeDelta = TimeDelta::seconds(1);

/// Wakes the workers. Nothing depends on it: they look by themselves too.
#[derive(Debug, Default)]
pub struct Work {
    deliveries: Notify,
    orders: Notify,
}

impl Work {
    /// Wakes whoever has to do with notices and orders: something was committed for them.
    pub fn notify_one(&self) {
        self.deliveries.notify_one();
        self.orders.notify_one();
    }

    /// Waits until there may be notices to deliver.
    pub(super) async fn left_for_deliveries(&self) {
        self.deliveries.notified().await;
    }

    /// Waits until there may be orders to carry out.
    pub(super) async fn left_for_orders(&self) {
        self.orders.notified().await;
    }
}

/// Passes on the hints of other processes until `stop` is cancelled; ends at once where the database has none.
pub async fn listen(provider: Arc<Provider>, stop: CancellationToken) {
    let mut listener = None;
    while !stop.is_cancelled() {
        let heard = async {
            match &mut listener {
                None => match provider.database.listen().await? {
                    None => {
                        stop.cancelled().await;
                        Ok(())
                    }
                    some => {
                        listener = some;
                        Ok(())
                    }
                },
                Some(listener) => listener.hint().await,
            }
        };
        let heard: Result<(), crate::store::StoreError> = tokio::select! {
            heard = heard => heard,
            () = stop.cancelled() => return,
        };
        match heard {
            Ok(()) => provider.work.notify_one(),
            Err(error) => {
                listener = None;
                tracing::warn!(%error, "hints are not heard; work is looked for every second all the same");
                tokio::select! {
                    () = provider.clock.sleep_until(provider.clock.now() + AGAIN) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }
}
