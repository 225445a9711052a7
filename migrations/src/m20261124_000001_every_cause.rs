//! What ending by every cause needs: orders that spare a session, notices that name their order,
//! people and applications that are gone for good, breakers, and the mark that tells a restored database.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, integer, string, text, uuid_null};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000001_every_cause"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column a statement.
        for (table, column) in [
            ("users", big_integer_null("deleted_at")),
            ("clients", big_integer_null("deleted_at")),
            ("logout_orders", uuid_null("except_session_id")),
            ("logout_deliveries", uuid_null("order_id")),
        ] {
            manager
                .alter_table(Table::alter().table(table).add_column(column).to_owned())
                .await?;
        }
        for table in [breakers(), marks()] {
            manager.create_table(table).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("logout_deliveries_by_order_id_and_state")
                    .table("logout_deliveries")
                    .col("order_id")
                    .col("state")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("logout_deliveries_by_user_id_and_created_at")
                    .table("logout_deliveries")
                    .col("user_id")
                    .col("created_at")
                    .to_owned(),
            )
            .await
    }
}

fn breakers() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("breakers");
    let mut client_id = string("client_id");
    client_id.primary_key();
    for column in [
        client_id,
        integer("failures"),
        big_integer_null("open_until"),
        big_integer_null("probing_until"),
        big_integer("updated_at"),
    ] {
        table.col(column);
    }
    table
}

fn marks() -> TableCreateStatement {
    let mut table = Table::create();
    table.table("marks");
    let mut name = string("name");
    name.primary_key();
    table.col(name).col(text("value"));
    table
}
