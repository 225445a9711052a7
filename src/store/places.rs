//! The places of values in statements that are written by hand.

use sea_orm::{DbBackend, Statement, Value};

/// The values of a statement, in the order in which its text has places for them.
///
/// PostgreSQL numbers the places. To SQLite a number is a name, for which it looks through all others each time that a
/// value is bound: with thousands of them that took longer than the statement.
#[derive(Debug)]
pub(super) struct Places {
    backend: DbBackend,
    values: Vec<Value>,
}

impl Places {
    /// None yet.
    pub(super) fn on(backend: DbBackend) -> Self {
        Self {
            backend,
            values: Vec::new(),
        }
    }

    /// The place of one more value, to be written behind all earlier ones.
    pub(super) fn next(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        match self.backend {
            DbBackend::Postgres => format!("${}", self.values.len()),
            _ => "?".to_owned(),
        }
    }

    /// The statement of which this is the text.
    pub(super) fn fill(self, text: String) -> Statement {
        Statement::from_sql_and_values(self.backend, text, self.values)
    }
}
