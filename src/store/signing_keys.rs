//! `signing_keys`: our keys, the private halves sealed under the master key.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _};

use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;
use crate::oidc::algorithm::SigningAlgorithm;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    kid: String,
    algorithm: String,
    public_jwk: String,
    sealed_private: String,
    publish_at: i64,
    sign_from: i64,
    retire_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A signing key as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedKey {
    /// Its identifier (RFC 7638).
    pub kid: String,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// The public half.
    pub public_jwk: serde_json::Value,
    /// The private half, sealed.
    pub sealed_private: String,
    /// From when it stands in the JWKS.
    pub publish_at: Timestamp,
    /// From when it signs.
    pub sign_from: Timestamp,
    /// From when nothing it signed is believed.
    pub retire_at: Option<Timestamp>,
}

impl TryFrom<Model> for SealedKey {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            kid: row.kid,
            algorithm: SigningAlgorithm::from_name(&row.algorithm)
                .ok_or(StoreError::Damaged("a signing algorithm"))?,
            public_jwk: serde_json::from_str(&row.public_jwk)
                .map_err(|_damaged| StoreError::Damaged("a public key"))?,
            sealed_private: row.sealed_private,
            publish_at: time(row.publish_at)?,
            sign_from: time(row.sign_from)?,
            retire_at: time_or_none(row.retire_at)?,
        })
    }
}

/// Every key, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<SealedKey>, StoreError> {
    let found = Entity::find()
        .order_by_asc(Column::SignFrom)
        .order_by_asc(Column::Kid);
    rows::all(db, found).await
}

/// Keeps a new key.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, key: &SealedKey) -> Result<(), StoreError> {
    let row = ActiveModel {
        kid: Set(key.kid.clone()),
        algorithm: Set(key.algorithm.as_str().to_owned()),
        public_jwk: Set(key.public_jwk.to_string()),
        sealed_private: Set(key.sealed_private.clone()),
        publish_at: Set(millis(key.publish_at)),
        sign_from: Set(millis(key.sign_from)),
        retire_at: Set(key.retire_at.map(millis)),
    };
    rows::insert(db, row).await
}

/// Says from when nothing that the key signed is believed; false when there is no such key.
///
/// # Errors
/// When the database fails.
pub async fn retire(
    db: &impl ConnectionTrait,
    kid: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::RetireAt, Expr::value(millis(at)))
        .filter(Column::Kid.eq(kid))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}
