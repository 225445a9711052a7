//! `authorization_codes`: found by keyed hash, good once.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_codes")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    code_hash: String,
    grant_id: Uuid,
    client_id: String,
    session_id: Uuid,
    redirect_uri: String,
    code_challenge: Option<String>,
    nonce: Option<String>,
    auth_time: i64,
    expires_at: i64,
    redeemed_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// An authorization code as it was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The keyed hash of the code.
    pub code_hash: String,
    /// The grant it hands over.
    pub grant_id: Uuid,
    /// To whom.
    pub client_id: String,
    /// The session it was issued in.
    pub session_id: Uuid,
    /// Where it was sent.
    pub redirect_uri: String,
    /// The S256 challenge it is bound to.
    pub code_challenge: Option<String>,
    /// The nonce for the ID token.
    pub nonce: Option<String>,
    /// When the person had last proved who they are.
    pub auth_time: Timestamp,
    /// The first moment at which it is no longer good.
    pub expires_at: Timestamp,
    /// When it was redeemed, if it was.
    pub redeemed_at: Option<Timestamp>,
}

impl TryFrom<Model> for Code {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            code_hash: row.code_hash,
            grant_id: row.grant_id,
            client_id: row.client_id,
            session_id: row.session_id,
            redirect_uri: row.redirect_uri,
            code_challenge: row.code_challenge,
            nonce: row.nonce,
            auth_time: time(row.auth_time)?,
            expires_at: time(row.expires_at)?,
            redeemed_at: time_or_none(row.redeemed_at)?,
        })
    }
}

/// Keeps a new code.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, code: &Code) -> Result<(), StoreError> {
    let row = ActiveModel {
        code_hash: Set(code.code_hash.clone()),
        grant_id: Set(code.grant_id),
        client_id: Set(code.client_id.clone()),
        session_id: Set(code.session_id),
        redirect_uri: Set(code.redirect_uri.clone()),
        code_challenge: Set(code.code_challenge.clone()),
        nonce: Set(code.nonce.clone()),
        auth_time: Set(millis(code.auth_time)),
        expires_at: Set(millis(code.expires_at)),
        redeemed_at: Set(None),
    };
    rows::insert(db, row).await
}

/// The code with that hash, redeemed or not.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &impl ConnectionTrait, code_hash: &str) -> Result<Option<Code>, StoreError> {
    rows::one(db, Entity::find_by_id(code_hash)).await
}

/// Uses the code up; false when somebody else has.
///
/// # Errors
/// When the database fails.
pub async fn redeem(
    db: &impl ConnectionTrait,
    code_hash: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::RedeemedAt, Expr::value(millis(now)))
        .filter(Column::CodeHash.eq(code_hash))
        .filter(Column::RedeemedAt.is_null())
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Forgets codes that expired before a moment.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::CodeHash, Column::ExpiresAt, before).await
}

/// "The grants behind codes to this application that were not redeemed", for queries on `grants`.
pub(super) fn unredeemed_grants(client_id: &str) -> SelectStatement {
    Query::select()
        .column(Column::GrantId)
        .from(Entity)
        .and_where(Column::ClientId.eq(client_id))
        .and_where(Column::RedeemedAt.is_null())
        .to_owned()
}
