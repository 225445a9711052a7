//! `exeunt healthcheck` where the server speaks TLS; where it does not, every other test here begins with it.

use std::path::Path;

use super::Answer;
use crate::support::https::{Pair, over_https};
use crate::support::process::program;
use crate::support::provider::provider;

/// Asks as a container does, whose environment names the file.
async fn check(folder: &Path) -> Answer {
    let mut command = program(folder);
    command.env("EXEUNT_CONFIG", "exeunt.toml");
    command.arg("healthcheck");
    // The server's database may need this thread meanwhile.
    let output = tokio::task::spawn_blocking(move || command.output());
    output.await.unwrap().unwrap().into()
}

#[actix_web::test]
async fn over_tls_it_is_asked_too_whether_the_server_is_ready() {
    let provider = over_https(provider().await, &Pair::new()).start().await;
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "issuer = \"{}\"\nlisten = \"{}\"\n[tls]\ncertificate = \"cert.pem\"\nprivate_key = \"key.pem\"\n",
        provider.issuer, provider.config.listen
    );
    std::fs::write(folder.path().join("exeunt.toml"), text).unwrap();
    let ready = check(folder.path()).await;
    assert_eq!((ready.code, &*ready.out), (Some(0), "ready\n"), "{ready:?}");

    provider.flows().database.clone().close().await;
    let without_database = check(folder.path()).await;
    assert_eq!(without_database.code, Some(1), "{without_database:?}");
    assert!(
        without_database.err.contains("it answers 503"),
        "{without_database:?}"
    );
    provider.stop().await;
    let down = check(folder.path()).await;
    assert_eq!(down.code, Some(1), "{down:?}");
    assert!(down.err.contains("no answer from 127.0.0.1"), "{down:?}");
}
