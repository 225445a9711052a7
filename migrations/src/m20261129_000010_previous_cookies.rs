//! The cookie that a session had before: of whom the answer with the new one did not reach.

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261129_000010_previous_cookies"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut sessions = Table::alter();
        sessions
            .table("sessions")
            .add_column(ColumnDef::new("previous_cookie_hash").text());
        manager.alter_table(sessions).await?;
        // Few have one: the others cost nothing.
        let mut index = Index::create();
        index
            .name("sessions_by_previous_cookie_hash")
            .table("sessions")
            .col("previous_cookie_hash")
            .and_where(Expr::col("previous_cookie_hash").is_not_null());
        manager.create_index(index).await
    }
}
