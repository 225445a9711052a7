//! Which tokens came from which, so that they are taken back together.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, string};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000070_exchanged_tokens"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("exchanged_tokens")
            .col(string("jti"))
            .col(string("parent_jti"))
            .col(string("client_id"))
            .col(string("audience"))
            // How many exchanges lie behind it, its own included.
            .col(integer("generation"))
            .col(big_integer("expires_at"))
            .primary_key(Index::create().col("jti").col("parent_jti"));
        manager.create_table(table).await?;
        for column in ["parent_jti", "audience", "expires_at"] {
            let mut index = Index::create();
            index
                .name(format!("exchanged_tokens_by_{column}"))
                .table("exchanged_tokens")
                .col(column);
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
