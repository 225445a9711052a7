//! `client_assertions`: the `jti`s of assertions that have been used (RFC 7523 §3).

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::{StoreError, millis, rows};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_assertions")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    client_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    jti: String,
    expires_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// Uses an assertion up; false when it was used before, at whichever node.
///
/// # Errors
/// When the database fails.
pub async fn use_once(
    db: &impl ConnectionTrait,
    client_id: &str,
    jti: &str,
    expires_at: Timestamp,
) -> Result<bool, StoreError> {
    let row = ActiveModel {
        client_id: Set(client_id.to_owned()),
        jti: Set(jti.to_owned()),
        expires_at: Set(millis(expires_at)),
    };
    rows::insert_new(db, row).await
}

/// Forgets assertions that nobody would accept any more.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::Jti, Column::ExpiresAt, before).await
}
