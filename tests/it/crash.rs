//! `kill -9`: what was committed is delivered by the next process, and nothing that ended lives again.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use exeunt::random::{OsRandom, Random};
use futures_util::future::join_all;
use tempfile::TempDir;

use crate::support::eventually;
use crate::support::provider::{PASSWORD, SECRET, database};
use crate::support::relying_party::{Ear, RelyingParty, Reply, Tokens};
use crate::support::visitor::{Visitor, http_client};

/// The program itself. Dropping it kills it.
struct Process(Child);

impl Process {
    /// Starts `exeunt serve` and waits until it is ready.
    async fn start(config: &Path, issuer: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_exeunt"))
            .args(["serve", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self(child);
        let ready = eventually(async || {
            let gone = process.0.try_wait().unwrap();
            assert_eq!(gone, None, "exeunt serve does not start");
            let answer = http_client().get(format!("{issuer}/readyz")).send().await;
            answer.ok().filter(|answer| answer.status() == 200)
        });
        assert!(ready.await.is_some(), "exeunt serve does not become ready");
        process
    }

    /// SIGKILL: nothing is finished, nothing is cleaned up.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A configuration with these applications, which hear by back-channel.
async fn configure(folder: &TempDir, issuer: &str, ears: &[(&str, &Ear)]) -> std::path::PathBuf {
    let listen = issuer.replace("http://localhost", "127.0.0.1");
    let mut text = format!(
        r#"
        issuer = "{issuer}"
        listen = "{listen}"
        [database]
        url = "{}"
        [outbound]
        allow_private_networks = ["127.0.0.0/8"]
        [logout]
        retry_first = "50ms"
        retry_max = "500ms"
        [[users]]
        username = "ada"
        password = "{PASSWORD}"
        "#,
        database(folder).await.as_str()
    );
    for (client_id, ear) in ears {
        text += &format!(
            r#"
            [[clients]]
            client_id = "{client_id}"
            client_secret = "{SECRET}"
            redirect_uris = ["{}/callback"]
            backchannel_logout_uri = "{}"
            skip_consent = true
            "#,
            ear.base,
            ear.backchannel_logout_uri()
        );
    }
    let path = folder.path().join("exeunt.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// One browser's session: what each application got in it.
struct Left {
    visitor: Visitor,
    tokens: Vec<Tokens>,
    sids: Vec<String>,
}

/// P2: across crashes. P1: who was told "signed out" is. P3: and stays so.
#[actix_web::test]
#[expect(
    clippy::disallowed_methods,
    reason = "another process is killed at a moment of no clock of ours"
)]
async fn p2_killed_at_any_moment_every_application_is_told_by_the_next_process() {
    const ROUNDS: usize = 5;
    const BROWSERS: usize = 6;
    let (ledger, atlas) = (Ear::open().await, Ear::open().await);
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let issuer = format!("http://localhost:{port}");
    let ears = [("ledger", &ledger), ("atlas", &atlas)];
    let config = configure(&folder, &issuer, &ears).await;
    let parties = ears.map(|(client_id, ear)| RelyingParty::at(&issuer, client_id, &ear.base));
    let random: &dyn Random = &OsRandom;

    let mut process = Process::start(&config, &issuer).await;
    let mut all = Vec::new();
    for _ in 0..ROUNDS {
        let mut here = Vec::new();
        for _ in 0..BROWSERS {
            let visitor = Visitor::default();
            let (mut tokens, mut sids) = (Vec::new(), Vec::new());
            for party in &parties {
                let of_party = party.tokens(&visitor, &[]).await;
                sids.push(of_party.sid(&issuer).await);
                tokens.push(of_party);
            }
            here.push(Left {
                visitor,
                tokens,
                sids,
            });
        }
        // Some notices are under way when the end comes, some wait for their next try.
        ledger.answer_next(&[Reply::Hang, Reply::Status(500), Reply::Status(200)]);
        let urls: Vec<_> = here
            .iter()
            .map(|left| {
                let hint = left.tokens[0].get("id_token");
                parties[0].end_session_url(&[("id_token_hint", &hint)])
            })
            .collect();
        let sign_outs = here
            .iter()
            .zip(&urls)
            .map(|(left, url)| left.visitor.try_get(url));
        let moment = Duration::from_secs_f64(random.fraction() * 0.8);
        let murder = async {
            tokio::time::sleep(moment).await;
            process.kill();
        };
        let (answers, ()) = tokio::join!(join_all(sign_outs), murder);
        process = Process::start(&config, &issuer).await;

        for ((left, url), answer) in here.iter().zip(&urls).zip(answers) {
            let was_told = answer.is_some_and(|answer| answer.status == 303);
            let userinfo = parties[1]
                .userinfo(&left.tokens[1].get("access_token"))
                .await;
            if was_told {
                assert_eq!(userinfo.status, 401, "P1: the fact was committed");
            }
            // Whoever got no answer asks again, as a person does.
            left.visitor.get(url).await;
        }
        all.extend(here);
    }

    for left in &all {
        for (party, tokens) in parties.iter().zip(&left.tokens) {
            let answer = party.userinfo(&tokens.get("access_token")).await;
            assert_eq!(answer.status, 401);
        }
        let url = parties[0].authorize_url(&[("prompt", "none")]);
        let answer = left.visitor.get(&url).await;
        assert_eq!(answer.parameter("error").as_deref(), Some("login_required"));
    }
    for (number, (_, ear)) in ears.iter().enumerate() {
        let mut missing: Vec<_> = all.iter().map(|left| left.sids[number].clone()).collect();
        let mut read = 0;
        // What the killed process had claimed is free again when its lease of 30 s runs out.
        for _ in 0..4 {
            let done = eventually(async || {
                let notices = ear.notices();
                for notice in &notices[read..] {
                    let claims = notice.claims(&issuer).await;
                    // A notice that was never answered does not count.
                    if matches!(notice.reply, Reply::Status(200)) {
                        missing.retain(|sid| claims["sid"] != **sid);
                    }
                }
                read = notices.len();
                missing.is_empty().then_some(())
            });
            if done.await.is_some() {
                break;
            }
        }
        assert_eq!(missing, Vec::<String>::new(), "never told of");
    }
    process.kill();
}
