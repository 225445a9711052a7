//! For whom a client's access tokens were before: tokens for them may still be good.

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000040_audiences"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut clients = Table::alter();
        // A JSON list; none: the one of the metadata alone.
        clients
            .table("clients")
            .add_column(ColumnDef::new("audiences").text());
        manager.alter_table(clients).await
    }
}
