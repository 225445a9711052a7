//! Signing in through other providers: which there are, who is who there, which sessions came from there, and the
//! sign-ins that are on their way.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, string, text, text_null, uuid,
};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000100_upstreams"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            upstreams(),
            identities(),
            session_upstreams(),
            upstream_requests(),
        ] {
            manager.create_table(table).await?;
        }
        for (name, table, columns) in [
            ("identities_by_user", "identities", vec!["user_id"]),
            (
                "session_upstreams_by_subject",
                "session_upstreams",
                vec!["issuer", "subject"],
            ),
            (
                "session_upstreams_by_sid",
                "session_upstreams",
                vec!["issuer", "sid"],
            ),
        ] {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        // Until now everybody signed in with a password.
        let mut acr = ColumnDef::new("acr");
        acr.text().default("urn:exeunt:acr:password");
        let mut sessions = Table::alter();
        sessions.table("sessions").add_column(acr);
        manager.alter_table(sessions).await
    }
}

fn upstreams() -> TableCreateStatement {
    let mut id = string("id");
    id.primary_key();
    let mut table = Table::create();
    table
        .table("upstreams")
        .col(id)
        // As JSON.
        .col(text("definition"))
        .col(text_null("sealed_secret"))
        .col(boolean("is_declared"))
        .col(big_integer_null("disabled_at"))
        .col(big_integer("created_at"));
    table
}

fn identities() -> TableCreateStatement {
    let mut of_user = ForeignKey::create();
    of_user
        .from("identities", "user_id")
        .to("users", "id")
        .on_delete(ForeignKeyAction::Cascade);
    let mut key = Index::create();
    key.col("issuer").col("subject");
    let mut table = Table::create();
    table
        .table("identities")
        .col(text("issuer"))
        .col(text("subject"))
        .col(uuid("user_id"))
        .col(big_integer("created_at"))
        .col(big_integer("last_used_at"))
        .primary_key(&mut key)
        .foreign_key(&mut of_user);
    table
}

fn session_upstreams() -> TableCreateStatement {
    let mut session_id = uuid("session_id");
    session_id.primary_key();
    let mut of_session = ForeignKey::create();
    of_session
        .from("session_upstreams", "session_id")
        .to("sessions", "id")
        .on_delete(ForeignKeyAction::Cascade);
    let mut table = Table::create();
    table
        .table("session_upstreams")
        .col(session_id)
        .col(text("issuer"))
        .col(text("subject"))
        .col(text_null("sid"))
        .col(text("sealed_id_token"))
        .foreign_key(&mut of_session);
    table
}

fn upstream_requests() -> TableCreateStatement {
    let mut state_hash = string("state_hash");
    state_hash.primary_key();
    let mut table = Table::create();
    table
        .table("upstream_requests")
        .col(state_hash)
        .col(string("browser_hash"))
        .col(string("upstream_id"))
        .col(text("sealed"))
        .col(big_integer("expires_at"));
    table
}
