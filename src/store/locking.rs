//! Writes of many rows. On PostgreSQL two of them that come to the same rows in different orders wait for each other until
//! one is thrown out, so each locks its rows in the order of their keys before it changes any; SQLite's writer is alone.

use sea_orm::sea_query::{Condition, Expr, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait as _, EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    QueryTrait as _,
};

/// "One of the rows that `meant` names", which are locked, one after the other, before anything happens to them. `key` is
/// the primary key.
pub(super) fn in_order<E: EntityTrait>(key: E::Column, meant: Condition) -> Expr {
    let rows = E::find()
        .select_only()
        .column(key)
        .filter(meant)
        .order_by_asc(key)
        .lock_exclusive();
    key.in_subquery(rows.into_query())
}

/// "One of the rows that `meant` names and that nobody holds": for what is tidied now or next time.
pub(super) fn unheld<E: EntityTrait>(key: E::Column, meant: Condition) -> Expr {
    let rows = E::find()
        .select_only()
        .column(key)
        .filter(meant)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    key.in_subquery(rows.into_query())
}
