//! Who signed out at another provider, as it told us: so that nobody tells it twice, and no sign-in that was under way
//! brings the session back.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text, text_null};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000110_upstream_logouts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(upstream_logouts()).await?;
        for (name, columns) in [
            ("upstream_logouts_by_subject", ["issuer", "subject"]),
            ("upstream_logouts_by_sid", ["issuer", "sid"]),
        ] {
            let mut index = Index::create();
            index.name(name).table("upstream_logouts");
            for column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn upstream_logouts() -> TableCreateStatement {
    let mut key = Index::create();
    key.col("issuer").col("jti");
    let mut table = Table::create();
    table
        .table("upstream_logouts")
        .col(text("issuer"))
        .col(text("jti"))
        .col(text_null("subject"))
        .col(text_null("sid"))
        .col(big_integer("told_at"))
        .primary_key(&mut key);
    table
}
