//! `grants`: what a person (or nobody) allowed an application: the parent of codes and tokens. What
//! was issued from a revoked grant is revoked.

pub mod naming;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::locking::in_order;
use super::services::{names, names_text};
use super::{StoreError, codes, millis, refresh_tokens, rows, time_or_none};
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
    claims: Option<String>,
    resources: Option<String>,
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
    /// The claims granted one by one, in the notation of the `claims` parameter.
    pub claims: Option<String>,
    /// The identifiers of the services for which tokens may be had by it (RFC 8707 §2.1); without, there are only such as
    /// name none.
    pub resources: Vec<String>,
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
            claims: row.claims,
            resources: match row.resources.as_deref() {
                Some(resources) => names(resources)?,
                None => Vec::new(),
            },
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
        claims: Set(grant.claims.clone()),
        resources: Set(resources_text(&grant.resources)?),
        offline_access: Set(grant.offline_access),
        created_at: Set(millis(now)),
        revoked_at: Set(None),
    };
    rows::insert(db, row).await
}

fn resources_text(resources: &[String]) -> Result<Option<String>, StoreError> {
    let some = (!resources.is_empty()).then_some(resources);
    some.map(names_text).transpose()
}

/// The grant with that identifier, revoked or not.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Grant>, StoreError> {
    rows::one(db, Entity::find_by_id(id)).await
}

/// The grant with that identifier, unless it was taken back; nobody takes it back until this
/// transaction is over.
///
/// # Errors
/// When the database fails.
pub async fn lock_good(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Grant>, StoreError> {
    let found = Entity::find_by_id(id)
        .filter(Column::RevokedAt.is_null())
        .lock_exclusive();
    rows::one(db, found).await
}

/// The newest grant of a session to a client that was not taken back.
///
/// # Errors
/// When the database fails.
pub async fn find_newest(
    db: &impl ConnectionTrait,
    session_id: Uuid,
    client_id: &str,
) -> Result<Option<Grant>, StoreError> {
    let found = Entity::find()
        .filter(Column::SessionId.eq(session_id))
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::RevokedAt.is_null())
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id);
    rows::one(db, found).await
}

/// The standing grant of a client to itself for `scope` and these services (client_credentials).
///
/// # Errors
/// When the database fails.
pub async fn find_of_client(
    db: &impl ConnectionTrait,
    client_id: &str,
    scope: &str,
    resources: &[String],
) -> Result<Option<Grant>, StoreError> {
    let found = Entity::find()
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::UserId.is_null())
        .filter(Column::Scope.eq(scope))
        .filter(match resources_text(resources)? {
            Some(text) => Column::Resources.eq(text),
            None => Column::Resources.is_null(),
        })
        .filter(Column::RevokedAt.is_null());
    rows::one(db, found).await
}

/// The sessions, of these, and in each the applications that hold a grant which outlives it.
///
/// # Errors
/// When the database fails.
pub async fn with_offline_access(
    db: &impl ConnectionTrait,
    session_ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::SessionId)
        .column(Column::ClientId)
        .filter(Column::SessionId.is_in(session_ids.iter().copied()))
        .filter(Column::OfflineAccess.eq(true))
        .filter(Column::RevokedAt.is_null())
        .into_tuple()
        .all(db)
        .await?)
}

/// The grants that were taken back since a moment, and to which application.
///
/// # Errors
/// When the database fails.
pub async fn revoked_since(
    db: &impl ConnectionTrait,
    since: Timestamp,
) -> Result<Vec<(Uuid, String)>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::ClientId)
        .filter(Column::RevokedAt.gte(millis(since)))
        .into_tuple()
        .all(db)
        .await?)
}

/// To which applications these people ever made grants, as far as that is kept.
///
/// # Errors
/// When the database fails.
pub async fn clients_of(
    db: &impl ConnectionTrait,
    user_ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::UserId)
        .column(Column::ClientId)
        .distinct()
        .filter(Column::UserId.is_in(user_ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await?)
}

/// Whose grants a revocation takes back.
#[derive(Debug, Clone, Copy)]
pub enum Of<'a> {
    /// One grant.
    Grant(Uuid),
    /// All made in these sessions, to one application or to all.
    Sessions {
        /// The sessions.
        session_ids: &'a [Uuid],
        /// The application, if it is about one.
        client_id: Option<&'a str>,
        /// Whether grants with `offline_access`, which outlive a sign-out, stay.
        keep_offline: bool,
        /// Only those made before this moment.
        before: Option<Timestamp>,
    },
    /// Those made in these sessions to one application whose code was not redeemed yet.
    Unredeemed {
        /// The sessions.
        session_ids: &'a [Uuid],
        /// The application.
        client_id: &'a str,
        /// Only those made before this moment.
        before: Option<Timestamp>,
    },
    /// All that a person made.
    User(Uuid),
    /// All that a person made, but for those of one session.
    UserElsewhere {
        /// The person.
        user_id: Uuid,
        /// The session whose grants stay.
        except: Uuid,
    },
    /// All that a person made to an application.
    UserAtClient {
        /// The person.
        user_id: Uuid,
        /// The application.
        client_id: &'a str,
    },
    /// Those to an application, of one person or of all, whose code was not redeemed yet.
    UnredeemedAtClient {
        /// The person, if it is about one.
        user_id: Option<Uuid>,
        /// The application.
        client_id: &'a str,
    },
    /// Everyone's.
    All,
    /// All made to an application.
    Client(&'a str),
}

impl Of<'_> {
    fn condition(&self) -> Condition {
        match *self {
            Of::Grant(id) => Condition::all().add(Column::Id.eq(id)),
            Of::Sessions {
                session_ids,
                client_id,
                keep_offline,
                before,
            } => Condition::all()
                .add(Column::SessionId.is_in(session_ids.iter().copied()))
                .add_option(client_id.map(|client_id| Column::ClientId.eq(client_id)))
                .add_option(keep_offline.then(|| Column::OfflineAccess.eq(false)))
                .add_option(before.map(|before| Column::CreatedAt.lt(millis(before)))),
            Of::Unredeemed {
                session_ids,
                client_id,
                before,
            } => Condition::all()
                .add(Column::SessionId.is_in(session_ids.iter().copied()))
                .add(Column::ClientId.eq(client_id))
                .add_option(before.map(|before| Column::CreatedAt.lt(millis(before))))
                .add(Column::Id.in_subquery(codes::unredeemed_grants(client_id))),
            Of::UserElsewhere { user_id, except } => Condition::all()
                .add(Column::UserId.eq(user_id))
                .add(Column::SessionId.ne(except)),
            Of::UserAtClient { user_id, client_id } => Condition::all()
                .add(Column::UserId.eq(user_id))
                .add(Column::ClientId.eq(client_id)),
            Of::UnredeemedAtClient { user_id, client_id } => Condition::all()
                .add(Column::ClientId.eq(client_id))
                .add_option(user_id.map(|user_id| Column::UserId.eq(user_id)))
                .add(Column::Id.in_subquery(codes::unredeemed_grants(client_id))),
            Of::All => Condition::all(),
            Of::User(user_id) => Condition::all().add(Column::UserId.eq(user_id)),
            Of::Client(client_id) => Condition::all().add(Column::ClientId.eq(client_id)),
        }
    }
}

/// Of these grants those that may have given tokens without a session since a moment, and to which application: they
/// outlive sessions, or were never made in one. Those that were taken back since are among them.
///
/// # Errors
/// When the database fails.
pub async fn with_tokens_of_their_own(
    db: &impl ConnectionTrait,
    of: Of<'_>,
    since: Timestamp,
) -> Result<Vec<(Uuid, String)>, StoreError> {
    let used =
        Condition::all()
            .add(Column::OfflineAccess.eq(true))
            .add(refresh_tokens::given_since(
                Expr::col((Entity, Column::Id)),
                since,
            ));
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::ClientId)
        .filter(of.condition())
        .filter(
            Condition::any()
                .add(Column::RevokedAt.is_null())
                .add(Column::RevokedAt.gte(millis(since))),
        )
        .filter(Condition::any().add(Column::SessionId.is_null()).add(used))
        .into_tuple()
        .all(db)
        .await?)
}

/// Takes grants back: all that are of one of these. Answers how many that were.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    db: &impl ConnectionTrait,
    of: &[Of<'_>],
    now: Timestamp,
) -> Result<u64, StoreError> {
    // In one statement, so that they are locked in one order.
    let any = of
        .iter()
        .fold(Condition::any(), |any, of| any.add(of.condition()));
    let good = Condition::all().add(any).add(Column::RevokedAt.is_null());
    let revoked = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(millis(now)))
        // They may name values, such as an address, and tell nothing more: of who is deleted nothing is to be left.
        .col_expr(Column::Claims, Expr::value(None::<String>))
        .filter(in_order::<Entity>(Column::Id, good))
        .exec(db)
        .await?;
    Ok(revoked.rows_affected)
}
