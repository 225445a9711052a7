//! What ending very many sessions at once needs: the next few hundred in order, without sorting those that are left.

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000020_storms"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The first column is always null here. It is there because SQLite otherwise thinks another index better,
        // whose order it would have to sort.
        let mut unended = Index::create();
        unended
            .name("sessions_unended")
            .table("sessions")
            .col("ended_at")
            .col("id")
            .and_where(Expr::col("ended_at").is_null());
        manager.create_index(unended).await?;

        let mut idle = Index::create();
        idle.name("sessions_unended_by_last_seen_at")
            .table("sessions")
            .col("ended_at")
            .col("last_seen_at")
            .and_where(Expr::col("ended_at").is_null());
        manager.create_index(idle).await?;

        // In the order in which an order ends them.
        for (table, columns) in [
            ("participants", ["client_id", "ended_at", "session_id"]),
            ("sessions", ["user_id", "ended_at", "id"]),
        ] {
            let [first, second, third] = columns;
            let mut index = Index::create();
            index
                .name(format!("{table}_by_{first}_and_{second}_and_{third}"))
                .table(table)
                .col(first)
                .col(second)
                .col(third);
            manager.create_index(index).await?;
            drop(manager, format!("{table}_by_{first}_and_{second}"), table).await?;
        }

        // Over what is over alone: else SQLite would look there for what is not.
        drop(
            manager,
            "participants_by_ended_at".to_owned(),
            "participants",
        )
        .await?;
        let mut ended = Index::create();
        ended
            .name("participants_by_ended_at")
            .table("participants")
            .col("ended_at")
            .and_where(Expr::col("ended_at").is_not_null());
        manager.create_index(ended).await
    }
}

async fn drop(manager: &SchemaManager<'_>, name: String, table: &'static str) -> Result<(), DbErr> {
    let mut index = Index::drop();
    manager
        .drop_index(index.name(name).table(table).to_owned())
        .await
}
