//! `marks`: what the database knows about itself.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QuerySelect as _};

use super::{StoreError, millis, rows, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "marks")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    value: String,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// The latest moment at which the database is known to have lived, in milliseconds.
const ALIVE_AT: &str = "alive_at";

/// The highest number that an entry of the revocation log was ever given.
pub const REVOCATIONS_GIVEN: &str = "revocations_given";
/// The highest number of an entry that was forgotten, or never given at all.
pub const REVOCATIONS_FORGOTTEN: &str = "revocations_forgotten";
/// By which the numbers of this database's revocation log are known from those of another one.
pub const REVOCATIONS_ORIGIN: &str = "revocations_origin";
/// For how long an access token was good at most, ever, in milliseconds.
pub const LONGEST_ACCESS: &str = "longest_access";

fn moment(row: &Model) -> Result<Timestamp, StoreError> {
    let damaged = StoreError::Damaged("a mark");
    row.value.parse().map_or(Err(damaged), time)
}

/// The latest moment at which the database is known to have lived; none when it never did.
///
/// # Errors
/// When the database fails.
pub async fn alive_at(db: &impl ConnectionTrait) -> Result<Option<Timestamp>, StoreError> {
    let row = Entity::find_by_id(ALIVE_AT).one(db).await?;
    row.as_ref().map(moment).transpose()
}

/// As [`alive_at`]; nobody else raises it until this transaction is over.
///
/// # Errors
/// When the database fails.
pub async fn lock_alive_at(db: &impl ConnectionTrait) -> Result<Option<Timestamp>, StoreError> {
    let row = Entity::find_by_id(ALIVE_AT)
        .lock_exclusive()
        .one(db)
        .await?;
    row.as_ref().map(moment).transpose()
}

/// Says that the database lived at that moment.
///
/// # Errors
/// When the database fails.
pub async fn set_alive_at(db: &impl ConnectionTrait, at: Timestamp) -> Result<(), StoreError> {
    set_number(db, ALIVE_AT, millis(at)).await
}

/// The number under that name; zero when there is none.
///
/// # Errors
/// When the database fails.
pub async fn number(db: &impl ConnectionTrait, name: &str) -> Result<i64, StoreError> {
    let Some(row) = Entity::find_by_id(name).one(db).await? else {
        return Ok(0);
    };
    row.value
        .parse()
        .map_err(|_damaged| StoreError::Damaged("a mark"))
}

/// Keeps a number under that name.
///
/// # Errors
/// When the database fails.
pub async fn set_number(
    db: &impl ConnectionTrait,
    name: &str,
    number: i64,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        name: Set(name.to_owned()),
        value: Set(number.to_string()),
    };
    rows::save(db, row, &[]).await
}
