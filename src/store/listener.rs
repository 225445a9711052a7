//! PostgreSQL's LISTEN: hints that another process left something to do.

use sea_orm::sqlx::postgres::PgListener;
use sea_orm::{DbErr, RuntimeErr};

use super::StoreError;

/// Where processes of the same database tell each other that there is something to do.
pub(super) const CHANNEL: &str = "exeunt_work";

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Notices or orders to work off; or anything, where hints were lost.
    Work,
    /// Entries of the revocation log to be read.
    Revocations,
}

impl Hint {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Work => "",
            Self::Revocations => "revocations",
        }
    }
}

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
    pub async fn hint(&mut self) -> Result<Hint, StoreError> {
        let heard = self.0.try_recv().await.map_err(failed)?;
        let revocations = Hint::Revocations;
        Ok(match heard {
            Some(heard) if heard.payload() == revocations.as_str() => revocations,
            _ => Hint::Work,
        })
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Database(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}
