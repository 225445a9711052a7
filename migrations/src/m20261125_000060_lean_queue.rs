//! What a queue costs that is ever worked off: only what waits is in the indexes of what waits, and what is recorded of
//! an answer touches as few of them as can be.

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261125_000060_lean_queue"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for columns in [
            "due_at_and_client_id",
            "client_id_and_due_at",
            "order_id_and_state",
            "finished_at",
        ] {
            let mut index = Index::drop();
            index
                .name(format!("logout_deliveries_by_{columns}"))
                .table("logout_deliveries");
            manager.drop_index(index.to_owned()).await?;
        }
        let partial = |columns: &[&'static str], present: &'static str| {
            let mut index = by(columns);
            index.and_where(Expr::col(present).is_not_null()).to_owned()
        };
        for index in [
            partial(&["client_id", "due_at"], "due_at"),
            partial(&["order_id", "state"], "order_id"),
            partial(&["finished_at"], "finished_at"),
            by(&["client_id", "created_at"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn by(columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index
        .name(format!("logout_deliveries_by_{}", columns.join("_and_")))
        .table("logout_deliveries");
    for column in columns {
        index.col(*column);
    }
    index
}
