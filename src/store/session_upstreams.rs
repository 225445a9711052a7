//! `session_upstreams`: the sessions that came from another provider, and under which name it knows them.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryOrder as _, QuerySelect as _};

use super::{StoreError, rows, sessions};

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session_upstreams")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    session_id: Uuid,
    issuer: String,
    subject: String,
    sid: Option<String>,
    sealed_id_token: String,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// Where a session came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionUpstream {
    /// The session here.
    pub session_id: Uuid,
    /// The upstream's issuer.
    pub issuer: String,
    /// The person's `sub` there.
    pub subject: String,
    /// The session's `sid` there, if it said one.
    pub sid: Option<String>,
    /// The ID token that it gave, sealed, if it gives any: it vouches for who asks when somebody signs out there.
    pub sealed_id_token: Option<String>,
}

/// Where the session came from; none where somebody signed in here.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    session_id: Uuid,
) -> Result<Option<SessionUpstream>, StoreError> {
    let row = Entity::find_by_id(session_id).one(db).await?;
    Ok(row.map(|row| SessionUpstream {
        session_id: row.session_id,
        issuer: row.issuer,
        subject: row.subject,
        sid: row.sid,
        // The column takes no NULL, and nothing that is sealed is empty.
        sealed_id_token: Some(row.sealed_id_token).filter(|sealed| !sealed.is_empty()),
    }))
}

/// Remembers where the session came from, instead of what was known before.
///
/// # Errors
/// When the database fails.
pub async fn save(db: &impl ConnectionTrait, known: &SessionUpstream) -> Result<(), StoreError> {
    let row = ActiveModel {
        session_id: Set(known.session_id),
        issuer: Set(known.issuer.clone()),
        subject: Set(known.subject.clone()),
        sid: Set(known.sid.clone()),
        sealed_id_token: Set(known.sealed_id_token.clone().unwrap_or_default()),
    };
    rows::save(db, row, &[]).await
}

/// Sessions, as another provider names them: by the person, by the session, or by both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// The upstream's issuer.
    pub issuer: &'a str,
    /// The person's `sub` there.
    pub subject: Option<&'a str>,
    /// The session's `sid` there.
    pub sid: Option<&'a str>,
}

impl Named<'_> {
    /// A session of the person's of which the provider told no `sid` may be any of theirs there.
    fn condition(self) -> Condition {
        let of_session = self.sid.map(|sid| {
            let unnamed = self.subject.map(|_| Column::Sid.is_null());
            Condition::any()
                .add(Column::Sid.eq(sid))
                .add_option(unnamed)
        });
        Condition::all()
            .add(Column::Issuer.eq(self.issuer))
            .add_option(self.subject.map(|subject| Column::Subject.eq(subject)))
            .add_option(of_session)
    }
}

/// At most `limit` of the sessions that came from there under these names and whose end nobody has recorded.
///
/// # Errors
/// When the database fails.
pub async fn unended(
    db: &impl ConnectionTrait,
    named: Named<'_>,
    limit: u64,
) -> Result<Vec<Uuid>, StoreError> {
    let session_id = Expr::col((Entity, Column::SessionId));
    find_some(db, named, limit, Some(sessions::is_unended(session_id))).await
}

/// At most `limit` of those that came from there, ended or not, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn came(
    db: &impl ConnectionTrait,
    named: Named<'_>,
    limit: u64,
) -> Result<Vec<Uuid>, StoreError> {
    find_some(db, named, limit, None).await
}

async fn find_some(
    db: &impl ConnectionTrait,
    named: Named<'_>,
    limit: u64,
    and: Option<Expr>,
) -> Result<Vec<Uuid>, StoreError> {
    Ok(Entity::find()
        .select_only()
        .column(Column::SessionId)
        .filter(named.condition().add_option(and))
        .order_by_desc(Column::SessionId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?)
}

/// Whether a session that goes on is known there under this `sid` and is somebody else's than `subject`'s.
///
/// # Errors
/// When the database fails.
pub async fn is_of_another(
    db: &impl ConnectionTrait,
    issuer: &str,
    subject: &str,
    sid: &str,
) -> Result<bool, StoreError> {
    let named = Named {
        issuer,
        subject: None,
        sid: Some(sid),
    };
    let session_id = Expr::col((Entity, Column::SessionId));
    let other = named
        .condition()
        .add(Column::Subject.ne(subject))
        .add(sessions::is_unended(session_id));
    Ok(Entity::find().filter(other).one(db).await?.is_some())
}
