//! `client_assertions`: the `jti`s of assertions that have been used (RFC 7523 §3).

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, OnConflict};
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::locking::unheld;
use super::{StoreError, millis};
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
    let known = OnConflict::columns([Column::ClientId, Column::Jti])
        .do_nothing()
        .to_owned();
    Ok(Entity::insert(row)
        .on_conflict(known)
        .exec_without_returning(db)
        .await?
        == 1)
}

/// Forgets assertions that nobody would accept any more.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    let over = Condition::all().add(Column::ExpiresAt.lt(millis(before)));
    Entity::delete_many()
        // Another client's may bear the same name.
        .filter(over.clone())
        .filter(unheld::<Entity>(Column::Jti, over))
        .exec(db)
        .await?;
    Ok(())
}
