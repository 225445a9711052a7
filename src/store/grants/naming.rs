//! Which grants may be used for a service, however its list of clients reads today: a grant names its services when it is
//! made, and names the same ones as long as it is kept.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{LikeExpr, SimpleExpr};
use sea_orm::{ConnectionTrait, QuerySelect as _};

use super::{Column, Entity};
use crate::store::StoreError;
use crate::store::services::names_text;

/// "The grant names the service": in the text of its list there is the service's identifier as JSON has it. SQLite takes
/// letters of either case for the same: then a service may be meant that is not, and never the other way round.
fn names(service: &str) -> Result<SimpleExpr, StoreError> {
    let list = names_text(&[service.to_owned()])?;
    let mut pattern = String::from("%");
    for letter in list.trim_matches(['[', ']']).chars() {
        if matches!(letter, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    Ok(Column::Resources.like(LikeExpr::new(pattern).escape('!')))
}

/// The sessions, of these, and in each the applications that were granted the service.
///
/// # Errors
/// When the database fails.
pub async fn in_sessions(
    db: &impl ConnectionTrait,
    session_ids: &[Uuid],
    service: &str,
) -> Result<Vec<(Uuid, String)>, StoreError> {
    with_clients(db, Column::SessionId, session_ids, service).await
}

/// The people, of these, and for each the applications that were granted the service.
///
/// # Errors
/// When the database fails.
pub async fn of_people(
    db: &impl ConnectionTrait,
    user_ids: &[Uuid],
    service: &str,
) -> Result<Vec<(Uuid, String)>, StoreError> {
    with_clients(db, Column::UserId, user_ids, service).await
}

async fn with_clients(
    db: &impl ConnectionTrait,
    column: Column,
    ids: &[Uuid],
    service: &str,
) -> Result<Vec<(Uuid, String)>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(Entity::find()
        .select_only()
        .column(column)
        .column(Column::ClientId)
        .distinct()
        .filter(column.is_in(ids.iter().copied()))
        .filter(names(service)?)
        .into_tuple()
        .all(db)
        .await?)
}

/// Of these grants those that may be used for the service.
///
/// # Errors
/// When the database fails.
pub async fn naming(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    service: &str,
) -> Result<Vec<Uuid>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(names(service)?)
        .into_tuple()
        .all(db)
        .await?)
}

/// Whether any grant to this application may be used for the service.
///
/// # Errors
/// When the database fails.
pub async fn any_to(
    db: &impl ConnectionTrait,
    client_id: &str,
    service: &str,
) -> Result<bool, StoreError> {
    let found: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ClientId.eq(client_id))
        .filter(names(service)?)
        .into_tuple()
        .one(db)
        .await?;
    Ok(found.is_some())
}

/// Whether a grant to this application in this session, which was not taken back, may be used for the service.
///
/// # Errors
/// When the database fails.
pub async fn any_good(
    db: &impl ConnectionTrait,
    (session_id, client_id): (Uuid, &str),
    service: &str,
) -> Result<bool, StoreError> {
    let found: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::SessionId.eq(session_id))
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::RevokedAt.is_null())
        .filter(names(service)?)
        .into_tuple()
        .one(db)
        .await?;
    Ok(found.is_some())
}
