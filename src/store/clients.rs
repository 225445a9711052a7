//! `clients`: applications. Their rows stay when they go, since what took part must be told.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::SelectStatement;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _, QueryTrait};

use super::services::{names, names_text};
use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;
use crate::oidc::client::{Client, KeptSecret};

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    client_id: String,
    client_secret_hash: Option<String>,
    client_secret_sealed: Option<String>,
    metadata: String,
    audiences: Option<String>,
    declared: bool,
    created_at: i64,
    updated_at: i64,
    disabled_at: Option<i64>,
    deleted_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A client and how we came to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownClient {
    /// The client.
    pub client: Client,
    /// Whether the configuration declares it, so that the command line may not change it.
    pub declared: bool,
    /// When it was made known.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was shut out, if it is; who is removed is shut out too.
    pub disabled_at: Option<Timestamp>,
    /// When it was removed, if it is.
    pub deleted_at: Option<Timestamp>,
}

impl TryFrom<Model> for KnownClient {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            client: Client {
                client_id: row.client_id,
                secret: match (row.client_secret_sealed, row.client_secret_hash) {
                    (Some(sealed), _) => Some(KeptSecret::Sealed(sealed)),
                    (None, hash) => hash.map(KeptSecret::Hashed),
                },
                metadata: serde_json::from_str(&row.metadata)
                    .map_err(|_damaged| StoreError::Damaged("client metadata"))?,
            },
            declared: row.declared,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
            disabled_at: time_or_none(row.disabled_at)?,
            deleted_at: time_or_none(row.deleted_at)?,
        })
    }
}

/// The client `client_id`, if it may be spoken with.
///
/// # Errors
/// When the database fails.
pub async fn find_enabled(
    db: &impl ConnectionTrait,
    client_id: &str,
) -> Result<Option<Client>, StoreError> {
    Ok(find(db, client_id)
        .await?
        .filter(|known| known.disabled_at.is_none())
        .map(|known| known.client))
}

/// As [`find_enabled`], and nobody shuts it out until this transaction is over.
///
/// # Errors
/// When the database fails.
pub async fn hold_enabled(
    db: &impl ConnectionTrait,
    client_id: &str,
) -> Result<Option<Client>, StoreError> {
    let found = Entity::find_by_id(client_id)
        .filter(Column::DisabledAt.is_null())
        .lock_shared();
    let known: Option<KnownClient> = rows::one(db, found).await?;
    Ok(known.map(|known| known.client))
}

/// Waits for those who hold the client, and keeps others from it until this transaction is over.
///
/// # Errors
/// When the database fails.
pub async fn lock(db: &impl ConnectionTrait, client_id: &str) -> Result<(), StoreError> {
    Entity::find_by_id(client_id)
        .lock_exclusive()
        .one(db)
        .await?;
    Ok(())
}

/// The client `client_id`, shut out or not: one that has gone is still told of sign-outs.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    client_id: &str,
) -> Result<Option<KnownClient>, StoreError> {
    rows::one(db, Entity::find_by_id(client_id)).await
}

/// The clients named, shut out or not.
///
/// # Errors
/// When the database fails.
pub async fn find_all(
    db: &impl ConnectionTrait,
    client_ids: &[String],
) -> Result<Vec<KnownClient>, StoreError> {
    let found = Entity::find().filter(Column::ClientId.is_in(client_ids));
    rows::all(db, found).await
}

/// Every client that was not removed, by identifier.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<KnownClient>, StoreError> {
    let found = Entity::find()
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::ClientId);
    rows::all(db, found).await
}

/// The identifiers of clients that may be spoken with, for other tables' questions.
pub(super) fn enabled() -> SelectStatement {
    let mut enabled = Entity::find()
        .select_only()
        .column(Column::ClientId)
        .filter(Column::DisabledAt.is_null());
    std::mem::take(QueryTrait::query(&mut enabled))
}

/// Of these clients those whose access tokens are for this audience where no service is named, or once were: what was
/// issued then may still be good.
///
/// # Errors
/// When the database fails.
pub async fn with_audience(
    db: &impl ConnectionTrait,
    client_ids: &[String],
    audience: &str,
) -> Result<Vec<String>, StoreError> {
    if client_ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = Entity::find()
        .filter(Column::ClientId.is_in(client_ids))
        .all(db)
        .await?;
    let mut with = Vec::new();
    for row in rows {
        let client_id = row.client_id.clone();
        if audiences(Some(row))?.iter().any(|known| known == audience) {
            with.push(client_id);
        }
    }
    Ok(with)
}

/// For whom the client's tokens were when no service was named, now and before.
fn audiences(row: Option<Model>) -> Result<Vec<String>, StoreError> {
    let Some(row) = row else {
        return Ok(Vec::new());
    };
    let mut audiences = match row.audiences.as_deref() {
        Some(known) => names(known)?,
        None => Vec::new(),
    };
    let known = KnownClient::try_from(row)?.client.metadata;
    let now = known.access_token_audience;
    audiences.extend(now.filter(|now| !audiences.contains(now)));
    Ok(audiences)
}

/// Keeps a new client, or what one is now.
///
/// # Errors
/// When the database fails.
pub async fn save(db: &impl ConnectionTrait, known: &KnownClient) -> Result<(), StoreError> {
    let (hash, sealed) = match &known.client.secret {
        None => (None, None),
        Some(KeptSecret::Hashed(hash)) => (Some(hash.clone()), None),
        Some(KeptSecret::Sealed(sealed)) => (None, Some(sealed.clone())),
    };
    let before = Entity::find_by_id(&known.client.client_id).one(db).await?;
    let audiences = audiences(before)?;
    let audiences = (!audiences.is_empty()).then(|| names_text(&audiences));
    let row = ActiveModel {
        client_id: Set(known.client.client_id.clone()),
        client_secret_hash: Set(hash),
        client_secret_sealed: Set(sealed),
        metadata: Set(serde_json::to_string(&known.client.metadata)
            .map_err(|_unwritable| StoreError::Damaged("client metadata"))?),
        audiences: Set(audiences.transpose()?),
        declared: Set(known.declared),
        created_at: Set(millis(known.created_at)),
        updated_at: Set(millis(known.updated_at)),
        disabled_at: Set(known.disabled_at.map(millis)),
        deleted_at: Set(known.deleted_at.map(millis)),
    };
    rows::save(db, row, &[]).await
}
