//! One order ends a hundred thousand sessions, while people sign in.

use serde_json::{Value, json};

use super::{Stage, client_id, environment};
use crate::process::micros;
use crate::report::{Goal, Row, median};

/// `EXEUNT_BENCH_STORM` says otherwise.
const SESSIONS: usize = 100_000;
/// The applications of each session.
const APPLICATIONS: usize = 3;
/// Who signs in, one after the other.
const GUESTS: usize = 2_000;

/// The rows.
pub async fn measure(name: &str, is_postgres: bool) -> Vec<Row> {
    let sessions =
        environment("EXEUNT_BENCH_STORM").map_or(SESSIONS, |sessions| sessions.parse().unwrap());
    let mut stage = Stage::set(is_postgres, APPLICATIONS).await;
    let hash = stage.house.greeting["hash"].as_str().unwrap().to_owned();
    stage.side.insert_people("guest", 1, GUESTS, &hash).await;
    let all: Vec<String> = (0..APPLICATIONS).map(client_id).collect();
    let now = i64::try_from(micros() / 1000).unwrap();
    stage.side.insert_sessions(sessions, &all, now).await;

    let before = latencies(&stage.house.ask(&json!({ "do": "sign-ins" })));
    let storm = stage.house.ask(&json!({ "do": "storm" }));
    stage.wait_for(sessions * APPLICATIONS);
    let during = latencies(&storm["latencies"]);
    let seconds = storm["seconds"].as_f64().unwrap();
    let notices = (sessions * APPLICATIONS) as f64;
    let (usual, stormy) = (
        median(before.iter().copied()),
        median(during.iter().copied()),
    );
    let total = format!("{name}: a storm, {sessions} sessions at {APPLICATIONS} applications each");
    vec![
        Row::alone(total, seconds, "s").goal(Goal::LessThan(120.0)),
        Row::alone(
            format!("{name}: notices delivered in it"),
            notices / seconds,
            "1/s",
        ),
        Row::alone(
            format!("{name}: the most memory in it"),
            stage.house.peak_mebibytes(),
            "MiB",
        )
        .goal(Goal::LessThan(200.0)),
        Row::of_rounds(
            format!("{name}: a sign-in during it and before, median"),
            &[(stormy, usual)],
            "ms",
        )
        .goal(Goal::RatioAtMost(2.0)),
        Row::of_rounds(
            format!("{name}: a sign-in during it and before, 99 of 100"),
            &[(percentile(during), percentile(before))],
            "ms",
        ),
    ]
}

fn latencies(answer: &Value) -> Vec<f64> {
    serde_json::from_value(answer.clone()).unwrap()
}

/// What 99 of 100 stay below.
fn percentile(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * 99).div_ceil(100) - 1]
}
