//! `services`: resource servers, and what tokens for them look like.

use chrono::TimeDelta;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;
use crate::oidc::scope::Scope;
use crate::oidc::service::{Service, TokenFormat};

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "services")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    identifier: String,
    name: Option<String>,
    format: String,
    scope: String,
    lifetime: i64,
    claims: String,
    clients: Option<String>,
    secret_hash: Option<String>,
    is_declared: bool,
    disabled_at: Option<i64>,
    created_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A service and how we came to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownService {
    /// The service.
    pub service: Service,
    /// The keyed hash of the secret by which it proves who it is, if it has one.
    pub secret_hash: Option<String>,
    /// Whether the configuration declares it, so that the command line may not change it.
    pub declared: bool,
    /// Since when it gets no tokens, if so: it has left the file.
    pub disabled_at: Option<Timestamp>,
    /// When it was made known.
    pub created_at: Timestamp,
}

impl TryFrom<Model> for KnownService {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged("a service");
        Ok(Self {
            service: Service {
                identifier: row.identifier,
                name: row.name,
                format: TokenFormat::from_name(&row.format).ok_or_else(damaged)?,
                scope: Scope::parse(&row.scope).map_err(|_damaged| damaged())?,
                lifetime: TimeDelta::try_milliseconds(row.lifetime).ok_or_else(damaged)?,
                claims: names(&row.claims)?,
                clients: row.clients.as_deref().map(names).transpose()?,
            },
            secret_hash: row.secret_hash,
            declared: row.is_declared,
            disabled_at: time_or_none(row.disabled_at)?,
            created_at: time(row.created_at)?,
        })
    }
}

/// A list of names, as it is kept.
pub(super) fn names(json: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(json).map_err(|_damaged| StoreError::Damaged("a list of names"))
}

pub(super) fn names_text(names: &[String]) -> Result<String, StoreError> {
    serde_json::to_string(names).map_err(|_unwritable| StoreError::Damaged("a list of names"))
}

/// The service `identifier`, disabled or not.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    identifier: &str,
) -> Result<Option<KnownService>, StoreError> {
    rows::one(db, Entity::find_by_id(identifier)).await
}

/// As [`find`], and nobody else changes it or its keys until this transaction is over.
///
/// # Errors
/// When the database fails.
pub async fn lock(
    db: &impl ConnectionTrait,
    identifier: &str,
) -> Result<Option<KnownService>, StoreError> {
    let found = Entity::find_by_id(identifier).lock_exclusive();
    rows::one(db, found).await
}

/// Of these services those that get tokens, by identifier.
///
/// # Errors
/// When the database fails.
pub async fn find_enabled(
    db: &impl ConnectionTrait,
    identifiers: &[String],
) -> Result<Vec<Service>, StoreError> {
    let known = known(db, identifiers).await?.into_iter();
    let enabled = known.filter(|known| known.disabled_at.is_none());
    Ok(enabled.map(|known| known.service).collect())
}

/// Of these services those that there are, also such as get no tokens, by identifier.
///
/// # Errors
/// When the database fails.
pub async fn find_all(
    db: &impl ConnectionTrait,
    identifiers: &[String],
) -> Result<Vec<Service>, StoreError> {
    let known = known(db, identifiers).await?.into_iter();
    Ok(known.map(|known| known.service).collect())
}

async fn known(
    db: &impl ConnectionTrait,
    identifiers: &[String],
) -> Result<Vec<KnownService>, StoreError> {
    if identifiers.is_empty() {
        return Ok(Vec::new());
    }
    let found = Entity::find()
        .filter(Column::Identifier.is_in(identifiers))
        .order_by_asc(Column::Identifier);
    rows::all(db, found).await
}

/// Every service, by identifier.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<KnownService>, StoreError> {
    let found = Entity::find().order_by_asc(Column::Identifier);
    rows::all(db, found).await
}

/// For how long the tokens of services are good, at least and at most; none where there are no services.
///
/// # Errors
/// When the database fails.
pub async fn lifetimes(
    db: &impl ConnectionTrait,
) -> Result<Option<(TimeDelta, TimeDelta)>, StoreError> {
    let found: Option<(Option<i64>, Option<i64>)> = Entity::find()
        .select_only()
        .column_as(Column::Lifetime.min(), "shortest")
        .column_as(Column::Lifetime.max(), "longest")
        .into_tuple()
        .one(db)
        .await?;
    let Some((Some(shortest), Some(longest))) = found else {
        return Ok(None);
    };
    let read = |millis| TimeDelta::try_milliseconds(millis).ok_or(StoreError::Damaged("a service"));
    Ok(Some((read(shortest)?, read(longest)?)))
}

/// Keeps a new service, or what one is now.
///
/// # Errors
/// When the database fails.
pub async fn save(db: &impl ConnectionTrait, known: &KnownService) -> Result<(), StoreError> {
    let service = &known.service;
    let clients = service.clients.as_deref().map(names_text).transpose()?;
    let row = ActiveModel {
        identifier: Set(service.identifier.clone()),
        name: Set(service.name.clone()),
        format: Set(service.format.as_str().to_owned()),
        scope: Set(service.scope.to_string()),
        lifetime: Set(service.lifetime.num_milliseconds()),
        claims: Set(names_text(&service.claims)?),
        clients: Set(clients),
        secret_hash: Set(known.secret_hash.clone()),
        is_declared: Set(known.declared),
        disabled_at: Set(known.disabled_at.map(millis)),
        created_at: Set(millis(known.created_at)),
    };
    rows::save(db, row, &[]).await
}

/// Forgets a service, its secret and its keys; false when there is none of that name.
///
/// # Errors
/// When the database fails.
pub async fn remove(db: &impl ConnectionTrait, identifier: &str) -> Result<bool, StoreError> {
    let gone = Entity::delete_by_id(identifier).exec(db).await?;
    Ok(gone.rows_affected == 1)
}
