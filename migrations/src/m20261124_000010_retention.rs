//! What finding the rows whose time to be kept is over needs.

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000010_retention"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("logout_deliveries", "finished_at"),
            ("participants", "ended_at"),
            ("grants", "created_at"),
        ] {
            let mut index = Index::create();
            index
                .name(format!("{table}_by_{column}"))
                .table(table)
                .col(column);
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
