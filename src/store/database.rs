//! The only holder of connections.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use exeunt_migrations::{Migrator, MigratorTrait as _};
use sea_orm::sqlx;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
};

use super::listener::{CHANNEL, Hint, Listener};

/// What is logged of the libraries below, as `RUST_LOG` has it: not that a table is there already.
pub const LOG: &str = "sea_orm_migration=warn,sqlx::postgres::notice=warn";

/// How long a writer waits for another process's write before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before asking again for what SQLite refuses at once.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// What SQLite's writer may keep in memory: 16 MiB, as `PRAGMA cache_size` has it.
const WRITER_CACHE: &str = "-16384";

/// What SQLite says of a lock that another process holds.
const SQLITE_BUSY: &str = "5";

/// What a database says that can't answer now: SQLite's SQLITE_BUSY; PostgreSQL's too_many_connections,
/// admin_shutdown, crash_shutdown and cannot_connect_now, serialization_failure and deadlock_detected.
const BUSY: [&str; 7] = [
    SQLITE_BUSY,
    "53300",
    "57P01",
    "57P02",
    "57P03",
    "40001",
    "40P01",
];

/// The advisory lock of those who migrate a PostgreSQL database.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(1165520212)";

/// A write transaction. On SQLite it holds the write lock from its beginning.
pub type Transaction = DatabaseTransaction;

/// Makes what the transaction wrote true, durably (P1).
///
/// # Errors
/// When the database fails; then nothing of it is true.
pub async fn commit(transaction: Transaction) -> Result<(), StoreError> {
    Ok(transaction.commit().await?)
}

/// Tells every process that listens that there is work, once the transaction commits.
pub(super) async fn hint(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    notify(db, Hint::Work).await
}

/// As [`hint`], of that kind.
pub(super) async fn notify(db: &impl ConnectionTrait, hint: Hint) -> Result<(), StoreError> {
    if db.get_database_backend() == DbBackend::Postgres {
        let notify = format!("SELECT pg_notify('{CHANNEL}', '{}')", hint.as_str());
        db.execute_raw(Statement::from_string(DbBackend::Postgres, notify))
            .await?;
    }
    Ok(())
}

/// What can go wrong with the database. Says nothing of the values involved.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or did not answer.
    #[error("the database: {0}")]
    Database(#[from] DbErr),
    /// A row holds something that we never write.
    #[error("the database holds {0} that cannot be read")]
    Damaged(&'static str),
}

impl StoreError {
    /// Whether a unique value stood there already.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Database(error)
            if matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))))
    }

    /// Whether the database is out of reach, or too busy, for the moment.
    pub fn is_passing(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        match error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
            DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => match cause.as_ref() {
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(refusal) => {
                    refusal.code().is_some_and(|code| BUSY.contains(&&*code))
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// The connections: on SQLite one writer and several readers, on PostgreSQL one pool for both.
#[derive(Debug, Clone)]
pub struct Database {
    writer: DatabaseConnection,
    readers: DatabaseConnection,
    /// Where to listen for hints from other processes; none on SQLite, which has no such thing.
    hints: Option<String>,
}

impl Database {
    /// Connects to `url` (`sqlite://path` or `postgres://...`) with at most `connections` at once.
    /// A SQLite file that is absent is made, readable by its owner alone.
    ///
    /// # Errors
    /// When nothing answers there.
    pub async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            make_private(url);
            let writer = connect_writer(url).await?;
            let readers = sea_orm::Database::connect(sqlite(url, connections, true)).await?;
            return Ok(Self {
                writer,
                readers,
                hints: None,
            });
        }
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(connections)
            .acquire_timeout(BUSY_TIMEOUT)
            .sqlx_logging(false);
        let pool = sea_orm::Database::connect(options).await?;
        Ok(Self {
            writer: pool.clone(),
            readers: pool,
            hints: Some(url.to_owned()),
        })
    }

    /// Brings the schema up to date. Each step is one transaction, the note that it was done included; processes that start
    /// at the same time take turns at them. What is up to date is only looked at.
    ///
    /// # Errors
    /// When a step fails; nothing of it remains then, and the steps before it stay.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        while !self.is_current().await? {
            // SQLite is locked from here on. One transaction for all steps would hold up the nodes that go on meanwhile.
            let step = self.begin().await?;
            if step.get_database_backend() == DbBackend::Postgres {
                let lock = Statement::from_string(DbBackend::Postgres, MIGRATION_LOCK);
                step.execute_raw(lock).await?;
            }
            // Which step is next is looked up in here: another process may have done the one that was.
            Migrator::up(&step, Some(1)).await?;
            step.commit().await?;
        }
        Ok(())
    }

    /// Whether every migration has been applied. Writes nothing, and waits for nobody who migrates.
    ///
    /// # Errors
    /// When the database does not answer, or is one of a newer version.
    pub async fn is_current(&self) -> Result<bool, StoreError> {
        let pending = Migrator::get_pending_migrations_read_only(&self.writer).await?;
        Ok(pending.is_empty())
    }

    /// Whether no migration was ever applied. Writes nothing.
    ///
    /// # Errors
    /// As [`Database::is_current`].
    pub async fn is_new(&self) -> Result<bool, StoreError> {
        let pending = Migrator::get_pending_migrations_read_only(&self.writer).await?;
        Ok(pending.len() == Migrator::migrations().len())
    }

    /// Where to look things up outside a transaction.
    pub fn read(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// A transaction that may write: IMMEDIATE on SQLite, since one that reads first and then writes
    /// would fail at once when another process wrote in between, whatever the busy timeout.
    ///
    /// # Errors
    /// When no connection comes free in time.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(self
            .writer
            .begin_with_options(TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            })
            .await?)
    }

    /// Listens for the hints of other processes; none where the database passes none on. A hint may be lost: looking
    /// is the truth.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        match &self.hints {
            Some(url) => Ok(Some(Listener::connect(url).await?)),
            None => Ok(None),
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.readers.ping().await?;
        Ok(())
    }

    /// Closes every connection; SQLite writes its log back into the file.
    pub async fn close(self) {
        // Closing can fail only for connections that are gone already.
        let _ = self.readers.close().await;
        let _ = self.writer.close().await;
    }
}

/// Connects SQLite's writer. Where a new file gets its write-ahead log, SQLite does not wait for the other process that
/// is at it, whatever the busy timeout: it refuses, and the connection is to be asked for again.
#[expect(
    clippy::disallowed_methods,
    reason = "another process holds the file, under no clock of ours"
)]
async fn connect_writer(url: &str) -> Result<DatabaseConnection, DbErr> {
    let begun = Instant::now();
    loop {
        match sea_orm::Database::connect(sqlite(url, 1, false)).await {
            Err(error) if is_locked(&error) && begun.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            connected => return connected,
        }
    }
}

fn is_locked(error: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(cause)) = error else {
        return false;
    };
    let refusal = cause.as_database_error();
    refusal.is_some_and(|refusal| refusal.code().as_deref() == Some(SQLITE_BUSY))
}

/// SQLite makes a file as the umask has it, readable by everybody as a rule; beside it `-wal` and `-shm` with the mode
/// that the file has by then. An empty file is a database to it.
fn make_private(url: &str) {
    if let Ok(options) = SqliteConnectOptions::from_str(url) {
        // It may be there already; whatever else is wrong SQLite says better.
        let _ = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(options.get_filename());
    }
}

fn sqlite(url: &str, connections: u32, read_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(BUSY_TIMEOUT)
        // A file does not hang up. To ask it first would be a switch to SQLite's thread and back for each query.
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            let sqlite = sqlite
                .create_if_missing(!read_only)
                .journal_mode(SqliteJournalMode::Wal)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT);
            if read_only {
                sqlite.read_only(true)
            } else {
                // NORMAL may lose a commit when the power goes, and a "signed out" page with it.
                sqlite
                    .synchronous(SqliteSynchronous::Full)
                    // A queue of thousands is read and written again and again: with 2 MiB most of it comes from the
                    // file each time.
                    .pragma("cache_size", WRITER_CACHE)
                    .pragma("temp_store", "memory")
            }
        });
    options
}
