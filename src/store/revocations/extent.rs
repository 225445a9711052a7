//! How long the log is, and where what still counts of it begins.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QuerySelect as _,
};

use super::{Column, Entity};
use crate::clock::Timestamp;
use crate::store::marks::{self, REVOCATIONS_ORIGIN};
use crate::store::{StoreError, millis};

/// The lowest number of an entry that still concerns anything; the one after `given` where there is none: what was given
/// since then is not behind us.
///
/// # Errors
/// When the database fails.
pub async fn oldest(
    db: &impl ConnectionTrait,
    given: i64,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let oldest: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Column::Number.min(), "oldest")
        .filter(Column::Number.is_not_null())
        .filter(Column::ExpiresAt.gt(millis(now)))
        .into_tuple()
        .one(db)
        .await?;
    let behind = given.saturating_add(1);
    Ok(oldest.flatten().map_or(behind, |oldest| oldest.min(behind)))
}

/// How many entries wait for their numbers, and how many others still concern anything.
///
/// # Errors
/// When the database fails.
pub async fn lengths(db: &impl ConnectionTrait, now: Timestamp) -> Result<(u64, u64), StoreError> {
    let living = || Entity::find().filter(Column::ExpiresAt.gt(millis(now)));
    let fresh = living().filter(Column::Number.is_null()).count(db).await?;
    let numbered = living().filter(Column::Number.is_not_null());
    Ok((fresh, numbered.count(db).await?))
}

/// By which this database's numbers are known from those of another one that the same issuer had.
///
/// # Errors
/// When the database fails.
pub async fn origin(db: &impl ConnectionTrait) -> Result<Option<i64>, StoreError> {
    let origin = marks::number(db, REVOCATIONS_ORIGIN).await?;
    Ok((origin != 0).then_some(origin))
}

/// Gives the numbers from now on another [`origin`].
///
/// # Errors
/// When the database fails.
pub async fn set_origin(db: &impl ConnectionTrait, origin: i64) -> Result<(), StoreError> {
    marks::set_number(db, REVOCATIONS_ORIGIN, origin).await
}
