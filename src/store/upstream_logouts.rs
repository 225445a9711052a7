//! `upstream_logouts`: what other providers told us of sign-outs there. A row says that its token is used up, and for a
//! while that a sign-in of before brings nothing back.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbBackend, Statement};

use super::session_upstreams::Named;
use super::{StoreError, millis, rows};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_logouts")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    issuer: String,
    #[sea_orm(primary_key, auto_increment = false)]
    jti: String,
    subject: Option<String>,
    sid: Option<String>,
    told_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// Waits until nobody else begins or ends sessions of these names, and keeps others from it until the transaction is
/// over: of a sign-in and a sign-out at the same time, the second one sees what the first one wrote. Taken before every
/// lock. SQLite's writer is alone.
///
/// # Errors
/// When the database fails.
pub async fn take_turn(db: &impl ConnectionTrait, named: Named<'_>) -> Result<(), StoreError> {
    let backend = db.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(());
    }
    // Always in this order, so that nobody waits in a circle.
    let names = [("subject", named.subject), ("sid", named.sid)];
    for (kind, name) in names {
        let Some(name) = name else {
            continue;
        };
        let whole = format!("upstream {kind} {} {name}", named.issuer);
        let turn = Statement::from_sql_and_values(
            backend,
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            [whole.into()],
        );
        db.execute_raw(turn).await?;
    }
    Ok(())
}

/// Whether the provider's token of that name is used up.
///
/// # Errors
/// When the database fails.
pub async fn is_used(
    db: &impl ConnectionTrait,
    issuer: &str,
    jti: &str,
) -> Result<bool, StoreError> {
    let key = (issuer.to_owned(), jti.to_owned());
    Ok(Entity::find_by_id(key).one(db).await?.is_some())
}

/// Uses a token up, and remembers whose sign-out it told; false when it was used before, at whichever node.
///
/// # Errors
/// When the database fails.
pub async fn use_once(
    db: &impl ConnectionTrait,
    jti: &str,
    named: Named<'_>,
    told_at: Timestamp,
) -> Result<bool, StoreError> {
    let row = ActiveModel {
        issuer: Set(named.issuer.to_owned()),
        jti: Set(jti.to_owned()),
        subject: Set(named.subject.map(str::to_owned)),
        sid: Set(named.sid.map(str::to_owned)),
        told_at: Set(millis(told_at)),
    };
    rows::insert_new(db, row).await
}

/// Whether what somebody brings from there is over: their session has ended there, or all of theirs had to end since they
/// were sent there.
///
/// # Errors
/// When the database fails.
pub async fn is_over(
    db: &impl ConnectionTrait,
    named: Named<'_>,
    sent_at: Timestamp,
) -> Result<bool, StoreError> {
    let of_session = named.sid.map(|sid| Column::Sid.eq(sid));
    // Who brings no `sid` may be in any session of theirs there.
    let of_all = named.sid.map(|_| Column::Sid.is_null());
    let of_person = named.subject.map(|subject| {
        Condition::all()
            .add(Column::Subject.eq(subject))
            .add(Column::ToldAt.gte(millis(sent_at)))
            .add_option(of_all)
    });
    let over = Condition::any()
        .add_option(of_session)
        .add_option(of_person);
    let told = Entity::find()
        .filter(Column::Issuer.eq(named.issuer))
        .filter(over)
        .one(db)
        .await?;
    Ok(told.is_some())
}

/// Forgets what was told before a moment.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::Jti, Column::ToldAt, before).await
}
