//! How soon a token is refused when its session has ended.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Stage;
use crate::report::{Goal, Row, median};

const ROUNDS: usize = 21;

/// The rows.
pub async fn measure(name: &str, way: &str, stage: &mut Stage) -> Vec<Row> {
    let mut times = Vec::new();
    for round in 0..=ROUNDS {
        let token = stage.token().await;
        stage
            .listener
            .ask(&json!({ "do": "watch", "token": token }));
        let ended = json!({ "do": "end", "sid": sid(&token) });
        let ended = stage.source.ask(&ended);
        let refused = stage.listener.ask(&json!({ "do": "refused" }));
        let (from, to) = (&ended["committed"], &refused["at"]);
        let taken = to.as_u64().unwrap().saturating_sub(from.as_u64().unwrap());
        // The first one warms up.
        if round > 0 {
            times.push(taken as f64 / 1000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    let nine_of_ten = times[(times.len() * 9).div_ceil(10) - 1];
    let what = format!("{name}: from the commit to refusal at a service, over the {way}");
    vec![
        Row::alone(what, median(times.into_iter()), "ms").goal(Goal::LessThan(20.0)),
        Row::alone(format!("{name}: the same, 9 of 10"), nine_of_ten, "ms"),
    ]
}

fn sid(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}
