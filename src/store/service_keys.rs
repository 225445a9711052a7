//! `service_keys`: the keys that services share with us, sealed under the master key, and those that they publish.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, ExprTrait as _, Query};
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "service_keys")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    service: String,
    kid: String,
    kind: String,
    sealed: Option<String>,
    jwk: Option<String>,
    created_at: i64,
    sign_from: i64,
    retire_at: Option<i64>,
    tokens: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

const SHARED: &str = "shared";
const PUBLIC: &str = "public";
/// What is left of a shared key that was given up.
const GIVEN_UP: &str = "";

/// What is kept of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum KeptKey {
    /// One that the service and we share, sealed.
    Shared(String),
    /// One of the service's, whose private half it keeps to itself.
    Public(serde_json::Value),
}

/// A service's key.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceKey {
    /// The row's identifier.
    pub id: Uuid,
    /// Whose it is.
    pub service: String,
    /// What tokens call it; of a public one that has no name, nothing.
    pub kid: String,
    /// The key.
    pub key: KeptKey,
    /// When it was made known.
    pub created_at: Timestamp,
    /// From when tokens are made under it.
    pub sign_from: Timestamp,
    /// From when tokens under it are believed no more.
    pub retire_at: Option<Timestamp>,
    /// About how many tokens were made under it.
    pub tokens: i64,
}

impl TryFrom<Model> for ServiceKey {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged("a service's key");
        let key = match (row.kind.as_str(), row.sealed, row.jwk) {
            (SHARED, Some(sealed), _) => KeptKey::Shared(sealed),
            (PUBLIC, _, Some(jwk)) => {
                KeptKey::Public(serde_json::from_str(&jwk).map_err(|_damaged| damaged())?)
            }
            _ => return Err(damaged()),
        };
        Ok(Self {
            id: row.id,
            service: row.service,
            kid: row.kid,
            key,
            created_at: time(row.created_at)?,
            sign_from: time(row.sign_from)?,
            retire_at: time_or_none(row.retire_at)?,
            tokens: row.tokens,
        })
    }
}

impl ServiceKey {
    /// Whether it is a shared one.
    pub fn is_shared(&self) -> bool {
        matches!(self.key, KeptKey::Shared(_))
    }

    /// Whether tokens under it are believed.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.retire_at.is_none_or(|retire_at| now < retire_at)
    }
}

/// The service's keys, those under which tokens are made last at the end.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &impl ConnectionTrait, service: &str) -> Result<Vec<ServiceKey>, StoreError> {
    let found = Entity::find()
        .filter(Column::Service.eq(service))
        .order_by_asc(Column::SignFrom)
        .order_by_asc(Column::Id);
    rows::all(db, found).await
}

/// The keys of this name that services share with us, the newest first, at most `most`: those too under which no tokens
/// are made any more, for as long as one could live.
///
/// # Errors
/// When the database fails.
pub async fn shared(
    db: &impl ConnectionTrait,
    kid: &str,
    most: u64,
) -> Result<Vec<ServiceKey>, StoreError> {
    let found = Entity::find()
        .filter(Column::Kind.eq(SHARED))
        .filter(Column::Kid.eq(kid))
        .filter(Column::Sealed.ne(GIVEN_UP))
        .order_by_desc(Column::Id)
        .limit(most);
    rows::all(db, found).await
}

/// Gives up the key itself, which somebody else knows, at once: no token under it is believed. Its name stays taken.
///
/// # Errors
/// When the database fails.
pub async fn give_up(
    db: &impl ConnectionTrait,
    id: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::RetireAt, Expr::value(millis(now)))
        .col_expr(Column::Sealed, Expr::value(GIVEN_UP))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// Forgets keys of whose tokens none lives, since they retired before this moment. The newest of a service stays, so that
/// names go on from it.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<u64, StoreError> {
    let newer = Alias::new("newer");
    let followed = Query::select()
        .expr(Expr::value(1))
        .from_as(Entity, newer.clone())
        .and_where(Expr::col((newer.clone(), Column::Service)).equals((Entity, Column::Service)))
        .and_where(Expr::col((newer, Column::Id)).gt(Expr::col((Entity, Column::Id))))
        .to_owned();
    let gone = Entity::delete_many()
        .filter(Column::RetireAt.lt(millis(before)))
        .filter(Expr::exists(followed))
        .exec(db)
        .await?;
    Ok(gone.rows_affected)
}

/// Keeps a new key.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, key: &ServiceKey) -> Result<(), StoreError> {
    let (kind, sealed, jwk) = match &key.key {
        KeptKey::Shared(sealed) => (SHARED, Some(sealed.clone()), None),
        KeptKey::Public(jwk) => (PUBLIC, None, Some(jwk.to_string())),
    };
    let row = ActiveModel {
        id: Set(key.id),
        service: Set(key.service.clone()),
        kid: Set(key.kid.clone()),
        kind: Set(kind.to_owned()),
        sealed: Set(sealed),
        jwk: Set(jwk),
        created_at: Set(millis(key.created_at)),
        sign_from: Set(millis(key.sign_from)),
        retire_at: Set(key.retire_at.map(millis)),
        tokens: Set(key.tokens),
    };
    rows::insert(db, row).await
}

/// Says from when tokens under the key are believed no more, if that is not sooner already.
///
/// # Errors
/// When the database fails.
pub async fn retire(db: &impl ConnectionTrait, id: Uuid, at: Timestamp) -> Result<(), StoreError> {
    let later = Column::RetireAt
        .is_null()
        .or(Column::RetireAt.gt(millis(at)));
    Entity::update_many()
        .col_expr(Column::RetireAt, Expr::value(millis(at)))
        .filter(Column::Id.eq(id))
        .filter(later)
        .exec(db)
        .await?;
    Ok(())
}

/// Counts that so many more tokens were made under the key.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &impl ConnectionTrait, id: Uuid, tokens: i64) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Tokens, Expr::col(Column::Tokens).add(tokens))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}
