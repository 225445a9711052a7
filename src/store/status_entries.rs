//! `status_entries`: the places of tokens in status lists, of services that ask for them. A row for each such token, until
//! its list is over: the one table that knows tokens at all, and it knows nothing of them but what could end them.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QuerySelect as _, Statement};

use super::{StoreError, millis, rows};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "status_entries")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    list: String,
    #[sea_orm(primary_key, auto_increment = false)]
    place: i64,
    service: String,
    jti: String,
    grant_id: String,
    sid: Option<String>,
    session_id: Option<String>,
    user_id: Option<String>,
    client_id: String,
    issued_at: i64,
    kept_until: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// By what a token may be taken back.
#[derive(Debug, Clone)]
pub struct StatusEntry<'a> {
    /// Whom it is for.
    pub service: &'a str,
    /// Its name.
    pub jti: &'a str,
    /// The grant behind it.
    pub grant: &'a str,
    /// The application's part in the session, and the session, if there is one.
    pub session: Option<(Uuid, Uuid)>,
    /// Whose it is, if it is a person's.
    pub user_id: Option<Uuid>,
    /// To whom it was issued.
    pub client_id: &'a str,
    /// When: a whole second.
    pub issued_at: Timestamp,
    /// Until when the place is not given again.
    pub kept_until: Timestamp,
}

/// Takes a place in a list; false when it is taken.
///
/// # Errors
/// When the database fails.
pub async fn take(
    db: &impl ConnectionTrait,
    list: &str,
    place: u32,
    entry: &StatusEntry<'_>,
) -> Result<bool, StoreError> {
    let text = |id: Uuid| id.to_string();
    let row = ActiveModel {
        list: Set(list.to_owned()),
        place: Set(place.into()),
        service: Set(entry.service.to_owned()),
        jti: Set(entry.jti.to_owned()),
        grant_id: Set(entry.grant.to_owned()),
        sid: Set(entry.session.map(|(sid, _)| text(sid))),
        session_id: Set(entry.session.map(|(_, id)| text(id))),
        user_id: Set(entry.user_id.map(text)),
        client_id: Set(entry.client_id.to_owned()),
        issued_at: Set(millis(entry.issued_at)),
        kept_until: Set(millis(entry.kept_until)),
    };
    rows::insert_new(db, row).await
}

/// Whose tokens have places in the list; none if there is no such list.
///
/// # Errors
/// When the database fails.
pub async fn service_of(
    db: &impl ConnectionTrait,
    list: &str,
) -> Result<Option<String>, StoreError> {
    let found = Entity::find()
        .select_only()
        .column(Column::Service)
        .filter(Column::List.eq(list))
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    Ok(found)
}

/// How entries of the log name tokens.
const NAMED_BY: [&str; 7] = [
    "r.kind = 'token' AND r.subject = e.jti AND r.audience = e.service",
    "r.kind = 'part' AND r.subject = e.sid",
    "r.kind = 'session' AND r.subject = e.session_id",
    "r.kind = 'grant' AND r.subject = e.grant_id",
    "r.kind = 'subject' AND r.subject = e.user_id AND r.before > e.issued_at",
    "r.kind = 'client' AND r.subject = e.client_id AND r.before > e.issued_at",
    "r.kind = 'all' AND r.before > e.issued_at",
];

/// The places in the list of tokens that the log names, in their order.
///
/// # Errors
/// When the database fails.
pub async fn invalid(
    db: &impl ConnectionTrait,
    list: &str,
    now: Timestamp,
) -> Result<Vec<u32>, StoreError> {
    let of = |named_by: &&str| {
        format!(
            "SELECT e.place AS place FROM status_entries e JOIN revocations r ON {named_by} \
             WHERE e.list = $1 AND r.expires_at > $2"
        )
    };
    let each: Vec<String> = NAMED_BY.iter().map(of).collect();
    let all = format!("{} ORDER BY place", each.join(" UNION "));
    let values = [list.into(), millis(now).into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), all, values);
    let rows = db.query_all_raw(statement).await?;
    let places = rows.iter().map(|row| {
        let place: i64 = row.try_get("", "place")?;
        u32::try_from(place).map_err(|_range| StoreError::Damaged("a place in a status list"))
    });
    places.collect()
}

/// Forgets the places of lists that are over.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, now: Timestamp) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::KeptUntil.lt(millis(now)))
        .exec(db)
        .await?;
    Ok(())
}
