//! Secrets that are keys: those with which clients sign are kept sealed, where others are kept as hashes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::text_null;

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261125_000020_client_secrets"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut clients = Table::alter();
        clients
            .table("clients")
            .add_column(text_null("client_secret_sealed"));
        manager.alter_table(clients).await
    }
}
