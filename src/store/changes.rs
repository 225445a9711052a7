//! `changes`: a counter for each thing that servers keep in memory, so that one cheap look tells
//! whether another process changed it.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::StoreError;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "changes")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    version: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// The counter of the signing keys.
pub const SIGNING_KEYS: &str = "signing_keys";

/// The counter's value; zero when nothing has been counted.
///
/// # Errors
/// When the database fails.
pub async fn version(db: &impl ConnectionTrait, name: &str) -> Result<i64, StoreError> {
    Ok(Entity::find_by_id(name)
        .one(db)
        .await?
        .map_or(0, |row| row.version))
}

/// Counts a change, in the transaction that makes it.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &impl ConnectionTrait, name: &str) -> Result<(), StoreError> {
    let row = ActiveModel {
        name: Set(name.to_owned()),
        version: Set(1),
    };
    let more = OnConflict::column(Column::Name)
        .value(Column::Version, Expr::col((Entity, Column::Version)).add(1))
        .to_owned();
    Entity::insert(row)
        .on_conflict(more)
        .exec_without_returning(db)
        .await?;
    Ok(())
}
