//! `breakers`: applications that did not answer, and until when they are spared. Shared by all nodes.

use sea_orm::ConnectionTrait;
use sea_orm::QueryOrder as _;
use sea_orm::entity::prelude::*;

use super::{StoreError, millis, time_or_none};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "breakers")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    client_id: String,
    failures: i32,
    open_until: Option<i64>,
    probing_until: Option<i64>,
    updated_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// An application that is spared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tripped {
    /// The application.
    pub client_id: String,
    /// Until when one delivery tries whether it answers again, if one does.
    pub probing_until: Option<Timestamp>,
}

/// The applications that are spared, or tried with one delivery alone, at `now`.
///
/// # Errors
/// When the database fails.
pub async fn tripped(
    db: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<Vec<Tripped>, StoreError> {
    Entity::find()
        .filter(Column::OpenUntil.is_not_null())
        .order_by_asc(Column::ClientId)
        .all(db)
        .await?
        .into_iter()
        .map(|row| {
            Ok(Tripped {
                client_id: row.client_id,
                probing_until: time_or_none(
                    row.probing_until.filter(|until| *until > millis(now)),
                )?,
            })
        })
        .collect()
}
