//! `exeunt migrate`.

use super::show;
use crate::config::Config;
use crate::store::Database;

/// Brings the database up to date, and nothing else: no key is made, nothing declared is applied.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let database = Database::open(config.database.as_str(), 1).await?;
    let was_current = database.is_current().await?;
    database.migrate().await?;
    database.close().await;
    let answer = if was_current {
        "was up to date already"
    } else {
        "is up to date now"
    };
    show::say(format!("The database {} {answer}.", config.database))
}
