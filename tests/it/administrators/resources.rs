//! What administrators' programs can see and do.

use exeunt::flows::people;
use exeunt::oidc::claims::UserClaims;
use exeunt::server::{self, Seams, StartError};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::admin::{Desk, administered, administered_provider};
use crate::support::ledger::add_grace;
use crate::support::people::sign_in_here;
use crate::support::provider::PASSWORD;
use crate::support::relying_party::Reply;
use crate::support::scene::{Scene, by_server};
use crate::support::visitor::Visitor;

async fn scene(names: &[&str]) -> Scene {
    Scene::with(names, |_, ear| by_server(ear), administered).await
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().unwrap()
}

#[actix_web::test]
async fn sessions_are_listed_a_page_at_a_time_and_none_twice() {
    let scene = scene(&["ledger", "wiki"]).await;
    let desk = Desk::of(&scene.provider).await;
    for _ in 0..5 {
        scene.applications[0].tokens(&Visitor::default(), &[]).await;
    }
    scene.applications[1].tokens(&Visitor::default(), &[]).await;
    let mut seen = Vec::new();
    let mut path = "/admin/v1/sessions?limit=2&client_id=ledger".to_owned();
    loop {
        let page = desk.read(&path).await;
        assert!(items(&page).len() <= 2);
        seen.extend(items(&page).iter().map(|item| item["id"].clone()));
        match page["next"].as_str() {
            Some(next) => {
                path = format!("/admin/v1/sessions?limit=2&client_id=ledger&after={next}")
            }
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    seen.sort_by_key(ToString::to_string);
    seen.dedup();
    assert_eq!(seen.len(), 5);
    let everyone = desk.read("/admin/v1/sessions?user=ADA").await;
    assert_eq!(items(&everyone).len(), 6);
    assert_eq!(items(&everyone)[0]["username"], "ada");
    scene.provider.stop().await;
}

#[actix_web::test]
async fn one_session_is_ended_and_its_resource_tells_how_the_applications_took_it() {
    let scene = scene(&["ledger"]).await;
    let desk = Desk::of(&scene.provider).await;
    let ledger = &scene.applications[0];
    ledger.tokens(&Visitor::default(), &[]).await;
    ledger.tokens(&Visitor::default(), &[]).await;
    let living = desk.read("/admin/v1/sessions?ended=false").await;
    let id = items(&living)[0]["id"].as_str().unwrap();
    let path = format!("/admin/v1/sessions/{id}");
    let before = desk.read(&path).await;
    assert_eq!(before["alive"], true);
    assert_eq!(before["applications"][0]["client_id"], "ledger");

    let answer = desk.post(&format!("{path}/end"), None).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.header("location"), path);
    assert_eq!(answer.json()["ended"], true);
    let after = desk
        .wait_for(&path, |session| session["deliveries"]["confirmed"] == 1)
        .await;
    assert_eq!(after["alive"], false);
    assert_eq!(after["session"]["end_cause"], "administrator");
    let notice = &ledger.ear.wait_for(1).await[0];
    let claims = notice.claims(&scene.provider.issuer).await;
    assert_eq!(claims["sid"], before["applications"][0]["sid"]);
    let again = desk.post(&format!("{path}/end"), None).await;
    assert_eq!(again.json()["ended"], false);
    let living = desk.read("/admin/v1/sessions?ended=false").await;
    assert_eq!(items(&living).len(), 1);
    scene.provider.stop().await;
}

#[actix_web::test]
async fn an_order_ends_what_it_names_and_counts_its_notices() {
    let change = |wish| administered(wish).configure(add_grace);
    let scene = Scene::with(&["ledger", "wiki"], |_, ear| by_server(ear), change).await;
    let desk = Desk::of(&scene.provider).await;
    for (body, sessions) in [
        (json!({ "user": "ada" }), 2),
        (json!({ "client_id": "ledger" }), 2),
        (json!({ "user": "ada", "client_id": "ledger" }), 2),
        (json!({ "all": true }), 2),
    ] {
        for _ in 0..sessions {
            scene.applications[0].tokens(&Visitor::default(), &[]).await;
        }
        let answer = desk.post("/admin/v1/orders", Some(&body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let path = answer.header("location").to_owned();
        assert_eq!(
            path,
            format!("/admin/v1/orders/{}", answer.json()["id"].as_str().unwrap())
        );
        let order = desk
            .wait_for(&path, |order| {
                !order["carried_out_at"].is_null() && order["deliveries"]["confirmed"] == sessions
            })
            .await;
        assert_eq!(order["cause"], "administrator");
        assert_eq!(order["user"], body["user"]);
        assert_eq!(order["client_id"], body["client_id"]);
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        let notices = desk
            .read(&format!("/admin/v1/deliveries?order_id={id}"))
            .await;
        assert_eq!(items(&notices).len(), sessions);
    }
    let living = desk.read("/admin/v1/sessions?ended=false").await;
    assert_eq!(items(&living), &Vec::<Value>::new());
    scene.provider.stop().await;
}

#[actix_web::test]
async fn an_order_that_names_nobody_or_too_much_is_refused_and_ends_nothing() {
    let scene = scene(&["ledger"]).await;
    let desk = Desk::of(&scene.provider).await;
    scene.applications[0].tokens(&Visitor::default(), &[]).await;
    for (body, status) in [
        (json!({}), 400),
        (json!({ "all": false }), 400),
        (json!({ "all": true, "user": "ada" }), 400),
        (json!({ "all": "true" }), 400),
        (json!({ "everyone": true }), 400),
        (json!([]), 400),
        (json!({ "user": "nobody" }), 404),
        (json!({ "client_id": "nothing" }), 404),
    ] {
        let answer = desk.post("/admin/v1/orders", Some(&body)).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let living = desk.read("/admin/v1/sessions?ended=false").await;
    assert_eq!(items(&living).len(), 1);
    scene.provider.stop().await;
}

#[actix_web::test]
async fn notices_are_found_by_what_became_of_them_and_tried_again() {
    let scene = scene(&["ledger", "wiki"]).await;
    let desk = Desk::of(&scene.provider).await;
    let [ledger, wiki] = &scene.applications[..] else {
        panic!("two applications")
    };
    ledger.ear.answer(Reply::Status(404));
    let ada = Visitor::default();
    ledger.tokens(&ada, &[]).await;
    wiki.tokens(&ada, &[]).await;
    desk.post("/admin/v1/orders", Some(&json!({ "user": "ada" })))
        .await;
    let failed = desk
        .wait_for("/admin/v1/deliveries?state=failed,dead", |page| {
            items(page).len() == 1
        })
        .await;
    let notice = &items(&failed)[0];
    assert_eq!(notice["client_id"], "ledger");
    assert_eq!(notice["last_status"], 404);
    let path = format!("/admin/v1/deliveries/{}", notice["id"].as_str().unwrap());
    let details = desk.read(&path).await;
    assert_eq!(details["attempts"][0]["status"], 404);
    assert_eq!(details["delivery"], *notice);

    let session = notice["session_id"].as_str().unwrap();
    let ended_at = notice["created_at"].as_str().unwrap();
    for (query, count) in [
        (format!("session_id={session}"), 2),
        ("client_id=ledger".to_owned(), 1),
        ("user=ada&cause=administrator".to_owned(), 2),
        ("cause=logout".to_owned(), 0),
        (format!("ended_since={ended_at}"), 2),
        (format!("ended_before={ended_at}"), 0),
    ] {
        let found = desk.read(&format!("/admin/v1/deliveries?{query}")).await;
        assert_eq!(items(&found).len(), count, "{query}");
    }

    ledger.ear.answer(Reply::Status(200));
    let again = desk.post(&format!("{path}/retry"), None).await;
    assert_eq!(again.status, 202, "{again:?}");
    assert_eq!(again.json()["due"], 1);
    let confirmed = desk
        .wait_for(&path, |details| details["delivery"]["state"] == "confirmed")
        .await;
    assert_eq!(confirmed["attempts"].as_array().unwrap().len(), 2);
    let too_late = desk.post(&format!("{path}/retry"), None).await;
    assert_eq!(too_late.status, 409, "{too_late:?}");
    for (body, status) in [
        (json!({ "client_id": "ledger" }), 202),
        (json!({ "all_dead": true }), 202),
        (json!({}), 400),
        (json!({ "client_id": "ledger", "all_dead": true }), 400),
        (json!({ "client_id": "nothing" }), 404),
    ] {
        let answer = desk.post("/admin/v1/deliveries/retry", Some(&body)).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {answer:?}");
    }
    scene.provider.stop().await;
}

#[actix_web::test]
async fn a_person_who_is_shut_out_by_a_program_is_out() {
    let scene = scene(&["ledger"]).await;
    let desk = Desk::of(&scene.provider).await;
    let ledger = &scene.applications[0];
    let tokens = ledger.tokens(&Visitor::default(), &[]).await;
    let people = desk.read("/admin/v1/users").await;
    let ada = &items(&people)[0];
    assert_eq!(ada["username"], "ada");
    assert_eq!(ada["disabled_at"], Value::Null);
    let path = format!("/admin/v1/users/{}", ada["id"].as_str().unwrap());
    let answer = desk.post(&format!("{path}/disable"), None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.json()["disabled_at"].is_string());
    let refused = ledger.userinfo(&tokens.get("access_token")).await;
    assert_eq!(refused.status, 401);
    ledger.ear.wait_for(1).await;
    scene.provider.stop().await;
}

#[actix_web::test]
async fn what_does_not_read_is_refused_in_words_and_with_the_right_status() {
    let provider = administered_provider().await;
    let desk = Desk::of(&provider).await;
    let nobody = "/00000000-0000-4000-8000-000000000000";
    for (path, status) in [
        ("/admin/v1/sessions?limit=0".to_owned(), 400),
        ("/admin/v1/sessions?limit=501".to_owned(), 400),
        ("/admin/v1/sessions?limit=x".to_owned(), 400),
        ("/admin/v1/sessions?after=x".to_owned(), 400),
        ("/admin/v1/sessions?usr=ada".to_owned(), 400),
        ("/admin/v1/sessions?user=ada&user=grace".to_owned(), 400),
        ("/admin/v1/sessions?user=nobody".to_owned(), 404),
        ("/admin/v1/deliveries?state=lost".to_owned(), 400),
        ("/admin/v1/deliveries?cause=x".to_owned(), 400),
        ("/admin/v1/deliveries?ended_since=yesterday".to_owned(), 400),
        ("/admin/v1/sessions/x".to_owned(), 404),
        (format!("/admin/v1/sessions{nobody}"), 404),
        (format!("/admin/v1/orders{nobody}"), 404),
        (format!("/admin/v1/deliveries{nobody}"), 404),
        ("/admin/v1/nothing".to_owned(), 404),
        ("/admin/v2/sessions".to_owned(), 404),
        ("/admin/v1/orders".to_owned(), 405),
    ] {
        let answer = desk.get(&path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {answer:?}");
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        assert_eq!(answer.json()["status"], status, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    assert_eq!(desk.get("/admin/v1/orders").await.header("allow"), "POST");
    let visitor = Visitor::default();
    let url = provider.admin_url("/admin/v1/orders");
    let post = || visitor.client().post(&url).bearer_auth(&desk.token);
    let form = visitor.send(&url, post().form(&[("all", "true")])).await;
    assert_eq!(form.status, 415, "{form:?}");
    let long = json!({ "user": "a".repeat(20_000) });
    let long = visitor.send(&url, post().json(&long)).await;
    assert_eq!(long.status, 413, "{long:?}");
    provider.stop().await;
}

#[actix_web::test]
async fn a_port_that_is_taken_is_named_and_nothing_starts() {
    let provider = administered_provider().await;
    let taken = provider.admin_url("");
    let taken = taken.trim_start_matches("http://");
    let mut config = provider.config.clone();
    config.listen.set_port(0);
    config.admin.as_mut().unwrap().listen = taken.parse().unwrap();
    let refused = server::start(config, Seams::default()).await.err().unwrap();
    assert!(matches!(refused, StartError::Listen { .. }), "{refused}");
    assert!(refused.to_string().contains(taken), "{refused}");
    provider.stop().await;
}

#[actix_web::test]
async fn a_notice_is_abandoned_and_taken_up_again() {
    let scene = scene(&["ledger"]).await;
    let desk = Desk::of(&scene.provider).await;
    let ledger = &scene.applications[0];
    ledger.ear.answer(Reply::Status(404));
    ledger.tokens(&Visitor::default(), &[]).await;
    let order = json!({ "all": true });
    assert_eq!(
        desk.post("/admin/v1/orders", Some(&order)).await.status,
        202
    );
    let failed = desk
        .wait_for("/admin/v1/deliveries?state=failed", |page| {
            !items(page).is_empty()
        })
        .await;
    let id = items(&failed)[0]["id"].as_str().unwrap();
    let path = format!("/admin/v1/deliveries/{id}");
    let abandoned = desk.post(&format!("{path}/abandon"), None).await;
    assert_eq!(abandoned.status, 200, "{}", abandoned.body);
    assert_eq!(abandoned.json()["state"], "abandoned");
    let twice = desk.post(&format!("{path}/abandon"), None).await;
    assert_eq!(twice.status, 409);

    ledger.ear.answer(Reply::Status(200));
    assert_eq!(desk.post(&format!("{path}/retry"), None).await.status, 202);
    desk.wait_for(&path, |shown| shown["delivery"]["state"] == "confirmed")
        .await;
    scene.provider.stop().await;
}

#[actix_web::test]
async fn an_application_is_asked_whether_it_hears() {
    let scene = scene(&["ledger"]).await;
    let desk = Desk::of(&scene.provider).await;
    let ear = &scene.applications[0].ear;
    let path = "/admin/v1/clients/ledger/test-logout";
    let heard = desk.post(path, None).await.json();
    assert_eq!(heard["confirmed"], true, "{heard}");
    assert_eq!(heard["mend"], Value::Null);
    let claims = ear.notices()[0].claims(&scene.provider.issuer).await;
    assert_eq!(claims["sid"], heard["sid"]);
    ear.answer(Reply::Status(404));
    let lost = desk.post(path, None).await.json();
    assert_eq!(lost["confirmed"], false);
    assert_eq!(lost["status"], 404);
    assert!(lost["mend"].is_string());
    let stranger = desk
        .post("/admin/v1/clients/nobody/test-logout", None)
        .await;
    assert_eq!(stranger.status, 404);
    scene.provider.stop().await;
}

#[actix_web::test]
async fn of_a_deleted_person_nothing_is_shown() {
    let scene = scene(&["ledger"]).await;
    let (desk, flows) = (Desk::of(&scene.provider).await, scene.provider.flows());
    let password = SecretString::from(PASSWORD);
    let added = people::add_user(flows, "bob", Some(&password), UserClaims::default());
    let bob = added.await.unwrap().unwrap();
    let path = format!("/admin/v1/users/{}", bob.id);
    assert_eq!(desk.read(&path).await["username"], "bob");
    let visitor = Visitor::default();
    sign_in_here(&scene, &visitor, "bob").await;
    let deleted = people::delete_user(flows, "bob");
    deleted.await.unwrap().unwrap();
    assert_eq!(desk.get(&path).await.status, 404);
    for act in ["disable", "enable"] {
        let answer = desk.post(&format!("{path}/{act}"), None).await;
        assert_eq!(answer.status, 404, "{act}");
    }
    let sessions = desk.read("/admin/v1/sessions").await;
    let session = &items(&sessions)[0];
    assert_eq!(session["sub"], bob.id.to_string());
    assert_eq!(session["username"], "");
    scene.provider.stop().await;
}

#[actix_web::test]
async fn who_was_shut_out_is_let_in_again() {
    let scene = scene(&["ledger"]).await;
    let desk = Desk::of(&scene.provider).await;
    let people = desk.read("/admin/v1/users").await;
    let id = items(&people)[0]["id"].as_str().unwrap();
    let disabled = desk
        .post(&format!("/admin/v1/users/{id}/disable"), None)
        .await;
    assert!(disabled.json()["disabled_at"].is_string());
    let enabled = desk
        .post(&format!("/admin/v1/users/{id}/enable"), None)
        .await;
    assert_eq!(enabled.status, 200);
    assert_eq!(enabled.json()["disabled_at"], Value::Null);
    scene.applications[0].tokens(&Visitor::default(), &[]).await;
    scene.provider.stop().await;
}
