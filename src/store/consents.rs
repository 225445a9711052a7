//! `consents`: what a person has allowed an application, remembered.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::{StoreError, millis, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consents")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    user_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    client_id: String,
    scope: String,
    granted_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A remembered consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// What was allowed.
    pub scope: String,
    /// When it was last said.
    pub granted_at: Timestamp,
}

/// What the person has allowed the client.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    client_id: &str,
) -> Result<Option<Consent>, StoreError> {
    let row = Entity::find_by_id((user_id, client_id.to_owned()))
        .one(db)
        .await?;
    row.map(|row| {
        Ok(Consent {
            scope: row.scope,
            granted_at: time(row.granted_at)?,
        })
    })
    .transpose()
}

/// Remembers a consent in the place of the one before.
///
/// # Errors
/// When the database fails.
pub async fn save(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    client_id: &str,
    consent: &Consent,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        user_id: Set(user_id),
        client_id: Set(client_id.to_owned()),
        scope: Set(consent.scope.clone()),
        granted_at: Set(millis(consent.granted_at)),
    };
    let update = sea_orm::sea_query::OnConflict::columns([Column::UserId, Column::ClientId])
        .update_columns([Column::Scope, Column::GrantedAt])
        .to_owned();
    Entity::insert(row)
        .on_conflict(update)
        .exec_without_returning(db)
        .await?;
    Ok(())
}
