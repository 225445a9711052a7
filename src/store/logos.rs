//! `logos`: what was fetched from the `logo_uri` of each client. A row belongs to its client alone: what one may fetch
//! from a private network is not another's to see.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectionTrait, QuerySelect as _};

use super::{StoreError, clients, millis, rows, time};
use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "logos")]
struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    client_id: String,
    uri: String,
    again_at: i64,
    fingerprint: Option<String>,
    media_type: Option<String>,
    image: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

/// What is known of a client's logo, without the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// When it is to be fetched again.
    pub again_at: Timestamp,
    /// Names the image, if there is one.
    pub fingerprint: Option<String>,
}

/// An image as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Changes with the bytes.
    pub fingerprint: String,
    /// What the bytes are.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a fetch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// An image.
    Image(Image),
    /// There is none any more: the one before it is forgotten.
    Gone,
    /// None that can be shown, for now: the one before it stays.
    Failed,
}

/// What was fetched for a client from this URI.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &impl ConnectionTrait,
    client_id: &str,
    uri: &str,
) -> Result<Option<Known>, StoreError> {
    let row: Option<(i64, Option<String>)> = Entity::find_by_id(client_id)
        .filter(Column::Uri.eq(uri))
        .select_only()
        .columns([Column::AgainAt, Column::Fingerprint])
        .into_tuple()
        .one(db)
        .await?;
    row.map(|(again_at, fingerprint)| {
        Ok(Known {
            again_at: time(again_at)?,
            fingerprint,
        })
    })
    .transpose()
}

/// Whether the caller is the one who fetches it now; nobody else is before `until`. What was fetched from another URI
/// is forgotten.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    db: &impl ConnectionTrait,
    client_id: &str,
    uri: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, StoreError> {
    Entity::delete_by_id(client_id)
        .filter(Column::Uri.ne(uri))
        .exec(db)
        .await?;
    let row = ActiveModel {
        client_id: Set(client_id.to_owned()),
        uri: Set(uri.to_owned()),
        again_at: Set(millis(until)),
        fingerprint: Set(None),
        media_type: Set(None),
        image: Set(None),
    };
    if rows::insert_new(db, row).await? {
        return Ok(true);
    }
    let taken = Entity::update_many()
        .col_expr(Column::AgainAt, Expr::value(millis(until)))
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::AgainAt.lte(millis(now)))
        .exec(db)
        .await?;
    Ok(taken.rows_affected == 1)
}

/// Notes what became of a fetch.
///
/// # Errors
/// When the database fails.
pub async fn keep(
    db: &impl ConnectionTrait,
    client_id: &str,
    uri: &str,
    fetched: &Fetched,
    again_at: Timestamp,
) -> Result<(), StoreError> {
    let mut update = Entity::update_many()
        .col_expr(Column::AgainAt, Expr::value(millis(again_at)))
        .filter(Column::ClientId.eq(client_id))
        .filter(Column::Uri.eq(uri));
    let image = match fetched {
        Fetched::Image(image) => Some(Some(image)),
        Fetched::Gone => Some(None),
        Fetched::Failed => None,
    };
    if let Some(image) = image {
        let (fingerprint, media_type, bytes) = (
            image.map(|image| image.fingerprint.clone()),
            image.map(|image| image.media_type.clone()),
            image.map(|image| image.bytes.clone()),
        );
        update = update
            .col_expr(Column::Fingerprint, Expr::value(fingerprint))
            .col_expr(Column::MediaType, Expr::value(media_type))
            .col_expr(Column::Image, Expr::value(bytes));
    }
    update.exec(db).await?;
    Ok(())
}

/// The image of that name, as long as its client may be spoken with.
///
/// # Errors
/// When the database fails.
pub async fn image(
    db: &impl ConnectionTrait,
    fingerprint: &str,
) -> Result<Option<Image>, StoreError> {
    let row = Entity::find()
        .filter(Column::Fingerprint.eq(fingerprint))
        .filter(Column::ClientId.in_subquery(clients::enabled()))
        .one(db)
        .await?;
    Ok(row.and_then(|row| {
        Some(Image {
            fingerprint: row.fingerprint?,
            media_type: row.media_type?,
            bytes: row.image?,
        })
    }))
}

/// Forgets logos that nobody has seen since they were to be fetched again, at a moment before this.
///
/// # Errors
/// When the database fails.
pub async fn purge(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), StoreError> {
    rows::purge::<Entity>(db, Column::ClientId, Column::AgainAt, before).await
}
