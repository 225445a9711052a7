//! Invitations: who may come in through another provider for the first time.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string, string_null, text, uuid};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000130_upstream_invitations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (mut id, mut token_hash) = (uuid("id"), string("token_hash"));
        id.primary_key();
        token_hash.unique_key();
        let mut table = Table::create();
        table.table("upstream_invitations");
        for column in [
            id,
            token_hash,
            string("upstream_id"),
            text("issuer"),
            string_null("note"),
            big_integer("created_at"),
            big_integer("expires_at"),
            big_integer_null("used_at"),
        ] {
            table.col(column);
        }
        manager.create_table(table).await
    }
}
