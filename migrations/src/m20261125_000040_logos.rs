//! Applications' logos, fetched by us and served by us.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, blob_null, string, string_null};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261125_000040_logos"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut client_id = string("client_id");
        client_id.primary_key();
        let mut table = Table::create();
        table
            .table("logos")
            .col(client_id)
            .col(string("uri"))
            .col(big_integer("again_at"))
            .col(string_null("fingerprint"))
            .col(string_null("media_type"))
            .col(blob_null("image"));
        manager.create_table(table).await?;

        let mut index = Index::create();
        index
            .name("logos_by_fingerprint")
            .table("logos")
            .col("fingerprint");
        manager.create_index(index).await
    }
}
