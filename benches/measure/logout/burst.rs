//! One session at a hundred applications: how soon they all know, and how long the person waits.

use std::time::Instant;

use serde_json::json;

use super::{MANY, Stage, client_id};
use crate::load::Connection;
use crate::process::micros;
use crate::report::{Goal, Row, median};
use crate::tokens::{code_flow, encoded};

const ROUNDS: usize = 7;
/// `logout.grace`, as it is unless somebody sets it.
const GRACE: f64 = 300.0;

/// The rows.
pub async fn measure(name: &str, stage: &mut Stage) -> Vec<Row> {
    let rounds = ROUNDS + 1;
    let all: Vec<String> = (0..MANY).map(client_id).collect();
    let now = i64::try_from(micros() / 1000).unwrap();
    stage.side.insert_sessions(rounds, &all, now).await;
    let (mut bursts, mut firsts) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        stage.reset();
        // The identifier that `insert_sessions` gave it.
        let session = format!("{:012x}70008000{round:012x}", 17);
        let ended = stage.house.ask(&json!({ "do": "end", "session": session }));
        let (first, last) = stage.wait_for(MANY);
        let committed = ended["committed"].as_u64().unwrap();
        stage.drain();
        stage.reset();
        let posted = stage.floor.ask(&json!({ "count": MANY }));
        let (_, floor_last) = stage.wait_for(MANY);
        // The first one warms up.
        if round > 1 {
            let took = millis(committed, last);
            bursts.push((took, millis(posted["began"].as_u64().unwrap(), floor_last)));
            firsts.push(millis(committed, first));
        }
    }
    let mut waits = Vec::new();
    for round in 0..rounds {
        let healthy = sign_out(stage, None).await;
        let hanging = sign_out(stage, Some(round + 1)).await;
        if round > 0 {
            waits.push((hanging, healthy));
        }
    }
    let arrived = format!("{name}: {MANY} applications of one session told, from the commit");
    let waited = format!("{name}: the person's sign-out, one of {MANY} applications hanging");
    vec![
        Row::of_rounds(arrived, &bursts, "ms").goal(Goal::RatioAtMost(2.0)),
        Row::alone(
            format!("{name}: from the commit to the first attempt's arrival"),
            median(firsts.into_iter()),
            "ms",
        )
        .goal(Goal::LessThan(10.0)),
        Row::of_rounds(waited, &waits, "ms").goal(Goal::AtMostAbove(GRACE)),
    ]
}

/// Zero when it came in before whoever ended the session was told that it had.
pub fn millis(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1000.0
}

/// Somebody signs in at every application and out again; answers how long the answer to the latter took.
async fn sign_out(stage: &mut Stage, hanging: Option<usize>) -> f64 {
    let port = hanging.map_or(0, |number| stage.spec.ports[number]);
    stage
        .applications
        .ask(&json!({ "do": "reset", "hanging": port }));
    let answer = stage.house.ask(&json!({ "do": "sign in" }));
    let cookie = answer["cookie"].as_str().unwrap();
    let house = stage.house.port();
    let mut connection = Connection::open(house).await;
    let id_token = code_flow(&mut connection, house, &client_id(0), cookie).await;
    let kind = 100 + u8::try_from(hanging.unwrap_or_default()).unwrap();
    let id = stage
        .side
        .id(kind, &format!("(i * 65536 + {})", micros() % 65536));
    let now = micros() / 1000;
    stage
        .side
        .insert(
            MANY - 1,
            "participants (sid, session_id, client_id, joined_at, believes_until)",
            &format!(
                "{id}, (SELECT id FROM sessions WHERE ended_at IS NULL AND user_agent = 'measure'), \
                 'application-' || i, {now}, {now}"
            ),
        )
        .await;
    let query = encoded(&[("id_token_hint", id_token.as_str())]);
    let request = format!(
        "GET /end_session?{query} HTTP/1.1\r\nHost: localhost:{house}\r\n\
         Cookie: exeunt-session-{house}={cookie}\r\n\r\n"
    );
    let began = Instant::now();
    let (head, body) = connection.ask(&request).await;
    let took = began.elapsed().as_secs_f64() * 1000.0;
    assert!(head.starts_with("HTTP/1.1 303"), "{head}{body}");
    if hanging.is_none() {
        stage.wait_for(MANY);
        stage.drain();
    } else {
        stage.wait_for(MANY - 1);
    }
    took
}
