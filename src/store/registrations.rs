//! `registrations`: clients that registered themselves: by what right, from where, and whether anything came
//! of it. What they registered stands in `clients`.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, Statement};

use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "registrations")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    client_id: String,
    access_token_hash: String,
    initial_access_token_id: Option<Uuid>,
    note: Option<String>,
    address: String,
    registered_at: i64,
    used_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// How a client registered itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The client.
    pub client_id: String,
    /// The keyed hash of its registration access token.
    pub access_token_hash: String,
    /// The initial access token that let it in; none: it came by itself.
    pub initial_access_token_id: Option<Uuid>,
    /// What stood beside that token.
    pub note: Option<String>,
    /// From where: an IPv4 address, or an IPv6 network.
    pub address: String,
    /// When.
    pub registered_at: Timestamp,
    /// Since when it is known that somebody allowed it something, or that it got tokens of its own.
    pub used_at: Option<Timestamp>,
}

impl TryFrom<Model> for Registration {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            client_id: row.client_id,
            access_token_hash: row.access_token_hash,
            initial_access_token_id: row.initial_access_token_id,
            note: row.note,
            address: row.address,
            registered_at: time(row.registered_at)?,
            used_at: time_or_none(row.used_at)?,
        })
    }
}

/// Nothing hangs on the client `c`, which nobody need be told of then. A consent of which no grant came goes with it.
const NOTHING_HANGS_ON_IT: &str = "NOT EXISTS (SELECT 1 FROM grants WHERE grants.client_id = c.client_id) \
     AND NOT EXISTS (SELECT 1 FROM participants WHERE participants.client_id = c.client_id) \
     AND NOT EXISTS (SELECT 1 FROM logout_deliveries WHERE logout_deliveries.client_id = c.client_id)";

/// Keeps a new registration; its client is kept already.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    registration: &Registration,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        client_id: Set(registration.client_id.clone()),
        access_token_hash: Set(registration.access_token_hash.clone()),
        initial_access_token_id: Set(registration.initial_access_token_id),
        note: Set(registration.note.clone()),
        address: Set(registration.address.clone()),
        registered_at: Set(millis(registration.registered_at)),
        used_at: Set(registration.used_at.map(millis)),
    };
    rows::insert(db, row).await
}

/// How `client_id` registered itself, if it did.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    client_id: &str,
) -> Result<Option<Registration>, StoreError> {
    rows::one(db, Entity::find_by_id(client_id)).await
}

/// Every registration.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<Registration>, StoreError> {
    rows::all(db, Entity::find()).await
}

/// Remembers of which clients something has come. To be asked before grants are forgotten.
///
/// # Errors
/// When the database fails.
pub async fn mark_used(db: &impl ConnectionTrait, now: Timestamp) -> Result<(), StoreError> {
    let mark = "UPDATE registrations SET used_at = $1 WHERE used_at IS NULL \
        AND EXISTS (SELECT 1 FROM grants WHERE grants.client_id = registrations.client_id)";
    let backend = db.get_database_backend();
    db.execute_raw(Statement::from_sql_and_values(
        backend,
        mark,
        [millis(now).into()],
    ))
    .await?;
    Ok(())
}

/// At most `limit` clients on which nothing hangs, and that are removed, or (where `unused_since` says from
/// when on) were registered before it and never used.
///
/// # Errors
/// When the database fails.
pub async fn of_no_use(
    db: &impl ConnectionTrait,
    unused_since: Option<Timestamp>,
    limit: u64,
) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "SELECT c.client_id FROM registrations r JOIN clients c ON c.client_id = r.client_id \
         WHERE (c.deleted_at IS NOT NULL OR (r.used_at IS NULL AND r.registered_at <= $1)) \
         AND {NOTHING_HANGS_ON_IT} LIMIT {limit}"
    );
    let since = unused_since.map_or(i64::MIN, millis);
    let query = Statement::from_sql_and_values(db.get_database_backend(), sql, [since.into()]);
    let mut found = Vec::new();
    for row in db.query_all_raw(query).await? {
        found.push(row.try_get("", "client_id")?);
    }
    Ok(found)
}

/// Forgets the client, row and all, if nothing hangs on it; answers whether it is forgotten. Whoever asks has
/// locked it, so that nothing comes to hang on it meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn forget_client(db: &impl ConnectionTrait, client_id: &str) -> Result<bool, StoreError> {
    let sql = format!(
        "DELETE FROM clients WHERE client_id IN \
         (SELECT c.client_id FROM clients c WHERE c.client_id = $1 AND {NOTHING_HANGS_ON_IT})"
    );
    let backend = db.get_database_backend();
    let forget = Statement::from_sql_and_values(backend, sql, [client_id.into()]);
    Ok(db.execute_raw(forget).await?.rows_affected() == 1)
}
