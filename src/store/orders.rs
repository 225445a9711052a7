//! `logout_orders`: many sessions ended by one row. From its commit on, every check treats the
//! sessions that it names as ended; a worker then ends them one after another.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, ExprTrait as _, Query, SelectStatement, SimpleExpr};
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _};

use super::{StoreError, database, millis, rows, time, time_or_none};
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
    except_session_id: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(super) enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// Whose sessions an order ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderScope {
    /// Every session of one person.
    User(Uuid),
    /// Every session of one person but this one.
    OthersOf {
        /// The person.
        user_id: Uuid,
        /// The session that goes on.
        except: Uuid,
    },
    /// One person's part in one application; their sessions go on.
    UserAtClient {
        /// The person.
        user_id: Uuid,
        /// The application.
        client_id: String,
    },
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
        let scope = match (row.user_id, row.client_id, row.except_session_id) {
            (Some(user_id), Some(client_id), _) => OrderScope::UserAtClient { user_id, client_id },
            (Some(user_id), None, Some(except)) => OrderScope::OthersOf { user_id, except },
            (Some(user_id), None, None) => OrderScope::User(user_id),
            (None, Some(client_id), _) => OrderScope::Client(client_id),
            (None, None, _) => OrderScope::All,
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
    let (user_id, client_id, except) = match &order.scope {
        OrderScope::User(user_id) => (Some(*user_id), None, None),
        OrderScope::OthersOf { user_id, except } => (Some(*user_id), None, Some(*except)),
        OrderScope::UserAtClient { user_id, client_id } => {
            (Some(*user_id), Some(client_id.clone()), None)
        }
        OrderScope::Client(client_id) => (None, Some(client_id.clone()), None),
        OrderScope::All => (None, None, None),
    };
    let row = ActiveModel {
        id: Set(order.id),
        user_id: Set(user_id),
        client_id: Set(client_id),
        cause: Set(order.cause.as_str().to_owned()),
        before: Set(millis(order.before)),
        expanded_at: Set(None),
        except_session_id: Set(except),
    };
    rows::insert(db, row).await?;
    database::hint(db).await
}

/// The orders that are not yet carried out to the end, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn open(db: &impl ConnectionTrait) -> Result<Vec<Order>, StoreError> {
    let found = Entity::find()
        .filter(Column::ExpandedAt.is_null())
        .order_by_asc(Column::Before);
    rows::all(db, found).await
}

/// The order with that identifier, and when it was carried out to the end, if it was.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<(Order, Option<Timestamp>)>, StoreError> {
    let Some(row) = Entity::find_by_id(id).one(db).await? else {
        return Ok(None);
    };
    let carried_out_at = time_or_none(row.expanded_at)?;
    Ok(Some((row.try_into()?, carried_out_at)))
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

/// The order that is not yet carried out and names one application's part in a session, if one does.
///
/// # Errors
/// When the database fails.
pub async fn naming_part(
    db: &impl ConnectionTrait,
    user_id: Uuid,
    client_id: &str,
    joined_at: Timestamp,
) -> Result<Option<Order>, StoreError> {
    let found = Entity::find()
        .filter(Column::ExpandedAt.is_null())
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::Before.gt(millis(joined_at)))
        .filter(
            Condition::any()
                .add(Column::UserId.is_null())
                .add(Column::UserId.eq(user_id)),
        )
        .order_by_asc(Column::Before);
    rows::one(db, found).await
}

/// "No open order names this session", for queries on `sessions`.
pub(super) fn none_names(
    id: SimpleExpr,
    user_id: SimpleExpr,
    created_at: SimpleExpr,
) -> SimpleExpr {
    let spared = Condition::any()
        .add(column(Column::ExceptSessionId).is_null())
        .add(column(Column::ExceptSessionId).ne(id));
    let of_sessions = Condition::all()
        .add(column(Column::ClientId).is_null())
        .add(spared);
    none(of_sessions, created_at, column(Column::UserId).eq(user_id))
}

/// "No open order names this part of a session of that person", for queries on `participants`.
pub(super) fn none_names_part(
    client_id: SimpleExpr,
    user_id: SelectStatement,
    joined_at: SimpleExpr,
) -> SimpleExpr {
    let of_parts = Condition::all().add(column(Column::ClientId).eq(client_id));
    let theirs = column(Column::UserId).in_subquery(user_id);
    none(of_parts, joined_at, theirs)
}

/// "There is no open order of `these` that is about what began then, for everyone or for that person."
fn none(these: Condition, began_at: SimpleExpr, theirs: SimpleExpr) -> SimpleExpr {
    let whose = Condition::any()
        .add(column(Column::UserId).is_null())
        .add(theirs);
    let open = Query::select()
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(column(Column::ExpandedAt).is_null())
        .and_where(column(Column::Before).gt(began_at))
        .cond_where(these)
        .cond_where(whose)
        .to_owned();
    Expr::exists(open).not()
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}
