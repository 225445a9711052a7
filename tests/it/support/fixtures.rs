//! Rows by the thousand, written straight into the tables, and what else goes past the provider.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

/// The kinds of the crowd's identifiers begin here.
const CROWD: u8 = 16;

/// A connection of one's own to the provider's database.
pub enum Side {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConnection),
}

impl Side {
    /// Connects to the database of this URL.
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            Self::Sqlite(SqliteConnection::connect(url).await.unwrap())
        } else {
            Self::Postgres(PgConnection::connect(url).await.unwrap())
        }
    }

    /// Executes one statement; answers how many rows it changed.
    pub async fn execute(&mut self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Sqlite(connection) => {
                connection.execute(statement).await.unwrap().rows_affected()
            }
            Self::Postgres(connection) => {
                connection.execute(statement).await.unwrap().rows_affected()
            }
        }
    }

    /// `INSERT INTO into SELECT values` for `i` from 1 to `count`.
    pub async fn insert(&mut self, count: usize, into: &str, values: &str) {
        self.execute(&format!(
            "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count}) \
             INSERT INTO {into} SELECT {values} FROM numbers"
        ))
        .await;
    }

    /// An identifier, in SQL, that follows from a kind and the number `i`.
    pub fn id(&self, kind: u8, i: &str) -> String {
        match self {
            Self::Sqlite(_) => {
                format!("unhex(printf('{kind:012x}70008000%012x', {i}))")
            }
            Self::Postgres(_) => {
                format!("('{kind:012x}70008000' || lpad(to_hex({i}), 12, '0'))::uuid")
            }
        }
    }

    /// People `{name}-1` to `{name}-{count}` with this password hash.
    pub async fn insert_people(&mut self, name: &str, kind: u8, count: usize, hash: &str) {
        let id = self.id(kind, "i");
        self.insert(
            count,
            "users (id, username, claims, created_at, updated_at, declared)",
            &format!("{id}, '{name}-' || i, '{{}}', 0, 0, FALSE"),
        )
        .await;
        self.insert(
            count,
            "passwords (user_id, hash, changed_at)",
            &format!("{id}, '{hash}', 0"),
        )
        .await;
    }

    /// As many people, each with a session in which each of these clients takes part and holds a grant, all begun a
    /// minute before `now` (milliseconds since 1970).
    pub async fn insert_sessions(&mut self, count: usize, client_ids: &[String], now: i64) {
        let began = now - 60_000;
        let ends = now + 86_400_000;
        let (user_id, session_id) = (self.id(CROWD, "i"), self.id(CROWD + 1, "i"));
        self.execute("BEGIN").await;
        self.insert(
            count,
            "users (id, username, claims, created_at, updated_at, declared)",
            &format!("{user_id}, 'crowd-' || i, '{{}}', 0, 0, FALSE"),
        )
        .await;
        self.insert(
            count,
            "sessions (id, cookie_hash, user_id, auth_time, amr, created_at, last_seen_at, expires_at, user_agent)",
            &format!(
                "{session_id}, 'cookie-' || i, {user_id}, {began}, 'pwd', {began}, {began}, {ends}, 'crowd'"
            ),
        )
        .await;
        for (number, client_id) in (1..).zip(client_ids) {
            let id = self.id(CROWD + 1 + number, "i");
            self.insert(
                count,
                "participants (sid, session_id, client_id, joined_at, believes_until)",
                &format!("{id}, {session_id}, '{client_id}', {began}, {ends}"),
            )
            .await;
            self.insert(
                count,
                "grants (id, session_id, user_id, client_id, scope, offline_access, created_at)",
                &format!("{id}, {session_id}, {user_id}, '{client_id}', 'openid', FALSE, {began}"),
            )
            .await;
        }
        self.execute("COMMIT").await;
    }
}
