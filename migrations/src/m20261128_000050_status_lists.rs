//! The places of tokens in status lists.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, string_null, text};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000050_status_lists"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        // As text what the log has as text.
        table
            .table("status_entries")
            .col(string("list"))
            .col(big_integer("place"))
            .col(text("service"))
            .col(string("jti"))
            .col(string("grant_id"))
            .col(string_null("sid"))
            .col(string_null("session_id"))
            .col(string_null("user_id"))
            .col(string("client_id"))
            .col(big_integer("issued_at"))
            .col(big_integer("kept_until"))
            .primary_key(Index::create().col("list").col("place"));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index
            .name("status_entries_by_kept_until")
            .table("status_entries")
            .col("kept_until");
        manager.create_index(index).await
    }
}
