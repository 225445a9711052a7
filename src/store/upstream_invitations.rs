//! `upstream_invitations`: who may come in through another provider for the first time, each good once.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _};

use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;
use crate::oidc::upstream::Upstream;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_invitations")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    token_hash: String,
    upstream_id: String,
    issuer: String,
    note: Option<String>,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// An invitation; of its link the hash alone is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// What administrators call it.
    pub id: Uuid,
    /// Through which upstream.
    pub upstream_id: String,
    /// Its issuer at that time: another one of that name is another one.
    pub issuer: String,
    /// What whoever made it wrote beside it.
    pub note: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is of no use.
    pub expires_at: Timestamp,
    /// When somebody came in by it.
    pub used_at: Option<Timestamp>,
}

impl TryFrom<Model> for Invitation {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            upstream_id: row.upstream_id,
            issuer: row.issuer,
            note: row.note,
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
            used_at: time_or_none(row.used_at)?,
        })
    }
}

/// Keeps a new invitation under its token's hash.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    invitation: &Invitation,
    token_hash: String,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(invitation.id),
        token_hash: Set(token_hash),
        upstream_id: Set(invitation.upstream_id.clone()),
        issuer: Set(invitation.issuer.clone()),
        note: Set(invitation.note.clone()),
        created_at: Set(millis(invitation.created_at)),
        expires_at: Set(millis(invitation.expires_at)),
        used_at: Set(invitation.used_at.map(millis)),
    };
    rows::insert(db, row).await
}

/// The invitation of that hash to come in through this upstream, used or not.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    token_hash: &str,
    upstream: &Upstream,
) -> Result<Option<Invitation>, StoreError> {
    let found = Entity::find()
        .filter(Column::TokenHash.eq(token_hash))
        .filter(is_for(upstream));
    rows::one(db, found).await
}

/// Uses the invitation up; false when somebody else was faster, it is for another upstream, or its time is over.
///
/// # Errors
/// When the database fails.
pub async fn use_up(
    db: &impl ConnectionTrait,
    id: Uuid,
    upstream: &Upstream,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let used = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(millis(now)))
        .filter(Column::Id.eq(id))
        .filter(is_for(upstream))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(millis(now)))
        .exec(db)
        .await?;
    Ok(used.rows_affected == 1)
}

fn is_for(upstream: &Upstream) -> Condition {
    Condition::all()
        .add(Column::UpstreamId.eq(&upstream.id))
        .add(Column::Issuer.eq(&upstream.issuer))
}

/// Every invitation that has not been taken back or forgotten, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<Invitation>, StoreError> {
    let found = Entity::find()
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id);
    rows::all(db, found).await
}

/// Takes an invitation back; false when there is none of that name.
///
/// # Errors
/// When the database fails.
pub async fn remove(db: &impl ConnectionTrait, id: Uuid) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id(id).exec(db).await?.rows_affected == 1)
}

/// Takes back those to come in through an upstream of that name.
///
/// # Errors
/// When the database fails.
pub async fn remove_of_upstream(
    db: &impl ConnectionTrait,
    upstream_id: &str,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::UpstreamId.eq(upstream_id))
        .exec(db)
        .await?;
    Ok(())
}

/// Takes every invitation back.
///
/// # Errors
/// When the database fails.
pub async fn forget_all(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    Entity::delete_many().exec(db).await?;
    Ok(())
}

/// Forgets invitations that expired before.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::Id, Column::ExpiresAt, before).await
}
