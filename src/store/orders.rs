//! `logout_orders`: many sessions ended by one row. From its commit on, every check treats the
//! sessions that it names as ended; a worker then ends them one after another.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, Query, SimpleExpr};
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _};

use super::{StoreError, millis, time};
use crate::clock::Timestamp;
use crate::oidc::logout::Cause;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "logout_orders")]
pub(super) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    user_id: Option<Uuid>,
    client_id: Option<String>,
    cause: String,
    before: i64,
    expanded_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(super) enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// Whose sessions an order ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderScope {
    /// Every session of one person.
    User(Uuid),
    /// Everyone's part in one application; their sessions go on.
    Client(String),
    /// Everyone's sessions.
    All,
}

/// An order to end sessions that began before a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The row's identifier.
    pub id: Uuid,
    /// Whose sessions.
    pub scope: OrderScope,
    /// Why.
    pub cause: Cause,
    /// Only sessions (or parts in them) that began before this moment.
    pub before: Timestamp,
}

impl TryFrom<Model> for Order {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let scope = match (row.user_id, row.client_id) {
            (Some(user_id), _) => OrderScope::User(user_id),
            (None, Some(client_id)) => OrderScope::Client(client_id),
            (None, None) => OrderScope::All,
        };
        let cause = Cause::from_name(&row.cause).ok_or(StoreError::Damaged("a cause"))?;
        Ok(Self {
            id: row.id,
            scope,
            cause,
            before: time(row.before)?,
        })
    }
}

/// Gives the order.
///
/// # Errors
/// When the database fails.
pub async fn insert(db: &impl ConnectionTrait, order: &Order) -> Result<(), StoreError> {
    let (user_id, client_id) = match &order.scope {
        OrderScope::User(user_id) => (Some(*user_id), None),
        OrderScope::Client(client_id) => (None, Some(client_id.clone())),
        OrderScope::All => (None, None),
    };
    let row = ActiveModel {
        id: Set(order.id),
        user_id: Set(user_id),
        client_id: Set(client_id),
        cause: Set(order.cause.as_str().to_owned()),
        before: Set(millis(order.before)),
        expanded_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// The orders that are not yet carried out to the end, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn open(db: &impl ConnectionTrait) -> Result<Vec<Order>, StoreError> {
    Entity::find()
        .filter(Column::ExpandedAt.is_null())
        .order_by_asc(Column::Before)
        .all(db)
        .await?
        .into_iter()
        .map(TryInto::try_into)
        .collect()
}

/// Records that nothing that the order names is left.
///
/// # Errors
/// When the database fails.
pub async fn close(db: &impl ConnectionTrait, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::ExpandedAt, Expr::value(millis(now)))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// "No open order names this session", for queries on `sessions`.
pub(super) fn none_names(user_id: SimpleExpr, created_at: SimpleExpr) -> SimpleExpr {
    let column = |column: Column| Expr::col((Entity, column));
    let open = Query::select()
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(column(Column::ExpandedAt).is_null())
        .and_where(column(Column::ClientId).is_null())
        .and_where(column(Column::Before).gt(created_at))
        .cond_where(
            Condition::any()
                .add(column(Column::UserId).is_null())
                .add(column(Column::UserId).eq(user_id)),
        )
        .to_owned();
    Expr::exists(open).not()
}
