//! Leaving at other providers: who was sent there to sign out, and refresh tokens that are taken back there.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer_null, integer, text, text_null, uuid};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000120_upstream_leaving"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            big_integer_null("upstream_asked_at"),
            // None: the browser has come back.
            text_null("upstream_state_hash"),
        ] {
            let mut leavings = Table::alter();
            leavings.table("leavings").add_column(column);
            manager.alter_table(leavings).await?;
        }
        manager.create_table(upstream_tokens()).await?;
        for column in ["session_id", "due_at"] {
            let mut index = Index::create();
            index
                .name(format!("upstream_tokens_by_{column}"))
                .table("upstream_tokens")
                .col(column);
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn upstream_tokens() -> TableCreateStatement {
    let mut id = uuid("id");
    id.primary_key();
    let mut table = Table::create();
    table
        .table("upstream_tokens")
        .col(id)
        // The session may be forgotten before the token is taken back.
        .col(uuid("session_id"))
        .col(text("issuer"))
        .col(text("sealed_token"))
        // When it is to be taken back; none while its session lives.
        .col(big_integer_null("due_at"))
        .col(big_integer_null("give_up_at"))
        .col(integer("attempts"));
    table
}
