//! Claims that are asked for one by one: what a person allowed, and what was granted.

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261125_000030_claims"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let allowed = ColumnDef::new("claims")
            .text()
            .not_null()
            .default("")
            .to_owned();
        let mut consents = Table::alter();
        consents.table("consents").add_column(allowed);
        manager.alter_table(consents).await?;
        let granted = ColumnDef::new("claims").text().to_owned();
        let mut grants = Table::alter();
        grants.table("grants").add_column(granted);
        manager.alter_table(grants).await
    }
}
