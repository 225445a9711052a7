//! The log of a real server: one sign-out can be followed through it, and nothing in it is a secret.

use exeunt::oidc::scope::ADMIN;
use serde_json::{Value, json};

use crate::proxies::from;
use crate::support::eventually;
use crate::support::ledger::{open, sign_in_as};
use crate::support::process::{Process, free_port, program};
use crate::support::provider::{PASSWORD, SECRET, database};
use crate::support::relying_party::{Ear, RelyingParty, Reply};
use crate::support::visitor::Visitor;

/// Somebody's password, typed into the wrong field.
const WRONG: &str = "correct horse battery staple";

/// Attack 95: secrets in logs.
#[actix_web::test]
async fn one_sign_out_can_be_followed_from_the_request_to_the_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let (port, admin_port) = (free_port(), free_port());
    let (issuer, ear) = (format!("http://localhost:{port}"), Ear::open().await);
    let text = format!(
        r#"
        issuer = "{issuer}"
        [admin]
        listen = "127.0.0.1:{admin_port}"
        [proxies]
        trusted = ["127.0.0.0/8"]
        [database]
        url = "{}"
        [outbound]
        allow_private_networks = ["127.0.0.0/8"]
        [logout]
        retry_first = "50ms"
        [[users]]
        username = "ada"
        password = "{PASSWORD}"
        [[clients]]
        client_id = "ledger"
        client_secret = "{SECRET}"
        redirect_uris = ["{}/callback"]
        backchannel_logout_uri = "{}"
        skip_consent = true
        [[clients]]
        client_id = "console"
        client_secret = "{SECRET}"
        grant_types = ["client_credentials"]
        response_types = []
        scope = "{ADMIN}"
        "#,
        database(&folder).await.as_str(),
        ear.base,
        ear.backchannel_logout_uri()
    );
    std::fs::write(folder.path().join("exeunt.toml"), text).unwrap();
    let mut serve = program(folder.path());
    serve.args(["--config", "exeunt.toml", "serve"]);
    let server = Process::spawn(serve.env("RUST_LOG", "exeunt=trace"));
    // Through a proxy, which says from whom it heard.
    let ada = Visitor::over(from("192.0.2.7"));
    eventually(async || ada.try_get(&format!("{issuer}/readyz")).await)
        .await
        .expect("the server answers");

    ear.answer_next(&[Reply::Status(503)]);
    let party = RelyingParty::at(&issuer, "ledger", &ear.base);
    let page = open(&ada, &party.authorize_url(&[])).await;
    let refused = sign_in_as(&ada, &page, WRONG, WRONG).await;
    assert_eq!(refused.page(), "page-sign-in");
    let tokens = party.tokens(&ada, &[]).await;
    let cookie = ada.cookie("exeunt-session").unwrap();
    let hint = [("id_token_hint", tokens.get("id_token"))];
    ada.get(&party.end_session_url(&[(hint[0].0, &hint[0].1)]))
        .await;
    let notices = ear.wait_for(2).await;
    let client = ada.client();
    let url = format!("{issuer}/token");
    let form = [("grant_type", "client_credentials")];
    let request = client.post(&url).basic_auth("console", Some(SECRET));
    let own = Visitor::default().send(&url, request.form(&form)).await;
    let own = own.json()["access_token"].as_str().unwrap().to_owned();
    let url = format!("http://127.0.0.1:{admin_port}/admin/v1/deliveries?state=confirmed");
    let confirmed = eventually(async || {
        let request = ada.client().get(&url).bearer_auth(&own);
        let answer = Visitor::default().send(&url, request).await.json();
        answer["items"].get(0).cloned()
    });
    let confirmed = confirmed.await.expect("the notice is confirmed");
    let (_, log) = server.stop();
    let log: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();

    let ends: Vec<&Value> = log
        .iter()
        .filter(|line| line["message"] == "a session ends")
        .collect();
    let [end] = ends[..] else {
        panic!("one session ended: {ends:?}")
    };
    assert_eq!(end["session_id"], confirmed["session_id"]);
    assert_eq!(
        (&end["cause"], &end["notices"]),
        (&json!("logout"), &json!(1))
    );
    assert_eq!(end["span"]["path"], "/end_session");
    let mut lines = log.iter();
    let refused = lines.find(|line| line["message"] == "a sign-in was refused");
    assert_eq!(
        refused.unwrap_or_else(|| panic!("{log:#?}"))["span"]["address"],
        "192.0.2.7"
    );
    assert_eq!(end["span"]["address"], "192.0.2.7");
    let request_id = end["span"]["request_id"].as_str().unwrap();
    assert_eq!(request_id.len(), 12);
    let tries: Vec<&Value> = log
        .iter()
        .filter(|line| line["message"] == "an application was asked to end a session")
        .filter(|line| line["session_id"] == end["session_id"])
        .collect();
    assert_eq!(tries.len(), 2, "{log:#?}");
    for (number, (line, notice)) in tries.iter().zip(&notices).enumerate() {
        assert_eq!(line["delivery_id"], confirmed["id"]);
        assert_eq!(line["client_id"], "ledger");
        assert_eq!(line["attempt"], number + 1);
        let claims = notice.fields[0].1.split('.').nth(1).unwrap();
        let claims =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims);
        let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
        assert_eq!(line["jti"], claims["jti"]);
    }
    assert_eq!(
        (&tries[0]["status"], &tries[0]["state"]),
        (&json!(503), &json!("retrying"))
    );
    assert_eq!(
        (&tries[1]["status"], &tries[1]["state"]),
        (&json!(200), &json!("confirmed"))
    );

    let text = Value::from(log).to_string();
    let mut secrets = vec![
        PASSWORD.to_owned(),
        WRONG.to_owned(),
        SECRET.to_owned(),
        cookie,
        own,
    ];
    secrets.extend(["access_token", "id_token"].map(|name| tokens.get(name)));
    secrets.extend(notices.into_iter().map(|notice| notice.fields[0].1.clone()));
    for secret in secrets {
        assert!(!text.contains(&secret), "in the log: {secret}");
    }
}
