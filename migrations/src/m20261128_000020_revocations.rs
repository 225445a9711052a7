//! The log of what was taken back.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string, string_null, uuid};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000020_revocations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut id = uuid("id");
        id.primary_key();
        let mut number = big_integer_null("number");
        number.unique_key();
        let mut table = Table::create();
        table
            .table("revocations")
            .col(id)
            .col(number)
            .col(string("kind"))
            .col(string("subject"))
            .col(string_null("client_id"))
            .col(string_null("audience"))
            .col(big_integer_null("before"))
            .col(big_integer("expires_at"))
            .col(big_integer("created_at"));
        manager.create_table(table).await?;

        let by = |columns: &[&'static str]| {
            let mut index = Index::create();
            index
                .name(format!("revocations_by_{}", columns.join("_and_")))
                .table("revocations");
            for column in columns {
                index.col(*column);
            }
            index
        };
        manager.create_index(by(&["kind", "subject"])).await?;
        manager.create_index(by(&["expires_at"])).await?;
        // What has no number yet is a handful of rows among many.
        let mut fresh = by(&["created_at"]);
        fresh.and_where(Expr::col("number").is_null());
        manager.create_index(fresh).await
    }
}
