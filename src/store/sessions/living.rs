//! Which sessions live, and which has just ceased to.

use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;

use super::{Column, Entity, Session};
use crate::clock::Timestamp;
use crate::store::{StoreError, millis, orders, rows};

/// When sessions count as over though their rows do not say so yet.
#[derive(Debug, Clone, Copy)]
pub struct Liveness {
    /// The current moment.
    pub now: Timestamp,
    /// Sessions last seen before this moment are over, if idling ends them.
    pub seen_since: Option<Timestamp>,
}

impl Liveness {
    pub(super) fn condition(self) -> Condition {
        Condition::all()
            .add(Column::EndedAt.is_null())
            .add(Column::ExpiresAt.gt(millis(self.now)))
            .add_option(
                self.seen_since
                    .map(|since| Column::LastSeenAt.gte(millis(since))),
            )
            .add(orders::none_names(
                Expr::col((Entity, Column::Id)),
                Expr::col((Entity, Column::UserId)),
                Expr::col((Entity, Column::CreatedAt)),
            ))
    }
}

/// The living session of a cookie.
///
/// # Errors
/// When the database fails.
pub async fn find_by_cookie(
    db: &impl ConnectionTrait,
    cookie_hash: &str,
    alive: Liveness,
) -> Result<Option<Session>, StoreError> {
    let found = Entity::find()
        .filter(Column::CookieHash.eq(cookie_hash))
        .filter(alive.condition());
    rows::one(db, found).await
}

/// As [`find_by_cookie`], also where the session was given the next cookie since: a browser that the answer did not reach
/// has only this one. For whoever signs in: it lets nobody in.
///
/// # Errors
/// When the database fails.
pub async fn find_by_this_or_the_next_cookie(
    db: &impl ConnectionTrait,
    cookie_hash: &str,
    alive: Liveness,
) -> Result<Option<Session>, StoreError> {
    let either = Condition::any()
        .add(Column::CookieHash.eq(cookie_hash))
        .add(Column::PreviousCookieHash.eq(cookie_hash));
    let found = Entity::find().filter(either).filter(alive.condition());
    rows::one(db, found).await
}

/// The session of a cookie that ended, and not before `since`.
///
/// # Errors
/// When the database fails.
pub async fn find_ended_by_cookie(
    db: &impl ConnectionTrait,
    cookie_hash: &str,
    since: Timestamp,
) -> Result<Option<Session>, StoreError> {
    let found = Entity::find()
        .filter(Column::CookieHash.eq(cookie_hash))
        .filter(Column::EndedAt.gt(millis(since)));
    rows::one(db, found).await
}

/// The session with that identifier, if it lives.
///
/// # Errors
/// When the database fails.
pub async fn find_living(
    db: &impl ConnectionTrait,
    id: Uuid,
    alive: Liveness,
) -> Result<Option<Session>, StoreError> {
    let found = Entity::find_by_id(id).filter(alive.condition());
    rows::one(db, found).await
}
