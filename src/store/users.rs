//! `users`: people. A row's identifier is the person's `sub`, and is never used again.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, LockType};
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::{StoreError, millis, rows, time, time_or_none};
use crate::clock::Timestamp;
use crate::oidc::claims::UserClaims;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    username: String,
    claims: String,
    created_at: i64,
    updated_at: i64,
    disabled_at: Option<i64>,
    declared: bool,
    deleted_at: Option<i64>,
    deleted_name: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The `sub` that applications see.
    pub id: Uuid,
    /// What they type to sign in, in its canonical form.
    pub username: String,
    /// What is known about them.
    pub claims: UserClaims,
    /// When they were made known.
    pub created_at: Timestamp,
    /// When what is known about them last changed.
    pub updated_at: Timestamp,
    /// When they were shut out, if they are.
    pub disabled_at: Option<Timestamp>,
    /// Whether the configuration declares them.
    pub declared: bool,
}

impl User {
    /// What to call them: their name, else what they sign in with.
    pub fn display_name(&self) -> &str {
        self.claims.name.as_deref().unwrap_or(&self.username)
    }

    /// What is told of them: with when it last changed (Core §5.1, `updated_at`).
    pub fn told(&self) -> UserClaims {
        UserClaims {
            updated_at: Some(self.updated_at.timestamp()),
            ..self.claims.clone()
        }
    }
}

impl TryFrom<Model> for User {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            username: row.username,
            claims: serde_json::from_str(&row.claims)
                .map_err(|_damaged| StoreError::Damaged("claims"))?,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
            disabled_at: time_or_none(row.disabled_at)?,
            declared: row.declared,
        })
    }
}

/// The person with that identifier; of who is gone nothing is left.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<User>, StoreError> {
    let found = Entity::find_by_id(id).filter(Column::DeletedAt.is_null());
    rows::one(db, found).await
}

/// As [`find`], and nobody else changes them (though others may still refer to them) until this transaction is over.
///
/// # Errors
/// When the database fails.
pub async fn lock(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<User>, StoreError> {
    let found = Entity::find_by_id(id)
        .filter(Column::DeletedAt.is_null())
        .lock(LockType::NoKeyUpdate);
    rows::one(db, found).await
}

/// As [`find_by_username`], and nobody else changes them until this transaction is over.
///
/// # Errors
/// When the database fails.
pub async fn lock_by_username(
    db: &impl ConnectionTrait,
    username: &str,
) -> Result<Option<User>, StoreError> {
    let found = Entity::find()
        .filter(Column::Username.eq(username))
        .filter(Column::DeletedAt.is_null())
        .lock(LockType::NoKeyUpdate);
    rows::one(db, found).await
}

/// The person who signs in as `username`, given in its canonical form.
///
/// # Errors
/// When the database fails.
pub async fn find_by_username(
    db: &impl ConnectionTrait,
    username: &str,
) -> Result<Option<User>, StoreError> {
    let found = Entity::find()
        .filter(Column::Username.eq(username))
        .filter(Column::DeletedAt.is_null());
    rows::one(db, found).await
}

/// The people with these identifiers.
///
/// # Errors
/// When the database fails.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<User>, StoreError> {
    let found = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::DeletedAt.is_null());
    rows::all(db, found).await
}

/// Everyone but those who are gone, by username.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<User>, StoreError> {
    let found = Entity::find()
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::Username);
    rows::all(db, found).await
}

/// At most `limit` people but those who are gone, by username, from the one after `after`.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: &impl ConnectionTrait,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<User>, StoreError> {
    let found = Entity::find()
        .filter(Column::DeletedAt.is_null())
        .filter(Condition::all().add_option(after.map(|after| Column::Username.gt(after))))
        .order_by_asc(Column::Username)
        .limit(limit);
    rows::all(db, found).await
}

/// Keeps a new person, or what is now known about one.
///
/// # Errors
/// When the username is another person's ([`StoreError::is_duplicate`]) or the database fails.
pub async fn save(db: &impl ConnectionTrait, user: &User) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(user.id),
        username: Set(user.username.clone()),
        claims: Set(serde_json::to_string(&user.claims)
            .map_err(|_unwritable| StoreError::Damaged("claims"))?),
        created_at: Set(millis(user.created_at)),
        updated_at: Set(millis(user.updated_at)),
        disabled_at: Set(user.disabled_at.map(millis)),
        declared: Set(user.declared),
        deleted_at: Set(None),
        deleted_name: Set(None),
    };
    let stay = [Column::CreatedAt, Column::DeletedAt, Column::DeletedName];
    rows::save(db, row, &stay).await
}

/// The person is gone for good: what was known about them is wiped, and the name they signed in with is free. The row
/// stays, so that the `sub` is never used again; and `declared_name`, a keyed hash of the name where a file has it still.
///
/// # Errors
/// When the database fails.
pub async fn bury(
    db: &impl ConnectionTrait,
    id: Uuid,
    declared_name: Option<String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let now = millis(now);
    Entity::update_many()
        // A name begins with no space, so that nobody can have this one.
        .col_expr(Column::Username, Expr::value(format!(" deleted {id}")))
        .col_expr(Column::Claims, Expr::value("{}"))
        .col_expr(Column::Declared, Expr::value(false))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        // Who is gone is shut out, wherever that is asked.
        .col_expr(Column::DisabledAt, Expr::value(now))
        .col_expr(Column::DeletedAt, Expr::value(now))
        .col_expr(Column::DeletedName, Expr::value(declared_name))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// The keyed hashes of the names of those who were deleted while a file declared them.
///
/// # Errors
/// When the database fails.
pub async fn deleted_names(db: &impl ConnectionTrait) -> Result<Vec<String>, StoreError> {
    let names: Vec<Option<String>> = Entity::find()
        .select_only()
        .column(Column::DeletedName)
        .filter(Column::DeletedName.is_not_null())
        .into_tuple()
        .all(db)
        .await?;
    Ok(names.into_iter().flatten().collect())
}

/// Forgets these of [`deleted_names`].
///
/// # Errors
/// When the database fails.
pub async fn forget_deleted_names(
    db: &impl ConnectionTrait,
    names: &[String],
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::DeletedName, Expr::value(None::<String>))
        .filter(Column::DeletedName.is_in(names))
        .exec(db)
        .await?;
    Ok(())
}
