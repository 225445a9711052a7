//! PostgreSQL's LISTEN: hints that another process left something to do.

use sea_orm::sqlx::postgres::PgListener;
use sea_orm::{DbErr, RuntimeErr};

use super::StoreError;

/// What is notified when there are notices or orders to work off.
pub(super) const CHANNEL: &str = "exeunt_work";

/// A connection that does nothing but listen.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Listener {
    pub(super) async fn connect(url: &str) -> Result<Self, StoreError> {
        let mut listener = PgListener::connect(url).await.map_err(failed)?;
        listener.listen(CHANNEL).await.map_err(failed)?;
        Ok(Self(listener))
    }

    /// Waits for the next hint. A connection that broke is one too, since hints were lost with it; it is made
    /// again.
    ///
    /// # Errors
    /// When it can't be made again yet.
    pub async fn hint(&mut self) -> Result<(), StoreError> {
        self.0.try_recv().await.map_err(failed)?;
        Ok(())
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Database(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}
