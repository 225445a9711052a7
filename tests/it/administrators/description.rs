//! The OpenAPI document: it has every route, and what is answered is as it says.

use std::collections::BTreeSet;

use exeunt::oidc::scope::ADMIN_READ;
use serde_json::{Value, json};

use crate::support::admin::{Desk, administered, administered_provider, program};
use crate::support::provider::{Provider, provider};
use crate::support::relying_party::Reply;
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::{Answer, Visitor};

/// The routes as the source has them: `at("/path", "METHODS")`.
const SOURCE: &str = include_str!("../../../src/http/admin/mod.rs");
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

async fn description(provider: &Provider) -> Value {
    let answer = Visitor::default()
        .get(&provider.admin_url("/admin/v1/openapi.json"))
        .await;
    assert_eq!(answer.status, 200);
    answer.json()
}

/// Every path with every method, as `GET /path`.
fn described(description: &Value) -> BTreeSet<String> {
    let paths = description["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

#[actix_web::test]
async fn every_route_is_described_and_nothing_else() {
    let provider = administered_provider().await;
    let description = description(&provider).await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let code: String = SOURCE.split_whitespace().collect();
    let mut served = BTreeSet::new();
    for route in code.split("at(\"/").skip(1) {
        let (path, rest) = route.split_once("\",\"").unwrap();
        let (methods, _) = rest.split_once('"').unwrap();
        served.extend(methods.split(',').map(|method| format!("{method} /{path}")));
    }
    // Prometheus has a language of its own.
    assert!(served.remove("GET /metrics"));
    assert!(served.len() > 10);
    assert_eq!(described(&description), served);
    provider.stop().await;
}

/// Attack 74: something of administrators that a token for less, or none, opens; identifiers do not matter.
#[actix_web::test]
async fn no_route_opens_without_a_token_and_none_that_acts_to_who_may_only_look() {
    let wish = provider().await.client("viewer", program(ADMIN_READ));
    let provider = administered(wish).start().await;
    let viewer = Desk::of_client(&provider, "viewer").await.token;
    let description = description(&provider).await;
    let visitor = Visitor::default();
    let mut asked = 0;
    for route in described(&description) {
        let (method, path) = route.split_once(' ').unwrap();
        if path.ends_with("openapi.json") {
            continue;
        }
        asked += 1;
        let url = provider.admin_url(&path.replace("{id}", NOBODY));
        let request = || match method {
            "GET" => visitor.client().get(&url),
            _ => visitor.client().post(&url).json(&json!({})),
        };
        let answer = visitor.send(&url, request()).await;
        assert_eq!(answer.status, 401, "{route}");
        let answer = visitor.send(&url, request().bearer_auth(&viewer)).await;
        if method == "GET" {
            assert!(
                [200, 404].contains(&answer.status.as_u16()),
                "{route}: {answer:?}"
            );
        } else {
            assert_eq!(answer.status, 403, "{route}: {answer:?}");
        }
        let item = &description["paths"][path][method.to_lowercase()];
        assert_eq!(
            item["security"],
            Value::Null,
            "{route} takes the rule for all"
        );
    }
    assert!(asked > 10);
    assert_eq!(description["security"], json!([{ "bearer": [] }]));
    provider.stop().await;
}

#[actix_web::test]
async fn answers_are_as_the_description_says() {
    let scene = Scene::with(&["ledger"], |_, ear| by_server(ear), administered).await;
    let (provider, ledger) = (&scene.provider, &scene.applications[0]);
    let desk = Desk::of(provider).await;
    let document = description(provider).await;
    ledger.ear.answer(Reply::Status(404));
    ledger.tokens(&Visitor::default(), &[]).await;
    let check = |route: &str, answer: &Answer| assert_fits(&document, route, answer);

    let order = desk
        .post("/admin/v1/orders", Some(&json!({ "user": "ada" })))
        .await;
    check("post /admin/v1/orders", &order);
    desk.wait_for("/admin/v1/deliveries?state=failed", |page| {
        page["items"].as_array().unwrap().len() == 1
    })
    .await;
    let deliveries = desk.get("/admin/v1/deliveries?limit=1").await;
    check("get /admin/v1/deliveries", &deliveries);
    let notice = deliveries.json()["items"][0].clone();
    let id = notice["id"].as_str().unwrap();
    let session = notice["session_id"].as_str().unwrap();
    let user = notice["sub"].as_str().unwrap();
    for (route, path) in [
        ("get /admin/v1/sessions", "/admin/v1/sessions".to_owned()),
        (
            "get /admin/v1/sessions/{id}",
            format!("/admin/v1/sessions/{session}"),
        ),
        (
            "get /admin/v1/orders/{id}",
            order.header("location").to_owned(),
        ),
        (
            "get /admin/v1/deliveries/{id}",
            format!("/admin/v1/deliveries/{id}"),
        ),
        ("get /admin/v1/users", "/admin/v1/users?limit=1".to_owned()),
        (
            "get /admin/v1/users/{id}",
            format!("/admin/v1/users/{user}"),
        ),
        (
            "get /admin/v1/sessions/{id}",
            format!("/admin/v1/sessions/{NOBODY}"),
        ),
        (
            "get /admin/v1/sessions",
            "/admin/v1/sessions?limit=0".to_owned(),
        ),
    ] {
        check(route, &desk.get(&path).await);
    }
    for (route, path) in [
        (
            "post /admin/v1/sessions/{id}/end",
            format!("/admin/v1/sessions/{session}/end"),
        ),
        (
            "post /admin/v1/deliveries/{id}/retry",
            format!("/admin/v1/deliveries/{id}/retry"),
        ),
        (
            "post /admin/v1/users/{id}/disable",
            format!("/admin/v1/users/{user}/disable"),
        ),
    ] {
        check(route, &desk.post(&path, None).await);
    }
    let many = json!({ "client_id": "ledger" });
    let retried = desk.post("/admin/v1/deliveries/retry", Some(&many)).await;
    check("post /admin/v1/deliveries/retry", &retried);
    scene.provider.stop().await;
}

#[test]
fn an_answer_that_does_not_fit_is_caught() {
    let document = json!({ "components": { "schemas": { "Thing": {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "at": { "type": ["string", "null"], "format": "date-time" },
            "many": { "type": "array", "items": { "type": "integer" } },
        },
    } } } });
    let schema = json!({ "$ref": "#/components/schemas/Thing" });
    let good = json!({ "id": NOBODY, "at": null, "many": [1] });
    assert_eq!(misfit(&document, &schema, &good), None);
    for bad in [
        json!([]),
        json!({}),
        json!({ "id": "x" }),
        json!({ "id": NOBODY, "at": "noon" }),
        json!({ "id": NOBODY, "many": ["1"] }),
        json!({ "id": NOBODY, "more": 1 }),
    ] {
        assert!(misfit(&document, &schema, &bad).is_some(), "{bad}");
    }
}

/// The answer has a status, a media type and a body that the document has for this route.
fn assert_fits(document: &Value, route: &str, answer: &Answer) {
    let (method, path) = route.split_once(' ').unwrap();
    let status = answer.status.as_u16().to_string();
    let response = &document["paths"][path][method]["responses"][&status];
    assert!(
        response.is_object(),
        "{route}: {status} is not described: {answer:?}"
    );
    let content = &response["content"][answer.header("content-type")];
    assert!(content.is_object(), "{route}: {status}: {response}");
    let misfit = misfit(document, &content["schema"], &answer.json());
    assert_eq!(misfit, None, "{route}: {status}: {}", answer.body);
}

/// What of `value` is not as `schema` says. A reader of our own, of the words that our document uses; it knows no
/// others.
fn misfit(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
        return misfit(document, schema, value);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &&Value| misfit(document, choice, value).is_none();
        let number = choices.iter().filter(fits).count();
        return (number != 1).then(|| format!("{value} fits {number} of {choices:?}"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    if !kinds.contains(&kind) {
        return Some(format!("{value} is {kind}, not {kinds:?}"));
    }
    match value {
        Value::String(text) => match schema["format"].as_str() {
            Some("uuid") if uuid::Uuid::parse_str(text).is_err() => {
                Some(format!("{text}: no uuid"))
            }
            Some("date-time") if chrono::DateTime::parse_from_rfc3339(text).is_err() => {
                Some(format!("{text}: no date-time"))
            }
            _ => None,
        },
        Value::Array(items) => items
            .iter()
            .find_map(|item| misfit(document, &schema["items"], item)),
        Value::Object(members) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required
                .filter_map(Value::as_str)
                .find(|name| !members.contains_key(*name));
            if let Some(missing) = missing {
                return Some(format!("{missing} is missing"));
            }
            members.iter().find_map(|(name, member)| {
                let known = [&schema["properties"][name], &schema["additionalProperties"]];
                match known.into_iter().find(|schema| schema.is_object()) {
                    Some(schema) => {
                        misfit(document, schema, member).map(|misfit| format!("{name}: {misfit}"))
                    }
                    None => Some(format!("{name} is not described")),
                }
            })
        }
        _ => None,
    }
}
