//! The reader that docs/revocation.md shows, in Python with its standard library alone.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::support::provider::{Wish, metadata, provider};
use crate::support::relying_party::RelyingParty;
use crate::support::service::Reader;
use crate::support::visitor::Visitor;
use crate::support::{eventually, repository};

const API: &str = "https://api.example/?a=b&c";

async fn wish() -> Wish {
    let mut metadata = metadata("https://ledger.example");
    metadata.access_token_audience = Some(API.to_owned());
    provider().await.client("ledger", metadata)
}

/// Where there is no Python nothing is shown.
#[actix_web::test]
async fn the_reader_of_the_documentation_refuses_a_token_once_its_session_ended() {
    if Command::new("python3")
        .arg("--version")
        .output()
        .await
        .is_err()
    {
        return;
    }
    let provider = wish().await.start().await;
    let api = Reader::added(&provider, API, None).await;
    let (party, ada) = (RelyingParty::of(&provider, "ledger"), Visitor::default());
    let tokens = party.tokens(&ada, &[]).await;
    let elsewhere = party.tokens(&Visitor::default(), &[]).await;
    let mut reader = Command::new("python3")
        .arg(repository().join("examples/revocations/reader.py"))
        .args([&provider.issuer, API])
        .env("EXEUNT_SERVICE_SECRET", &api.secret)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut questions = reader.stdin.take().unwrap();
    let mut answers = BufReader::new(reader.stdout.take().unwrap()).lines();
    let mut ask = async |token: &str| {
        let question = format!("{token}\n");
        questions.write_all(question.as_bytes()).await.unwrap();
        answers.next_line().await.unwrap().unwrap()
    };
    let token = tokens.get("access_token");
    // Until it has heard anything it vouches for nothing.
    let good = eventually(async || Some(ask(&token).await).filter(|answer| answer == "good"));
    assert!(good.await.is_some(), "it never became fresh");
    let hint = tokens.get("id_token");
    ada.get(&party.end_session_url(&[("id_token_hint", &hint)]))
        .await;
    let dead = eventually(async || Some(ask(&token).await).filter(|answer| answer == "taken back"));
    assert!(dead.await.is_some(), "it never heard");
    assert_eq!(ask(&elsewhere.get("access_token")).await, "good");
    reader.kill().await.unwrap();
    provider.stop().await;
}
