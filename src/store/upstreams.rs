//! `upstreams`: the providers through which people sign in.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _};

use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;
use crate::oidc::upstream::Upstream;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstreams")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    definition: String,
    sealed_secret: Option<String>,
    is_declared: bool,
    disabled_at: Option<i64>,
    created_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// An upstream and how we came to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownUpstream {
    /// The upstream.
    pub upstream: Upstream,
    /// Our secret there, sealed, if we have one.
    pub sealed_secret: Option<String>,
    /// Whether the configuration declares it, so that the command line may not change it.
    pub declared: bool,
    /// Since when nobody signs in through it, if so: it has left the file.
    pub disabled_at: Option<Timestamp>,
    /// When it was made known.
    pub created_at: Timestamp,
}

impl TryFrom<Model> for KnownUpstream {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            upstream: serde_json::from_str(&row.definition)
                .map_err(|_damaged| StoreError::Damaged("an upstream"))?,
            sealed_secret: row.sealed_secret,
            declared: row.is_declared,
            disabled_at: time_or_none(row.disabled_at)?,
            created_at: time(row.created_at)?,
        })
    }
}

/// The upstream of that name, disabled or not.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<KnownUpstream>, StoreError> {
    rows::one(db, Entity::find_by_id(id)).await
}

/// Every upstream, in the order in which they were made known.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<KnownUpstream>, StoreError> {
    let found = Entity::find()
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id);
    rows::all(db, found).await
}

/// Those through which people sign in now, in the order in which they were made known.
///
/// # Errors
/// When the database fails.
pub async fn list_enabled(db: &impl ConnectionTrait) -> Result<Vec<Upstream>, StoreError> {
    let all = list(db).await?.into_iter();
    let enabled = all.filter(|known| known.disabled_at.is_none());
    Ok(enabled.map(|known| known.upstream).collect())
}

/// Keeps a new upstream, or what one is now.
///
/// # Errors
/// When the database fails.
pub async fn save(db: &impl ConnectionTrait, known: &KnownUpstream) -> Result<(), StoreError> {
    let definition = serde_json::to_string(&known.upstream)
        .map_err(|_unwritable| StoreError::Damaged("an upstream"))?;
    let row = ActiveModel {
        id: Set(known.upstream.id.clone()),
        definition: Set(definition),
        sealed_secret: Set(known.sealed_secret.clone()),
        is_declared: Set(known.declared),
        disabled_at: Set(known.disabled_at.map(millis)),
        created_at: Set(millis(known.created_at)),
    };
    rows::save(db, row, &[Column::CreatedAt]).await
}

/// Forgets an upstream; false when there is none of that name. Who came through it stays who they are.
///
/// # Errors
/// When the database fails.
pub async fn remove(db: &impl ConnectionTrait, id: &str) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id(id).exec(db).await?.rows_affected == 1)
}
