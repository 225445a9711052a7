//! What is over for long: a few rows a statement, of every table that keeps what has been, and only where nothing
//! that is still of use hangs on it.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{StoreError, millis};
use crate::clock::Timestamp;

/// The most rows of a kind that one call forgets.
pub const MOST_ROWS: u64 = 500;

/// What is forgotten, in this order: what refers to a row goes before it. `$1` is how many at most, `$2` the moment
/// before which it must have been over, `$3` the present one.
const OVER: [&str; 5] = [
    // Its attempts go with it. While the application may believe in the session, the row says what it was told.
    "DELETE FROM logout_deliveries WHERE id IN (SELECT id FROM logout_deliveries \
     WHERE finished_at <= $2 AND believes_until <= $3 AND due_at IS NULL LIMIT $1{skip})",
    "DELETE FROM participants WHERE sid IN (SELECT sid FROM participants \
     WHERE ended_at <= $2 AND believes_until <= $3 AND NOT EXISTS (SELECT 1 FROM logout_deliveries \
     WHERE logout_deliveries.session_id = participants.session_id) LIMIT $1{skip})",
    // Its tokens go with it. A program's own stands as long as the program is known. A person's that was not taken back lives as long as a token of it that can be used again; its
    // access tokens have expired by then.
    "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE created_at <= $2 AND (revoked_at <= $2 \
     OR (revoked_at IS NULL AND user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE refresh_tokens.grant_id = grants.id) \
     AND NOT EXISTS (SELECT 1 FROM authorization_codes WHERE authorization_codes.grant_id = grants.id))) LIMIT $1{skip})",
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at <= $2 \
     AND NOT EXISTS (SELECT 1 FROM logout_deliveries WHERE logout_deliveries.session_id = sessions.id) \
     AND NOT EXISTS (SELECT 1 FROM participants WHERE participants.session_id = sessions.id) \
     AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.session_id = sessions.id) LIMIT $1{skip})",
    "DELETE FROM logout_orders WHERE id IN (SELECT id FROM logout_orders WHERE expanded_at <= $2 \
     AND NOT EXISTS (SELECT 1 FROM logout_deliveries WHERE logout_deliveries.order_id = logout_orders.id) LIMIT $1{skip})",
];

/// Forgets some of what was over before `kept_since`; answers whether there may be more.
///
/// # Errors
/// When the database fails.
pub async fn forget_some(
    db: &impl ConnectionTrait,
    kept_since: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let backend = db.get_database_backend();
    // What another node forgets is passed over, not waited for. SQLite's writer is alone.
    let skip = match backend {
        DbBackend::Postgres => " FOR UPDATE SKIP LOCKED",
        _ => "",
    };
    let mut is_more = false;
    for over in OVER {
        let mut values = vec![
            (MOST_ROWS as i64).into(),
            millis(kept_since).into(),
            millis(now).into(),
        ];
        let over = over.replace("{skip}", skip);
        // PostgreSQL wants as many values as the statement names.
        values.truncate(if over.contains("$3") { 3 } else { 2 });
        let forget = Statement::from_sql_and_values(backend, over, values);
        is_more |= db.execute_raw(forget).await?.rows_affected() >= MOST_ROWS;
    }
    Ok(is_more)
}
