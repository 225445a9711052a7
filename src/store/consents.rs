//! `consents`: what a person has allowed an application, remembered.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::{StoreError, millis, rows, time};
use crate::clock::Timestamp;
use crate::oidc::permission::Permission;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consents")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    user_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    client_id: String,
    scope: String,
    claims: String,
    services: Option<String>,
    granted_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A remembered consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// What was allowed.
    pub permission: Permission,
    /// When it was last said.
    pub granted_at: Timestamp,
}

impl TryFrom<Model> for Consent {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let services = row.services.as_deref().map(serde_json::from_str);
        Ok(Self {
            permission: Permission {
                services: services
                    .transpose()
                    .map_err(|_damaged| StoreError::Damaged("a consent"))?
                    .unwrap_or_default(),
                ..Permission::read(&row.scope, &row.claims)
            },
            granted_at: time(row.granted_at)?,
        })
    }
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
    rows::one(db, Entity::find_by_id((user_id, client_id.to_owned()))).await
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
    let services = &consent.permission.services;
    let services = (!services.is_empty()).then(|| serde_json::to_string(services));
    let row = ActiveModel {
        user_id: Set(user_id),
        client_id: Set(client_id.to_owned()),
        scope: Set(consent.permission.scope.to_string()),
        claims: Set(consent.permission.claims_text()),
        services: Set(services
            .transpose()
            .map_err(|_unwritable| StoreError::Damaged("a consent"))?),
        granted_at: Set(millis(consent.granted_at)),
    };
    rows::save(db, row, &[]).await
}

/// What a person has allowed, by client.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl ConnectionTrait,
    user_id: Uuid,
) -> Result<Vec<(String, Consent)>, StoreError> {
    Entity::find()
        .filter(Column::UserId.eq(user_id))
        .order_by_asc(Column::ClientId)
        .all(db)
        .await?
        .into_iter()
        .map(|row| Ok((row.client_id.clone(), Consent::try_from(row)?)))
        .collect()
}

/// Forgets what a person allowed a client; false when that was nothing.
///
/// # Errors
/// When the database fails.
pub async fn remove(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    client_id: &str,
) -> Result<bool, StoreError> {
    let gone = Entity::delete_by_id((user_id, client_id.to_owned()))
        .exec(db)
        .await?;
    Ok(gone.rows_affected == 1)
}

/// Forgets everything that a person allowed.
///
/// # Errors
/// When the database fails.
pub async fn remove_of_user(db: &impl ConnectionTrait, user_id: Uuid) -> Result<(), StoreError> {
    remove_all(db, Column::UserId.eq(user_id)).await
}

/// Forgets everything that a client was allowed.
///
/// # Errors
/// When the database fails.
pub async fn remove_of_client(
    db: &impl ConnectionTrait,
    client_id: &str,
) -> Result<(), StoreError> {
    remove_all(db, Column::ClientId.eq(client_id)).await
}

async fn remove_all(db: &impl ConnectionTrait, whose: Expr) -> Result<(), StoreError> {
    // Locked in one order first: a person's and a client's have rows in common.
    Entity::find()
        .filter(whose.clone())
        .order_by_asc(Column::UserId)
        .order_by_asc(Column::ClientId)
        .lock_exclusive()
        .all(db)
        .await?;
    Entity::delete_many().filter(whose).exec(db).await?;
    Ok(())
}
