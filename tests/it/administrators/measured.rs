//! What Prometheus is told, and that the rules and the dashboard ask for nothing else.

use std::collections::BTreeSet;

use exeunt::config::{Bus, RedisUrl};
use serde_json::{Value, json};

use crate::support::admin::{Desk, administered, metrics, value};
use crate::support::elsewhere::Elsewhere;
use crate::support::ledger::{open, sign_in_as};
use crate::support::relying_party::{RelyingParty, Reply};
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::Visitor;

const ALERTS: &str = include_str!("../../../docs/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../../../docs/grafana/exeunt.json");
const MONITORING: &str = include_str!("../../../docs/monitoring.md");

#[actix_web::test]
async fn a_sign_out_is_measured_from_its_end_to_the_last_confirmation() {
    let scene = Scene::with(&["ledger", "wiki"], |_, ear| by_server(ear), administered).await;
    let (provider, ada) = (&scene.provider, Visitor::default());
    let desk = Desk::of(provider).await;
    scene.applications[0].ear.answer_next(&[Reply::Status(503)]);
    for application in &scene.applications {
        application.tokens(&ada, &[]).await;
    }
    let before = metrics(provider).await;
    assert_eq!(
        value(&before, r#"exeunt_sign_ins_total{result="done"}"#),
        1.0
    );
    assert_eq!(
        value(&before, r#"exeunt_tokens_issued_total{kind="id_token"}"#),
        2.0
    );
    assert_eq!(
        value(&before, r#"exeunt_logout_queue{state="pending"}"#),
        0.0
    );
    desk.post("/admin/v1/orders", Some(&json!({ "user": "ada" })))
        .await;
    desk.wait_for("/admin/v1/deliveries?state=confirmed", |page| {
        page["items"].as_array().unwrap().len() == 2
    })
    .await;
    let last = "exeunt_logout_last_confirmation_seconds_count";
    let after = crate::support::eventually(async || {
        // The last confirmation is measured right after it was recorded.
        let now = metrics(provider).await;
        (value(&now, last) == 1.0).then_some(now)
    })
    .await
    .expect("one session was told to the last");
    for (name, expected) in [
        (r#"exeunt_sessions_ended_total{cause="administrator"}"#, 1.0),
        (r#"exeunt_sessions_ended_total{cause="logout"}"#, 0.0),
        (
            r#"exeunt_logout_attempts_total{client_id="ledger",result="5xx"}"#,
            1.0,
        ),
        (
            r#"exeunt_logout_attempts_total{client_id="ledger",result="2xx"}"#,
            1.0,
        ),
        (
            r#"exeunt_logout_attempts_total{client_id="wiki",result="2xx"}"#,
            1.0,
        ),
        (
            r#"exeunt_logout_deliveries_total{client_id="wiki",outcome="confirmed"}"#,
            1.0,
        ),
        ("exeunt_logout_first_attempt_seconds_count", 2.0),
        ("exeunt_logout_confirmation_seconds_count", 2.0),
        (r#"exeunt_logout_queue{state="retrying"}"#, 0.0),
        ("exeunt_logout_queue_oldest_seconds", 0.0),
        (
            r#"exeunt_http_requests_total{route="/admin/v1/orders",status="202"}"#,
            1.0,
        ),
    ] {
        assert_eq!(value(&after, name), expected, "{name}\n{after}");
    }
    // The one that was tried twice is the last, and `retry_first` is at least half a second.
    let sum = value(&after, "exeunt_logout_last_confirmation_seconds_sum");
    let first = value(&after, "exeunt_logout_first_attempt_seconds_sum");
    assert!(sum > first / 2.0, "{sum} {first}");
    scene.provider.stop().await;
}

#[actix_web::test]
async fn what_waits_and_for_how_long_is_read_when_it_is_asked_for() {
    let change = |wish| administered(wish).manual_clock();
    let scene = Scene::with(&["ledger"], |_, ear| by_server(ear), change).await;
    let (provider, ledger) = (&scene.provider, &scene.applications[0]);
    ledger.ear.answer(Reply::Status(500));
    ledger.tokens(&Visitor::default(), &[]).await;
    let desk = Desk::of(provider).await;
    desk.post("/admin/v1/orders", Some(&json!({ "all": true })))
        .await;
    // Orders are carried out on the provider's time.
    provider.advance(chrono::TimeDelta::seconds(1));
    desk.wait_for("/admin/v1/deliveries?state=retrying", |page| {
        page["items"].as_array().unwrap().len() == 1
    })
    .await;
    provider.advance(chrono::TimeDelta::seconds(300));
    let text = metrics(provider).await;
    assert_eq!(
        value(&text, r#"exeunt_logout_queue{state="retrying"}"#),
        1.0
    );
    assert!(
        value(&text, "exeunt_logout_queue_oldest_seconds") >= 300.0,
        "{text}"
    );
    scene.provider.stop().await;
}

#[actix_web::test]
async fn no_label_names_a_person_or_what_was_asked_for() {
    let scene = Scene::with(&["ledger"], |_, ear| by_server(ear), administered).await;
    let (provider, ada) = (&scene.provider, Visitor::default());
    let party = RelyingParty::of(provider, "ledger");
    let page = open(&ada, &party.authorize_url(&[])).await;
    sign_in_as(&ada, &page, "ada", "a-wrong-password").await;
    party.tokens(&ada, &[]).await;
    ada.get(&provider.url("/no/such/place?code=abc")).await;
    let desk = Desk::of(provider).await;
    desk.get("/admin/v1/sessions?user=ada").await;
    let people = desk.read("/admin/v1/users").await;
    let id = people["items"][0]["id"].as_str().unwrap().to_owned();
    desk.post(&format!("/admin/v1/users/{id}/disable"), None)
        .await;
    let text = metrics(provider).await;
    assert_eq!(
        value(&text, r#"exeunt_sign_ins_total{result="refused"}"#),
        1.0
    );
    assert_eq!(
        value(
            &text,
            r#"exeunt_http_requests_total{route="/admin/v1/users/{id}/disable",status="200"}"#
        ),
        1.0
    );
    for secret in [
        "ada",
        id.as_str(),
        "/no/such/place",
        "wrong-password",
        "127.0.0.1",
    ] {
        assert!(!text.contains(secret), "{secret}\n{text}");
    }
    scene.provider.stop().await;
}

/// Names of metrics in an expression or in a text, each without the ending that a histogram gives it.
fn names_in(text: &str) -> BTreeSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    text.split(word)
        .filter(|word| word.starts_with("exeunt_"))
        .map(|name| {
            ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|ending| name.strip_suffix(ending))
                .unwrap_or(name)
                .to_owned()
        })
        .collect()
}

fn expressions(dashboard: &Value, found: &mut Vec<String>) {
    match dashboard {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(expression) if name == "expr" => found.push(expression.to_owned()),
                    _ => expressions(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[actix_web::test]
async fn alerts_dashboard_and_documentation_name_the_metrics_that_there_are() {
    let house = Elsewhere::open().await;
    let scene = Scene::with(
        &["ledger"],
        |_, ear| by_server(ear),
        // A Redis that is not there is measured all the same.
        |wish| {
            administered(wish).configure(|config| {
                let url = RedisUrl::parse("redis://127.0.0.1:1/").unwrap();
                config.bus = Some(Bus { url });
                house.declare(config);
            })
        },
    )
    .await;
    let (provider, ledger) = (&scene.provider, &scene.applications[0]);
    let desk = Desk::of(provider).await;
    ledger.tokens(&Visitor::default(), &[]).await;
    desk.post("/admin/v1/orders", Some(&json!({ "all": true })))
        .await;
    desk.wait_for("/admin/v1/deliveries?state=confirmed", |page| {
        page["items"].as_array().unwrap().len() == 1
    })
    .await;
    // What has no row yet has no name either.
    assert_eq!(house.tell(provider, "no token").await.status, 400);
    let far = 99_999_999_999_999_i64;
    scene
        .sql(&format!(
            "INSERT INTO breakers (client_id, failures, open_until, updated_at) VALUES ('wiki', 9, {far}, 0)"
        ))
        .await;
    let text = metrics(provider).await;
    let open = r#"exeunt_logout_breakers{client_id="wiki",state="open"}"#;
    assert_eq!(value(&text, open), 1.0);
    let mut known = BTreeSet::new();
    for line in text.lines() {
        let Some(described) = line.strip_prefix("# TYPE ") else {
            continue;
        };
        let (name, kind) = described.split_once(' ').unwrap();
        known.insert(match kind {
            "counter" => format!("{name}_total"),
            _ => name.to_owned(),
        });
    }
    assert!(known.len() > 10, "{text}");
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    assert!(asked.len() > 8);
    let alerts: String = ALERTS
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    for (place, used) in [
        ("alerts", names_in(&alerts)),
        ("dashboard", names_in(&asked.join(" "))),
    ] {
        assert!(!used.is_empty(), "{place}");
        for name in used {
            assert!(known.contains(&name), "{place} asks for {name}: {known:?}");
        }
    }
    assert_eq!(
        names_in(MONITORING),
        known,
        "docs/monitoring.md has each, and no other"
    );
    scene.provider.stop().await;
}
