//! `grants`: what a person (or nobody) allowed an application: the parent of codes and tokens. What
//! was issued from a revoked grant is revoked.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QuerySelect as _};

use super::{StoreError, millis, time_or_none};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grants")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    session_id: Option<Uuid>,
    user_id: Option<Uuid>,
    client_id: String,
    scope: String,
    offline_access: bool,
    created_at: i64,
    revoked_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The row's identifier; access tokens name it.
    pub id: Uuid,
    /// The session it was made in; none for a client's own.
    pub session_id: Option<Uuid>,
    /// Who made it; none for a client's own.
    pub user_id: Option<Uuid>,
    /// To whom.
    pub client_id: String,
    /// What for.
    pub scope: String,
    /// Whether it outlives a sign-out.
    pub offline_access: bool,
    /// When it was taken back, if it was.
    pub revoked_at: Option<Timestamp>,
}

impl TryFrom<Model> for Grant {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            session_id: row.session_id,
            user_id: row.user_id,
            client_id: row.client_id,
            scope: row.scope,
            offline_access: row.offline_access,
            revoked_at: time_or_none(row.revoked_at)?,
        })
    }
}

/// Keeps a new grant.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &impl ConnectionTrait,
    grant: &Grant,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(grant.id),
        session_id: Set(grant.session_id),
        user_id: Set(grant.user_id),
        client_id: Set(grant.client_id.clone()),
        scope: Set(grant.scope.clone()),
        offline_access: Set(grant.offline_access),
        created_at: Set(millis(now)),
        revoked_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// The grant with that identifier, revoked or not.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Grant>, StoreError> {
    Entity::find_by_id(id)
        .one(db)
        .await?
        .map(TryInto::try_into)
        .transpose()
}

/// The grant with that identifier, unless it was taken back; nobody takes it back until this
/// transaction is over.
///
/// # Errors
/// When the database fails.
pub async fn lock_good(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Grant>, StoreError> {
    let row = Entity::find_by_id(id)
        .filter(Column::RevokedAt.is_null())
        .lock_exclusive()
        .one(db)
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// The standing grant of a client to itself for `scope` (client_credentials).
///
/// # Errors
/// When the database fails.
pub async fn find_of_client(
    db: &impl ConnectionTrait,
    client_id: &str,
    scope: &str,
) -> Result<Option<Grant>, StoreError> {
    let row = Entity::find()
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::UserId.is_null())
        .filter(Column::Scope.eq(scope))
        .filter(Column::RevokedAt.is_null())
        .one(db)
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// The applications that hold a grant of the session which outlives it.
///
/// # Errors
/// When the database fails.
pub async fn clients_with_offline_access(
    db: &impl ConnectionTrait,
    session_id: Uuid,
) -> Result<Vec<String>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::ClientId)
        .filter(Column::SessionId.eq(session_id))
        .filter(Column::OfflineAccess.eq(true))
        .filter(Column::RevokedAt.is_null())
        .into_tuple()
        .all(db)
        .await?)
}

/// Whose grants a revocation takes back.
#[derive(Debug, Clone, Copy)]
pub enum Of<'a> {
    /// One grant.
    Grant(Uuid),
    /// All made in a session; those that outlive a sign-out stay where `keep_offline`.
    Session {
        /// The session.
        session_id: Uuid,
        /// Whether grants with `offline_access` stay.
        keep_offline: bool,
    },
    /// All made in a session to one application.
    Participant {
        /// The session.
        session_id: Uuid,
        /// The application.
        client_id: &'a str,
        /// Whether grants with `offline_access` stay.
        keep_offline: bool,
    },
    /// All that a person made.
    User(Uuid),
    /// All made to an application.
    Client(&'a str),
}

/// Takes grants back.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    db: &impl ConnectionTrait,
    of: Of<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let offline_too = |keep_offline: bool, condition: Condition| {
        condition.add_option(keep_offline.then(|| Column::OfflineAccess.eq(false)))
    };
    let condition = match of {
        Of::Grant(id) => Condition::all().add(Column::Id.eq(id)),
        Of::Session {
            session_id,
            keep_offline,
        } => offline_too(
            keep_offline,
            Condition::all().add(Column::SessionId.eq(session_id)),
        ),
        Of::Participant {
            session_id,
            client_id,
            keep_offline,
        } => offline_too(
            keep_offline,
            Condition::all()
                .add(Column::SessionId.eq(session_id))
                .add(Column::ClientId.eq(client_id)),
        ),
        Of::User(user_id) => Condition::all().add(Column::UserId.eq(user_id)),
        Of::Client(client_id) => Condition::all().add(Column::ClientId.eq(client_id)),
    };
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(millis(now)))
        .filter(condition)
        .filter(Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}
