//! The tables that everything hangs on. Times are milliseconds since 1970, UTC.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, integer, integer_null, string, string_null, text,
    text_null, uuid, uuid_null,
};

#[derive(Debug)]
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261123_000001_house"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn table(name: &'static str, columns: Vec<ColumnDef>) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for column in columns {
        table.col(column);
    }
    table
}

fn key(mut column: ColumnDef) -> ColumnDef {
    column.primary_key();
    column
}

fn unique(mut column: ColumnDef) -> ColumnDef {
    column.unique_key();
    column
}

fn references(
    table: &mut TableCreateStatement,
    column: &'static str,
    target: &'static str,
    target_column: &'static str,
) {
    let owner = table.get_table_name().cloned();
    let mut foreign_key = ForeignKey::create();
    if let Some(owner) = owner {
        foreign_key.from(owner, column);
    }
    foreign_key
        .to(target, target_column)
        .on_delete(ForeignKeyAction::Cascade);
    table.foreign_key(&mut foreign_key);
}

#[expect(clippy::too_many_lines, reason = "one schema, read from top to bottom")]
fn tables() -> Vec<TableCreateStatement> {
    let users = table(
        "users",
        vec![
            key(uuid("id")),
            unique(string("username")),
            text("claims"),
            big_integer("created_at"),
            big_integer("updated_at"),
            big_integer_null("disabled_at"),
            boolean("declared"),
        ],
    );

    let mut passwords = table(
        "passwords",
        vec![
            key(uuid("user_id")),
            text("hash"),
            big_integer("changed_at"),
            string_null("declared_fingerprint"),
        ],
    );
    references(&mut passwords, "user_id", "users", "id");

    let clients = table(
        "clients",
        vec![
            key(string("client_id")),
            string_null("client_secret_hash"),
            text("metadata"),
            boolean("declared"),
            big_integer("created_at"),
            big_integer("updated_at"),
            big_integer_null("disabled_at"),
        ],
    );

    let mut sessions = table(
        "sessions",
        vec![
            key(uuid("id")),
            unique(string("cookie_hash")),
            uuid("user_id"),
            big_integer("auth_time"),
            string("amr"),
            big_integer("created_at"),
            big_integer("last_seen_at"),
            big_integer("expires_at"),
            big_integer_null("ended_at"),
            string_null("end_cause"),
            text("user_agent"),
        ],
    );
    references(&mut sessions, "user_id", "users", "id");

    let mut participants = table(
        "participants",
        vec![
            key(uuid("sid")),
            uuid("session_id"),
            string("client_id"),
            big_integer("joined_at"),
            big_integer("believes_until"),
            big_integer_null("ended_at"),
        ],
    );
    references(&mut participants, "session_id", "sessions", "id");
    references(&mut participants, "client_id", "clients", "client_id");

    let mut grants = table(
        "grants",
        vec![
            key(uuid("id")),
            uuid_null("session_id"),
            uuid_null("user_id"),
            string("client_id"),
            string("scope"),
            boolean("offline_access"),
            big_integer("created_at"),
            big_integer_null("revoked_at"),
        ],
    );
    references(&mut grants, "user_id", "users", "id");
    references(&mut grants, "client_id", "clients", "client_id");

    let mut authorization_codes = table(
        "authorization_codes",
        vec![
            key(string("code_hash")),
            uuid("grant_id"),
            string("client_id"),
            uuid("session_id"),
            text("redirect_uri"),
            string_null("code_challenge"),
            text_null("nonce"),
            big_integer("auth_time"),
            big_integer("expires_at"),
            big_integer_null("redeemed_at"),
        ],
    );
    references(&mut authorization_codes, "grant_id", "grants", "id");

    let mut refresh_tokens = table(
        "refresh_tokens",
        vec![
            key(string("token_hash")),
            uuid("grant_id"),
            string("client_id"),
            big_integer("auth_time"),
            big_integer("issued_at"),
            big_integer("expires_at"),
            big_integer_null("rotated_at"),
        ],
    );
    references(&mut refresh_tokens, "grant_id", "grants", "id");

    let interactions = table(
        "interactions",
        vec![
            key(string("handle_hash")),
            string("browser_hash"),
            string("client_id"),
            text("params"),
            big_integer("requested_at"),
            big_integer("expires_at"),
        ],
    );

    let parked_requests = table(
        "parked_requests",
        vec![
            key(string("handle_hash")),
            text("params"),
            big_integer("expires_at"),
        ],
    );

    let mut consents = table(
        "consents",
        vec![
            uuid("user_id"),
            string("client_id"),
            string("scope"),
            big_integer("granted_at"),
        ],
    );
    consents.primary_key(Index::create().col("user_id").col("client_id"));
    references(&mut consents, "user_id", "users", "id");
    references(&mut consents, "client_id", "clients", "client_id");

    let logout_orders = table(
        "logout_orders",
        vec![
            key(uuid("id")),
            uuid_null("user_id"),
            string_null("client_id"),
            string("cause"),
            big_integer("before"),
            big_integer_null("expanded_at"),
        ],
    );

    let logout_deliveries = table(
        "logout_deliveries",
        vec![
            key(uuid("id")),
            uuid("session_id"),
            uuid("sid"),
            string("client_id"),
            uuid("user_id"),
            string("channel"),
            string("state"),
            string("cause"),
            integer("attempts"),
            big_integer("created_at"),
            big_integer_null("due_at"),
            big_integer("give_up_at"),
            big_integer("believes_until"),
            uuid_null("lease"),
            big_integer_null("lease_until"),
            big_integer_null("finished_at"),
            integer_null("last_status"),
            string_null("last_problem"),
        ],
    );

    let mut delivery_attempts = table(
        "delivery_attempts",
        vec![
            key(uuid("jti")),
            uuid("delivery_id"),
            big_integer("at"),
            string("outcome"),
            integer_null("status"),
            integer("latency"),
            string_null("problem"),
        ],
    );
    references(
        &mut delivery_attempts,
        "delivery_id",
        "logout_deliveries",
        "id",
    );

    let mut leavings = table(
        "leavings",
        vec![
            string("handle_hash"),
            uuid("session_id"),
            string_null("client_id"),
            text_null("continue_to"),
            big_integer("created_at"),
            big_integer("expires_at"),
        ],
    );
    leavings.primary_key(Index::create().col("handle_hash"));

    let signing_keys = table(
        "signing_keys",
        vec![
            key(string("kid")),
            string("algorithm"),
            text("public_jwk"),
            text("sealed_private"),
            big_integer("publish_at"),
            big_integer("sign_from"),
            big_integer_null("retire_at"),
        ],
    );

    let mut client_assertions = table(
        "client_assertions",
        vec![
            string("client_id"),
            string("jti"),
            big_integer("expires_at"),
        ],
    );
    client_assertions.primary_key(Index::create().col("client_id").col("jti"));

    let throttles = table(
        "throttles",
        vec![key(string("name")), big_integer("arrival")],
    );

    let changes = table("changes", vec![key(string("name")), big_integer("version")]);

    vec![
        users,
        passwords,
        clients,
        sessions,
        participants,
        grants,
        authorization_codes,
        refresh_tokens,
        interactions,
        parked_requests,
        consents,
        logout_orders,
        logout_deliveries,
        delivery_attempts,
        leavings,
        signing_keys,
        client_assertions,
        throttles,
        changes,
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |table: &'static str, columns: &[&'static str]| {
        let mut index = Index::create();
        index
            .name(format!("{table}_by_{}", columns.join("_and_")))
            .table(table);
        for column in columns {
            index.col(*column);
        }
        index
    };
    let mut one_sid_each = index("participants", &["session_id", "client_id"]);
    // Of an ended participation and the one that followed it, only the latter is open.
    one_sid_each
        .unique()
        .and_where(Expr::col("ended_at").is_null());
    // What is done has no due date, and there is ever more of it.
    let mut due = index("logout_deliveries", &["due_at", "client_id"]);
    due.and_where(Expr::col("due_at").is_not_null());
    vec![
        one_sid_each,
        due,
        index("participants", &["client_id", "ended_at"]),
        index("sessions", &["user_id", "ended_at"]),
        index("sessions", &["ended_at", "expires_at"]),
        index("grants", &["session_id"]),
        index("grants", &["user_id"]),
        index("grants", &["client_id", "user_id"]),
        index("authorization_codes", &["grant_id"]),
        index("refresh_tokens", &["grant_id"]),
        index("interactions", &["expires_at"]),
        index("parked_requests", &["expires_at"]),
        index("logout_orders", &["expanded_at"]),
        index("logout_deliveries", &["client_id", "due_at"]),
        index("logout_deliveries", &["state", "created_at"]),
        index("logout_deliveries", &["session_id"]),
        index("delivery_attempts", &["delivery_id"]),
        index("leavings", &["expires_at"]),
        index("client_assertions", &["expires_at"]),
    ]
}
