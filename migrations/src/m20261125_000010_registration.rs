//! What clients that register themselves need: who they were, and by which token they were let in.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, integer, string, string_null, uuid, uuid_null,
};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261125_000010_registration"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [initial_access_tokens(), registrations()] {
            manager.create_table(table).await?;
        }
        Ok(())
    }
}

fn initial_access_tokens() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("initial_access_tokens");
    let (mut id, mut token_hash) = (uuid("id"), string("token_hash"));
    id.primary_key();
    token_hash.unique_key();
    for column in [
        id,
        token_hash,
        string_null("note"),
        integer("uses"),
        integer("uses_left"),
        big_integer("created_at"),
        big_integer("expires_at"),
    ] {
        table.col(column);
    }
    table
}

fn registrations() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("registrations");
    let mut client_id = string("client_id");
    client_id.primary_key();
    for column in [
        client_id,
        string("access_token_hash"),
        uuid_null("initial_access_token_id"),
        string_null("note"),
        string("address"),
        big_integer("registered_at"),
        big_integer_null("used_at"),
    ] {
        table.col(column);
    }
    // The client's row goes only when nothing else hangs on it.
    table.foreign_key(
        ForeignKey::create()
            .from("registrations", "client_id")
            .to("clients", "client_id")
            .on_delete(ForeignKeyAction::Cascade),
    );
    table
}
