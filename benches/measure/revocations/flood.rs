//! How many revocations a second a service hears of, while they are committed as fast as that goes.

use serde_json::json;

use super::Stage;
use crate::logout::environment;
use crate::process::micros;
use crate::report::{Goal, Row};
use crate::servers::CLIENT_ID;

/// `EXEUNT_BENCH_REVOCATIONS` says otherwise.
const COUNT: usize = 50_000;

/// The rows.
pub async fn measure(name: &str, way: &str, stage: &mut Stage) -> Vec<Row> {
    let count =
        environment("EXEUNT_BENCH_REVOCATIONS").map_or(COUNT, |count| count.parse().unwrap());
    let now = i64::try_from(micros() / 1000).unwrap();
    let clients = [CLIENT_ID.to_owned()];
    stage.side.insert_sessions(count, &clients, now).await;
    // The beginning of the identifiers that `insert_sessions` gave them.
    let sessions = format!("{:012x}70008000", 17);
    let mut rows = Vec::new();
    for (what, kind) in [("tokens", None), ("sessions", Some(sessions))] {
        let known = stage.listener.ask(&json!({ "do": "denied" }));
        let all = known["count"].as_u64().unwrap() + count as u64;
        let flood = json!({ "do": "flood", "count": count, "sessions": kind });
        let began = stage.source.ask(&flood);
        let heard = stage.listener.ask(&json!({ "do": "wait", "count": all }));
        let taken = heard["at"].as_u64().unwrap() - began["began"].as_u64().unwrap();
        let what =
            format!("{name}: {count} revocations of {what} into the {way}, from the first commit");
        let rate = count as f64 * 1e6 / taken as f64;
        rows.push(Row::alone(what, rate, "1/s").goal(Goal::AtLeast(10_000.0)));
    }
    rows
}
