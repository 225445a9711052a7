//! What hostile answers cost in memory, of a server that is a process of its own.

use exeunt::oidc::logout::DeliveryState;
use exeunt::store::Database;
use exeunt::store::deliveries::{self, Delivery};

use super::{Behaviour, Server, bomb, endless_body, endless_header, slow_body};
use crate::support::eventually;
use crate::support::process::{Process, free_port, program};
use crate::support::provider::{PASSWORD, SECRET, database};
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

/// The most that it may grow by, in KiB. What these applications pour out in the five seconds of an attempt is many times
/// as much.
const ROOM: u64 = 96 * 1024;
/// How many applications of each kind there are.
const EACH: usize = 4;

/// P4. Attack 58: memory is flat whatever an application answers.
#[actix_web::test]
async fn p4_what_applications_pour_out_is_not_kept() {
    let kinds: [(&str, Behaviour); 4] = [
        ("endless-body", endless_body),
        ("endless-header", endless_header),
        ("slow-body", slow_body),
        ("bomb", bomb),
    ];
    let folder = tempfile::tempdir().unwrap();
    let url = database(&folder).await;
    let port = free_port();
    let issuer = format!("http://localhost:{port}");
    let mut text = format!(
        "issuer = \"{issuer}\"\n[database]\nurl = \"{}\"\n[outbound]\n\
         allow_private_networks = [\"127.0.0.0/8\"]\n[logout]\nretry_first = \"5m\"\n\
         [[users]]\nusername = \"ada\"\npassword = \"{PASSWORD}\"\n",
        url.as_str()
    );
    let (mut servers, mut parties) = (Vec::new(), Vec::new());
    for (kind, behaviour) in kinds {
        for number in 0..EACH {
            let server = Server::open(behaviour).await;
            let base = format!("http://127.0.0.1:{}", server.port);
            let client_id = format!("{kind}-{number}");
            text += &format!(
                "[[clients]]\nclient_id = \"{client_id}\"\nclient_secret = \"{SECRET}\"\nskip_consent = true\n\
                 redirect_uris = [\"{base}/callback\"]\nbackchannel_logout_uri = \"{base}/out\"\n"
            );
            parties.push(RelyingParty::at(&issuer, &client_id, &base));
            servers.push(server);
        }
    }
    std::fs::write(folder.path().join("exeunt.toml"), text).unwrap();
    let mut serve = program(folder.path());
    let process = Process::spawn(serve.args(["--config", "exeunt.toml", "serve"]));
    let ada = Visitor::default();
    let ready = eventually(async || ada.try_get(&format!("{issuer}/readyz")).await);
    assert!(ready.await.is_some(), "the server answers");
    let mut hint = String::new();
    for party in &parties {
        hint = party.tokens(&ada, &[]).await.get("id_token");
    }

    let (before, _) = process.memory();
    let last = parties.last().unwrap();
    ada.get(&last.end_session_url(&[("id_token_hint", &hint)]))
        .await;
    let db = Database::open(url.as_str(), 2).await.unwrap();
    let tried = eventually(async || {
        let all = deliveries::list(db.read(), &DeliveryState::ALL, None, 1_000).await;
        let all: Vec<Delivery> = all.unwrap();
        let is_tried = |row: &Delivery| row.attempts > 0;
        (all.len() == parties.len() && all.iter().all(is_tried)).then_some(())
    });
    assert!(tried.await.is_some(), "everyone was asked");
    let (after, most) = process.memory();
    assert!(
        most < before + ROOM,
        "{before} KiB before, {after} after, {most} at the most"
    );
    assert!(servers.iter().all(|server| server.requests() == 1));
    db.close().await;
    let (code, log) = process.stop();
    assert_eq!(code, Some(0), "{log}");
}
