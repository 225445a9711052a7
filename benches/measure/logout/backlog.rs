//! Durable deliveries for each second of processor time, from a queue that is never empty.

use serde_json::json;

use super::{MANY, Stage};
use crate::process::{micros, spent_by_children};
use crate::report::{Goal, Row, median};

const ROUNDS: usize = 5;
/// In each round.
const COUNT: usize = 6_000;

/// The rows.
pub async fn measure(name: &str, stage: &mut Stage) -> Vec<Row> {
    let (mut rounds, mut databases) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let postgres = |stage: &Stage| stage.postmaster.map(spent_by_children);
        stage.reset();
        let (before, postgres_before) = (stage.house.spent(), postgres(stage));
        insert(stage, u8::try_from(200 + round).unwrap()).await;
        stage.wait_for(COUNT);
        stage.drain();
        let ours = stage.house.spent() - before;
        let database = match (postgres_before, postgres(stage)) {
            (Some(before), Some(after)) => after - before,
            _ => ours.database,
        };

        let before = stage.floor.spent();
        stage.floor.ask(&json!({ "count": COUNT }));
        let floor = stage.floor.spent() - before;
        // The first one warms up.
        if round > 0 {
            let count = COUNT as f64;
            rounds.push((count / ours.all, count / floor.all));
            databases.push(database / count * 1e6);
        }
    }
    let row = Row::of_rounds(
        format!("{name}: deliveries (ES256)"),
        &rounds,
        "deliveries/CPU-s",
    );
    let whose = match stage.postmaster {
        Some(_) => "PostgreSQL's own time for each, filling the queue included",
        None => "of it in SQLite's threads, for each",
    };
    vec![
        row.goal(Goal::RatioAtLeast(0.4)),
        Row::alone(
            format!("{name}: {whose}"),
            median(databases.into_iter()),
            "µs",
        ),
    ]
}

/// Notices that are due, to every application alike.
async fn insert(stage: &mut Stage, kind: u8) {
    let now = micros() / 1000;
    let later = now + 86_400_000;
    let id = stage.side.id(kind, "i");
    stage
        .side
        .insert(
            COUNT,
            "logout_deliveries (id, session_id, sid, client_id, user_id, channel, state, cause, attempts, \
             created_at, due_at, give_up_at, believes_until)",
            &format!(
                "{id}, {id}, {id}, 'application-' || (i % {MANY}), {id}, 'back', 'pending', 'administrator', 0, \
                 {now}, {now}, {later}, {later}"
            ),
        )
        .await;
}
