//! Who was deleted while a file declared them: of their name a keyed hash, until the file has let them go.

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261125_000070_deleted_names"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut users = Table::alter();
        users
            .table("users")
            .add_column(ColumnDef::new("deleted_name").text());
        manager.alter_table(users).await
    }
}
