//! Secrets stay where they belong: not in the log, not in the database (attack 95).

use std::io;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use exeunt::config::{DeclaredUpstream, Place, RegistrationPolicy};
use exeunt::flows::upstream::invitations;
use exeunt::oidc::upstream::{Admits, Upstream};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::support::admin::{Desk, administered, metrics};
use crate::support::ledger::{open, sign_in, sign_in_as, with_refresh};
use crate::support::provider::{PASSWORD, Provider, SECRET, metadata, provider};
use crate::support::registrar::{Registered, invite, least};
use crate::support::relying_party::{Ear, RelyingParty, Reply, Tokens};
use crate::support::visitor::Visitor;
use crate::upstream::stub::Stub;

/// What was logged by anybody in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Our secret at another house.
const THEIR_SECRET: &str = "what-the-other-house-gave-us";

/// Somebody comes in from another house by an invitation; answers what nobody else may know of that.
async fn of_a_guest(provider: &Provider, stub: &Stub) -> Vec<String> {
    let made = invitations::invite(provider.flows(), "house", TimeDelta::days(1), None).await;
    let link = made.unwrap().unwrap().link;
    let guest = Visitor::default();
    let page = open(&guest, &link).await;
    let form = page.form_of("#upstream-house").unwrap();
    let sent = guest.submit(&page, &form, &[]).await.location().unwrap();
    let now = provider.flows().clock.now().timestamp();
    let back = stub.answer(&sent, &json!({ "sub": "the-subject" }), now);
    let answer = guest.get(&back).await;
    assert!(
        answer.location().unwrap().ends_with("/account"),
        "{answer:?}"
    );
    let mut secrets = vec![THEIR_SECRET.to_owned()];
    let passed = ["token", "state", "nonce", "code"];
    for address in [&link, &sent, &back] {
        let address = Url::parse(address).unwrap();
        let known = address
            .query_pairs()
            .filter(|(name, _)| passed.contains(&name.as_ref()));
        secrets.extend(known.map(|(_, value)| value.into_owned()));
    }
    secrets.push(stub.redeemed()[0]["code_verifier"].clone());
    secrets.push("access-token-of-the-other-house-1".to_owned());
    secrets
}

/// What the database holds: SQLite's files as they are, of PostgreSQL the values of every row.
async fn kept(provider: &Provider) -> String {
    let mut kept = Vec::new();
    if provider.config.database.is_postgres() {
        for value in values(provider.config.database.as_str()).await {
            kept.extend(value.into_bytes());
            kept.push(b'\n');
        }
    } else {
        for file in std::fs::read_dir(provider.folder()).unwrap() {
            let path = file.unwrap().path();
            if path.to_string_lossy().contains("exeunt.db") {
                kept.extend(std::fs::read(path).unwrap());
            }
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Each value by itself: a row as text would escape some of what is in it.
async fn values(url: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut values = Vec::new();
    for table in tables {
        let dump = format!(
            "SELECT field.said FROM \"{table}\" AS entry, jsonb_each_text(to_jsonb(entry)) AS field(label, said) \
             WHERE field.said IS NOT NULL"
        );
        let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(dump))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        values.extend(found);
    }
    values
}

/// Attack 95: secrets in logs; attack 27: secrets at rest; attack 18: what only passes through.
#[actix_web::test]
async fn no_secret_of_a_whole_journey_is_in_the_log_or_in_the_database() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(
            "exeunt=trace,actix_web=trace,actix_server=trace,actix_http=debug,sqlx=trace,sea_orm=trace",
        ))
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let ear = Ear::open().await;
    ear.answer_next(&[Reply::Status(500)]);
    let mut metadata = metadata(&ear.base);
    with_refresh(&mut metadata);
    metadata.skip_consent = false;
    metadata.backchannel_logout_uri = Some(ear.backchannel_logout_uri());
    let stub = Stub::open();
    let house = DeclaredUpstream {
        upstream: Upstream {
            admits: Admits::Invited,
            ..stub.upstream()
        },
        secret: Some(SecretString::from(THEIR_SECRET)),
        place: Place::Program,
    };
    let provider = administered(provider().await.client("ledger", metadata))
        .configure(|config| config.registration.policy = RegistrationPolicy::Token)
        .configure(|config| config.upstreams.push(house))
        .start()
        .await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let more = [
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
    ];
    let page = open(&ada, &party.authorize_url(&more)).await;
    sign_in_as(&ada, &page, "ada", "a-wrong-password").await;
    let consent = sign_in(&ada, &page).await;
    let answer = ada
        .submit(&consent, &consent.form(), &[("decision", "allow")])
        .await;
    let code = answer.parameter("code").unwrap();
    let with_verifier = [("code_verifier", verifier)];
    let first = Tokens {
        all: party.redeem(&code, &with_verifier).await.json(),
    };
    let second = Tokens {
        all: party.refresh(&first.get("refresh_token")).await.json(),
    };
    party.userinfo(&second.get("access_token")).await;
    party.userinfo("no token at all").await;
    let mut secrets = vec![
        PASSWORD.to_owned(),
        "a-wrong-password".to_owned(),
        SECRET.to_owned(),
        code.clone(),
        verifier.to_owned(),
        ada.cookie("exeunt-session").unwrap(),
        ada.cookie("exeunt-browser").unwrap(),
    ];
    secrets.extend(page.form().fields.into_iter().map(|(_, value)| value));
    secrets.extend(consent.form().fields.into_iter().map(|(_, value)| value));
    for tokens in [&first, &second] {
        for name in ["access_token", "id_token", "refresh_token"] {
            secrets.push(tokens.get(name));
        }
    }
    let hint = [("id_token_hint", second.get("id_token"))];
    ada.get(&party.end_session_url(&[(hint[0].0, &hint[0].1)]))
        .await;
    secrets.extend(ada.cookie("exeunt-leaving"));
    for notice in ear.wait_for(2).await {
        secrets.extend(notice.fields.into_iter().map(|(_, value)| value));
    }
    party.redeem(&code, &with_verifier).await;
    let desk = Desk::of(&provider).await;
    desk.read("/admin/v1/sessions?user=ada").await;
    desk.post("/admin/v1/orders", Some(&json!({ "user": "ada" })))
        .await;
    secrets.push(desk.token.clone());
    let invite = invite(&provider, 1).await;
    let registered = Registered::new(&provider, &least(), Some(&invite)).await;
    let wanted = registered.update(&json!({ "client_secret": registered.get("client_secret") }));
    registered.manage(Method::GET, None).await;
    registered.manage(Method::PUT, Some(&wanted)).await;
    registered.manage(Method::DELETE, None).await;
    for name in ["client_secret", "registration_access_token"] {
        secrets.push(registered.get(name).to_owned());
    }
    secrets.push(invite);
    secrets.extend(of_a_guest(&provider, &stub).await);
    let measured = metrics(&provider).await;

    let kept = kept(&provider).await;
    provider.stop().await;
    let written = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(written.contains("/token"), "the log was heard");
    // Her user name is a part of `metadata`, which is in every schema.
    assert!(kept.contains("Ada Lovelace"), "the database was read");
    secrets.retain(|secret| secret.len() > 12);
    assert!(secrets.len() > 15);
    for secret in secrets {
        assert!(!written.contains(&secret), "in the log: {secret}");
        assert!(!kept.contains(&secret), "in the database: {secret}");
        assert!(!measured.contains(&secret), "in the metrics: {secret}");
    }
}
