//! Deliveries a page at a time, newest first, and counted. A page begins where the last one ended, not
//! at a number: what comes meanwhile shifts nothing.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::{Column, Delivery, Entity};
use crate::clock::Timestamp;
use crate::oidc::logout::{Cause, DeliveryState};
use crate::store::{StoreError, millis, rows, time};

/// How many rows or identifiers are in one statement, where all are read.
const AT_ONCE: u32 = 500;

/// Which deliveries; what is not said is all the same.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// In one of these states.
    pub states: &'a [DeliveryState],
    /// To one application.
    pub client_id: Option<&'a str>,
    /// Of one person's sessions.
    pub user_id: Option<Uuid>,
    /// Of one session.
    pub session_id: Option<Uuid>,
    /// Of one order.
    pub order_id: Option<Uuid>,
    /// Of sessions that ended so.
    pub cause: Option<Cause>,
    /// Of sessions that ended before this moment.
    pub ended_before: Option<Timestamp>,
    /// Of sessions that ended at this moment or later.
    pub ended_since: Option<Timestamp>,
    /// Those before this one in the order of the pages.
    pub after: Option<(Timestamp, Uuid)>,
}

impl Wanted<'_> {
    fn condition(&self) -> Condition {
        let states = self.states.iter().map(|state| state.as_str());
        let order = (Column::CreatedAt, Column::Id);
        let after = self.after.map(|last| rows::behind(order, last));
        Condition::all()
            .add_option((!self.states.is_empty()).then(|| Column::State.is_in(states)))
            .add_option(
                self.client_id
                    .map(|client_id| Column::ClientId.eq(client_id)),
            )
            .add_option(self.user_id.map(|user_id| Column::UserId.eq(user_id)))
            .add_option(
                self.session_id
                    .map(|session_id| Column::SessionId.eq(session_id)),
            )
            .add_option(self.order_id.map(|order_id| Column::OrderId.eq(order_id)))
            .add_option(self.cause.map(|cause| Column::Cause.eq(cause.as_str())))
            .add_option(
                self.ended_before
                    .map(|moment| Column::CreatedAt.lt(millis(moment))),
            )
            .add_option(
                self.ended_since
                    .map(|moment| Column::CreatedAt.gte(millis(moment))),
            )
            .add_option(after)
    }
}

/// At most `limit` of them, newest first.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: &impl ConnectionTrait,
    wanted: &Wanted<'_>,
    limit: u64,
) -> Result<Vec<Delivery>, StoreError> {
    let found = Entity::find()
        .filter(wanted.condition())
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit);
    super::read(db, found).await
}

/// All of them, newest first, read page by page.
///
/// # Errors
/// When the database fails.
pub async fn all(
    db: &impl ConnectionTrait,
    wanted: &Wanted<'_>,
) -> Result<Vec<Delivery>, StoreError> {
    let mut wanted = wanted.clone();
    let mut all = Vec::new();
    loop {
        let found = page(db, &wanted, AT_ONCE.into()).await?;
        let is_last = found.len() < AT_ONCE as usize;
        wanted.after = found.last().map(|last| (last.created_at, last.id));
        all.extend(found);
        if is_last {
            return Ok(all);
        }
    }
}

/// Those of these identifiers, in no order.
///
/// # Errors
/// When the database fails.
pub async fn find_all(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<Delivery>, StoreError> {
    let mut found = Vec::new();
    for some in ids.chunks(AT_ONCE as usize) {
        let these = Entity::find().filter(Column::Id.is_in(some.iter().copied()));
        found.extend(super::read(db, these).await?);
    }
    Ok(found)
}

/// Identifiers of all of them.
///
/// # Errors
/// When the database fails.
pub async fn ids(db: &impl ConnectionTrait, wanted: &Wanted<'_>) -> Result<Vec<Uuid>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(wanted.condition())
        .order_by_asc(Column::CreatedAt)
        .into_tuple()
        .all(db)
        .await?)
}

/// How many of them there are in each state; states without any are left out.
///
/// # Errors
/// When the database fails.
pub async fn count(
    db: &impl ConnectionTrait,
    wanted: &Wanted<'_>,
) -> Result<Vec<(DeliveryState, u64)>, StoreError> {
    let counted: Vec<(String, i64)> = Entity::find()
        .select_only()
        .column(Column::State)
        .column_as(Column::Id.count(), "count")
        .filter(wanted.condition())
        .group_by(Column::State)
        .order_by_asc(Column::State)
        .into_tuple()
        .all(db)
        .await?;
    counted
        .into_iter()
        .map(|(state, count)| {
            let state = DeliveryState::from_name(&state)
                .ok_or(StoreError::Damaged("a delivery's state"))?;
            Ok((state, u64::try_from(count).unwrap_or_default()))
        })
        .collect()
}

/// When the session of the oldest one that still waits ended; none waits: none.
///
/// # Errors
/// When the database fails.
pub async fn oldest_waiting(db: &impl ConnectionTrait) -> Result<Option<Timestamp>, StoreError> {
    let oldest: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Column::CreatedAt.min(), "oldest")
        .filter(Column::DueAt.is_not_null())
        .into_tuple()
        .one(db)
        .await?;
    oldest.flatten().map(time).transpose()
}

/// Those of these sessions in which no application is still to be told.
///
/// # Errors
/// When the database fails.
pub async fn without_waiting(
    db: &impl ConnectionTrait,
    session_ids: &[Uuid],
) -> Result<Vec<Uuid>, StoreError> {
    let waiting: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::SessionId)
        .filter(Column::SessionId.is_in(session_ids.iter().copied()))
        .filter(Column::DueAt.is_not_null())
        .distinct()
        .into_tuple()
        .all(db)
        .await?;
    let told = session_ids.iter().filter(|id| !waiting.contains(id));
    Ok(told.copied().collect())
}
