//! https in process: which versions are spoken, and a certificate that changes while people are there.

use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use exeunt::config::Tls;
use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::support::eventually;
use crate::support::https::{Pair, over_https};
use crate::support::ledger::ledger;
use crate::support::provider::Provider;
use crate::support::relying_party::RelyingParty;
use crate::support::visitor::Visitor;

const EITHER: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

async fn https() -> (Provider, Pair) {
    let pair = Pair::new();
    let wish = over_https(ledger().await, &pair).manual_clock();
    (wish.start().await, pair)
}

#[actix_web::test]
async fn tls_1_2_and_1_3_are_spoken_and_http_2_where_the_client_can() {
    let (provider, pair) = https().await;
    for (version, negotiated) in [(&TLS12, TLSv1_2), (&TLS13, TLSv1_3)] {
        for (offered, chosen) in [
            (&["h2", "http/1.1"][..], Some("h2")),
            (&["http/1.1"], Some("http/1.1")),
            (&[], None),
        ] {
            let stream = pair
                .connect(provider.config.listen, &[version], offered)
                .await
                .unwrap();
            let (_, connection) = stream.get_ref();
            assert_eq!(connection.protocol_version(), Some(negotiated));
            let alpn = connection.alpn_protocol();
            assert_eq!(alpn, chosen.map(str::as_bytes), "{offered:?}");
        }
    }
    provider.stop().await;
}

#[actix_web::test]
async fn people_sign_in_and_out_over_http_2_as_over_http_1_1() {
    let (provider, pair) = https().await;
    let party = RelyingParty::of(&provider, "ledger");
    for (client, version) in [
        (pair.client(|builder| builder), "HTTP/2.0"),
        (pair.client(|builder| builder.http1_only()), "HTTP/1.1"),
    ] {
        let answer = client.get(provider.url("/")).send().await.unwrap();
        assert_eq!(format!("{:?}", answer.version()), version);
        let ada = Visitor::over(client);
        let answer = party.sign_in(&ada, &[]).await;
        assert!(answer.parameter("code").is_some(), "{answer:?}");
        let asked = ada.get(&party.end_session_url(&[])).await;
        let left = ada
            .submit(&asked, &asked.form(), &[("scope", "everywhere")])
            .await;
        let left = ada.follow(left, &provider.issuer).await;
        assert_eq!(left.page(), "page-signed-out", "{version}");
    }
    provider.stop().await;
}

/// What the provider logs in this thread, in which its workers run.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn says(&self, text: &str) -> usize {
        let log = self.0.lock().unwrap();
        String::from_utf8_lossy(&log).matches(text).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Lets time go by until the log says so for the `times`th time.
async fn until(provider: &Provider, log: &Log, text: &str, times: usize) {
    let said = eventually(async || {
        provider.advance(TimeDelta::seconds(2));
        (log.says(text) == times).then_some(())
    });
    said.await
        .unwrap_or_else(|| panic!("not in the log: {text}"));
}

const TAKEN: &str = "new connections get the new one";
const REFUSED: &str = "the old one stays";

fn files(provider: &Provider) -> Tls {
    provider.config.tls.clone().unwrap()
}

#[actix_web::test]
async fn a_renewed_certificate_is_shown_to_who_comes_next_and_disturbs_nobody() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let (provider, old) = https().await;
    let client = old.client(|builder| builder);
    let ada = Visitor::over(client);
    assert_eq!(ada.get(&provider.url("/")).await.status, 200);

    let new = Pair::new();
    new.write(&files(&provider));
    until(&provider, &log, TAKEN, 1).await;
    new.connect(provider.config.listen, EITHER, &["h2"])
        .await
        .unwrap();
    assert!(
        old.connect(provider.config.listen, EITHER, &["h2"])
            .await
            .is_err()
    );
    // Over the connection that she has.
    let party = RelyingParty::of(&provider, "ledger");
    assert!(party.sign_in(&ada, &[]).await.parameter("code").is_some());
    assert_eq!(log.says(REFUSED), 0);
    provider.stop().await;
}

#[actix_web::test]
async fn a_certificate_that_does_not_work_is_not_taken_and_the_log_says_so() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let (provider, old) = https().await;
    let files = files(&provider);
    let (new, other) = (Pair::new(), Pair::new());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    // One file a step, so that whenever it is looked at there is either what was or what is to be.
    let steps = [
        // The half of a renewal; then somebody else's key.
        (&files.certificate, new.certificate.as_str()),
        (&files.private_key, &other.private_key),
        (&files.certificate, "nothing in PEM"),
        (&files.private_key, &new.certificate),
        (&files.certificate, &new.certificate),
        (&files.certificate, broken),
        (&files.private_key, &new.private_key),
    ];
    for (before, (file, content)) in steps.into_iter().enumerate() {
        let renewed = file.with_extension("renewed");
        std::fs::write(&renewed, content).unwrap();
        std::fs::rename(&renewed, file).unwrap();
        // Once, however often it is looked at.
        until(&provider, &log, REFUSED, before + 1).await;
        old.connect(provider.config.listen, EITHER, &["h2"])
            .await
            .unwrap();
    }
    std::fs::remove_file(&files.private_key).unwrap();
    until(&provider, &log, REFUSED, steps.len() + 1).await;
    old.connect(provider.config.listen, EITHER, &[])
        .await
        .unwrap();
    new.write(&files);
    until(&provider, &log, TAKEN, 1).await;
    new.connect(provider.config.listen, EITHER, &[])
        .await
        .unwrap();
    assert!(log.says("key.pem") > 0, "it names the file");
    assert_eq!(log.says("PRIVATE KEY"), 0);
    provider.stop().await;
}

/// What curl, with a TLS and an HTTP/2 of other makers, says of the provider.
async fn curl(provider: &Provider, arguments: &[&str]) -> Option<String> {
    let ca_file = files(provider).certificate;
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--verbose", "--noproxy", "*"])
        .args([
            "--output",
            "/dev/null",
            "--write-out",
            "%{stderr}HTTP %{http_version} %{http_code}",
        ])
        .args(["--ciphers", "DEFAULT@SECLEVEL=0", "--cacert"])
        .arg(ca_file)
        .args(arguments)
        .arg(provider.url("/.well-known/openid-configuration"));
    let run = tokio::task::spawn_blocking(move || command.output().expect("curl runs"));
    let output = run.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(said)
}

#[actix_web::test]
#[ignore = "needs curl"]
async fn a_client_of_other_makers_agrees_about_versions_protocols_and_the_new_certificate() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let (provider, _old) = https().await;
    for renewed in [false, true] {
        if renewed {
            Pair::new().write(&files(&provider));
            // The file that curl trusts is the new one; what is shown is still the old.
            assert_eq!(curl(&provider, &[]).await, None);
            until(&provider, &log, TAKEN, 1).await;
        }
        for (arguments, tls, http) in [
            (&["--http2"][..], "TLSv1.3", "HTTP 2 200"),
            (&["--http2", "--tls-max", "1.2"], "TLSv1.2", "HTTP 2 200"),
            (&["--http1.1", "--tlsv1.3"], "TLSv1.3", "HTTP 1.1 200"),
        ] {
            let said = curl(&provider, arguments)
                .await
                .expect("curl gets an answer");
            let using = format!("SSL connection using {tls} /");
            assert!(said.contains(&using) && said.contains(http), "{said}");
        }
        for old_version in ["1.0", "1.1"] {
            let refused = curl(&provider, &["--tlsv1.0", "--tls-max", old_version]).await;
            assert_eq!(refused, None, "TLS {old_version}");
        }
    }
    provider.stop().await;
}
