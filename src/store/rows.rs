//! What tables do alike: how rows are read and kept, and forgotten when their time is over. Which rows, and what they mean,
//! stands in each table's file.

use sea_orm::sea_query::{Condition, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic as _, Iterable as _,
    PrimaryKeyToColumn as _, QueryFilter as _, Select,
};
use uuid::Uuid;

use super::locking::unheld;
use super::{StoreError, millis};
use crate::clock::Timestamp;

/// The first of these, if there is one.
pub(super) async fn one<E, T>(
    db: &impl ConnectionTrait,
    these: Select<E>,
) -> Result<Option<T>, StoreError>
where
    E: EntityTrait,
    T: TryFrom<E::Model, Error = StoreError>,
{
    these.one(db).await?.map(TryInto::try_into).transpose()
}

/// All of these.
pub(super) async fn all<E, T>(
    db: &impl ConnectionTrait,
    these: Select<E>,
) -> Result<Vec<T>, StoreError>
where
    E: EntityTrait,
    T: TryFrom<E::Model, Error = StoreError>,
{
    let found = these.all(db).await?.into_iter();
    found.map(TryInto::try_into).collect()
}

/// "It comes behind this one, of which these are the values, in a list that goes by `at` and `id`, newest first."
pub(super) fn behind<C: ColumnTrait>(
    (at, id): (C, C),
    (last_at, last_id): (Timestamp, Uuid),
) -> Condition {
    let last_at = millis(last_at);
    let at_once = Condition::all().add(at.eq(last_at)).add(id.lt(last_id));
    Condition::any().add(at.lt(last_at)).add(at_once)
}

/// Keeps a new row.
pub(super) async fn insert<A: ActiveModelTrait>(
    db: &impl ConnectionTrait,
    row: A,
) -> Result<(), StoreError> {
    A::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Keeps a new row unless there is one of its key; false where there is, whichever node wrote it. Of several at the same
/// time one is new.
pub(super) async fn insert_new<A: ActiveModelTrait>(
    db: &impl ConnectionTrait,
    row: A,
) -> Result<bool, StoreError> {
    let known = of_key::<A::Entity>().do_nothing().to_owned();
    let insert = A::Entity::insert(row).on_conflict(known);
    Ok(insert.exec_without_returning(db).await? == 1)
}

/// Keeps a new row, or puts it in the place of the one of its key, of which the columns `but` stay.
pub(super) async fn save<E, A>(
    db: &impl ConnectionTrait,
    row: A,
    but: &[E::Column],
) -> Result<(), StoreError>
where
    E: EntityTrait,
    A: ActiveModelTrait<Entity = E>,
{
    let stays = |column: E::Column| {
        let is_key = E::PrimaryKey::from_column(column).is_some();
        is_key || but.iter().any(|but| but.as_str() == column.as_str())
    };
    let changes = E::Column::iter().filter(|column| !stays(*column));
    let known = of_key::<E>().update_columns(changes).to_owned();
    let insert = E::insert(row).on_conflict(known);
    insert.exec_without_returning(db).await?;
    Ok(())
}

/// "There is a row of this primary key."
fn of_key<E: EntityTrait>() -> OnConflict {
    OnConflict::columns(E::PrimaryKey::iter().map(|key| key.into_column()))
}

/// Forgets the rows whose `end` lies before a moment; one that somebody holds stays for the next time. `key` is the primary
/// key, or a column of it.
pub(super) async fn purge<E: EntityTrait>(
    db: &impl ConnectionTrait,
    key: E::Column,
    end: E::Column,
    before: Timestamp,
) -> Result<(), StoreError> {
    let over = Condition::all().add(end.lt(millis(before)));
    E::delete_many()
        // A column of the key alone may name others too.
        .filter(over.clone())
        .filter(unheld::<E>(key, over))
        .exec(db)
        .await?;
    Ok(())
}
