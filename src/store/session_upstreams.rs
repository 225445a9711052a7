//! `session_upstreams`: the sessions that came from another provider, and under which name it knows them.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait};

use super::StoreError;

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
    let update = OnConflict::column(Column::SessionId)
        .update_columns([
            Column::Issuer,
            Column::Subject,
            Column::Sid,
            Column::SealedIdToken,
        ])
        .to_owned();
    Entity::insert(row)
        .on_conflict(update)
        .exec_without_returning(db)
        .await?;
    Ok(())
}
