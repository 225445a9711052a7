//! `revocations`: the log of what was taken back, for as long as a token that it concerns would be good. An entry is
//! written without a number, with whatever caused it, and is given one after the commit: numbers that were drawn inside
//! transactions would appear in another order than they were drawn in, and whoever reads on from one would miss those
//! that came late.

mod dead;

pub use dead::{Dead, TokenName};

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, LockBehavior, LockType};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbBackend, QueryOrder as _, QuerySelect as _, Statement,
};

use super::listener::Hint;
use super::marks::{self, REVOCATIONS_FORGOTTEN, REVOCATIONS_GIVEN};
use super::{StoreError, database, millis, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revocations")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    number: Option<i64>,
    kind: String,
    subject: String,
    client_id: Option<String>,
    audience: Option<String>,
    before: Option<i64>,
    expires_at: i64,
    created_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// How many entries are written in one statement.
const AT_ONCE: usize = 500;

/// An entry as it is written.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// The row's identifier.
    pub id: Uuid,
    /// What is no longer good.
    pub dead: Dead,
    /// From when nothing that it concerns would be good anyway.
    pub expires_at: Timestamp,
}

/// An entry as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log.
    pub number: i64,
    /// What is no longer good.
    pub dead: Dead,
    /// From when nothing that it concerns would be good anyway.
    pub expires_at: Timestamp,
    /// When it was written.
    pub created_at: Timestamp,
}

/// Writes entries, in the transaction of what caused them.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    entries: &[Revocation],
    now: Timestamp,
) -> Result<(), StoreError> {
    for some in entries.chunks(AT_ONCE) {
        let rows = some.iter().map(|entry| {
            let (kind, subject, client_id, before) = entry.dead.columns();
            let audience = match &entry.dead {
                Dead::Token { audience, .. } => Some(audience.clone()),
                _ => None,
            };
            ActiveModel {
                id: Set(entry.id),
                number: Set(None),
                kind: Set(kind.to_owned()),
                subject: Set(subject),
                client_id: Set(client_id),
                audience: Set(audience),
                before: Set(before.map(millis)),
                expires_at: Set(millis(entry.expires_at)),
                created_at: Set(millis(now)),
            }
        });
        Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Whether entries wait for their numbers.
///
/// # Errors
/// When the database fails.
pub async fn are_fresh(db: &impl ConnectionTrait) -> Result<bool, StoreError> {
    let fresh = Entity::find().filter(Column::Number.is_null());
    Ok(fresh.one(db).await?.is_some())
}

/// Who numbers the entries of this database does so alone, until its transaction is over: so numbers appear in the
/// order in which they were given. SQLite's writer is alone anyway.
const NUMBERING: i64 = 1_165_520_213;

/// Numbers entries that are committed, `most` of them; answers how many there were. The transaction does nothing else.
///
/// # Errors
/// When the database fails.
pub async fn number(db: &impl ConnectionTrait, most: u64) -> Result<u64, StoreError> {
    let backend = db.get_database_backend();
    if backend == DbBackend::Postgres {
        let turn = format!("SELECT pg_advisory_xact_lock({NUMBERING})");
        db.execute_raw(Statement::from_string(backend, turn))
            .await?;
    }
    let given = given(db).await?;
    // One statement sees one state of the table; what is committed after it began is numbered by the next.
    let number = Statement::from_sql_and_values(
        backend,
        "UPDATE revocations SET number = $1 + fresh.place FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY created_at, id) \
         AS place FROM revocations WHERE number IS NULL ORDER BY created_at, id LIMIT $2) AS fresh \
         WHERE revocations.id = fresh.id",
        [given.into(), i64::try_from(most).unwrap_or(i64::MAX).into()],
    );
    let numbered = db.execute_raw(number).await?.rows_affected();
    if numbered > 0 {
        let given = given.saturating_add_unsigned(numbered);
        marks::set_number(db, REVOCATIONS_GIVEN, given).await?;
        database::notify(db, Hint::Revocations).await?;
    }
    Ok(numbered)
}

/// The highest number that was ever given.
///
/// # Errors
/// When the database fails.
pub async fn given(db: &impl ConnectionTrait) -> Result<i64, StoreError> {
    marks::number(db, REVOCATIONS_GIVEN).await
}

/// The number from which on nothing has been forgotten.
///
/// # Errors
/// When the database fails.
pub async fn forgotten(db: &impl ConnectionTrait) -> Result<i64, StoreError> {
    marks::number(db, REVOCATIONS_FORGOTTEN).await
}

/// Leaves out all numbers up to this one, so that nobody goes on from one that another history gave.
///
/// # Errors
/// When the database fails.
pub async fn begin_above(db: &impl ConnectionTrait, number: i64) -> Result<(), StoreError> {
    let number = number.max(given(db).await?);
    marks::set_number(db, REVOCATIONS_GIVEN, number).await?;
    marks::set_number(db, REVOCATIONS_FORGOTTEN, number).await
}

/// The entries with numbers above `after`, to `to`, that still concern anything, at most `most`, in their order.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl ConnectionTrait,
    after: i64,
    to: i64,
    most: u64,
    now: Timestamp,
) -> Result<Vec<Entry>, StoreError> {
    Entity::find()
        .filter(Column::Number.gt(after))
        .filter(Column::Number.lte(to))
        .filter(Column::ExpiresAt.gt(millis(now)))
        .order_by_asc(Column::Number)
        .limit(most)
        .all(db)
        .await?
        .into_iter()
        .map(|row| {
            Ok(Entry {
                number: row.number.unwrap_or_default(),
                dead: Dead::read(&row)?,
                expires_at: time(row.expires_at)?,
                created_at: time(row.created_at)?,
            })
        })
        .collect()
}

/// What the log is asked about a token.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// What it is named by.
    pub name: &'a TokenName,
    /// Whom it is for.
    pub audience: &'a str,
    /// Whose it is, if it is a person's.
    pub user_id: Option<Uuid>,
    /// To whom it was issued.
    pub client_id: &'a str,
    /// When.
    pub issued_at: Timestamp,
}

/// Whether an entry names the token itself, or everything of its person, its client or everybody that was issued when
/// it was. Sessions, grants and keys say themselves that they are over.
///
/// # Errors
/// When the database fails.
pub async fn name(
    db: &impl ConnectionTrait,
    token: &Token<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let of = |kind: &str, subject: &str| {
        Condition::all()
            .add(Column::Kind.eq(kind))
            .add(Column::Subject.eq(subject))
    };
    let issued_at = millis(token.issued_at);
    let before = |kind, subject: &str| of(kind, subject).add(Column::Before.gt(issued_at));
    let user_id = token.user_id.map(|user_id| user_id.to_string());
    let named = Condition::any()
        .add(itself(token.name, token.audience))
        .add(before("client", token.client_id))
        .add(before("all", ""))
        .add_option(user_id.map(|user_id| before("subject", &user_id)));
    let found = Entity::find()
        .filter(named)
        .filter(Column::ExpiresAt.gt(millis(now)));
    Ok(found.one(db).await?.is_some())
}

/// Whether an entry names the token itself.
///
/// # Errors
/// When the database fails.
pub async fn name_itself(
    db: &impl ConnectionTrait,
    name: &TokenName,
    audience: &str,
) -> Result<bool, StoreError> {
    let found = Entity::find().filter(itself(name, audience));
    Ok(found.one(db).await?.is_some())
}

/// A name is one of its audience's: a service that can make tokens of its own names nobody else's.
fn itself(name: &TokenName, audience: &str) -> Condition {
    let (kind, subject) = name.columns();
    Condition::all()
        .add(Column::Kind.eq(kind))
        .add(Column::Subject.eq(subject))
        .add(Column::Audience.eq(audience))
}

/// Forgets some entries of which nothing would be good anyway; answers whether there may be more.
///
/// # Errors
/// When the database fails.
pub async fn forget_some(
    db: &impl ConnectionTrait,
    most: u64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let over: Vec<(Uuid, Option<i64>)> = Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::Number)
        .filter(Column::ExpiresAt.lte(millis(now)))
        // Whoever numbers counts on finding what it has seen.
        .filter(Column::Number.is_not_null())
        .limit(most)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(db)
        .await?;
    let Some(highest) = over.iter().map(|(_, number)| number.unwrap_or(0)).max() else {
        return Ok(false);
    };
    let ids = over.iter().map(|(id, _)| *id);
    Entity::delete_many()
        .filter(Column::Id.is_in(ids))
        .exec(db)
        .await?;
    if highest > forgotten(db).await? {
        marks::set_number(db, REVOCATIONS_FORGOTTEN, highest).await?;
    }
    Ok(over.len() as u64 == most)
}
