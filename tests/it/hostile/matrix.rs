//! Every hostile answer: what is noted, what it may cost, and whom it does not delay.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use exeunt::flows::end_session;
use exeunt::oidc::logout::{Cause, DeliveryState};
use exeunt::outbound::Resolver;
use exeunt::store::delivery_attempts;

use super::{
    Behaviour, Names, Server, bomb, endless_body, endless_header, heard_at, pour, said, send,
    slow_body, tls_server, tried,
};
use crate::support::eventually;
use crate::support::parts::session_with;
use crate::support::provider::provider;

/// One hostile application, and what is to be recorded.
struct Case {
    name: &'static str,
    uri: String,
    server: Option<Server>,
    state: DeliveryState,
    status: Option<i32>,
    problem: Option<&'static str>,
}

async fn answers(
    name: &'static str,
    behaviour: Behaviour,
    state: DeliveryState,
    status: impl Into<Option<i32>>,
    problem: impl Into<Option<&'static str>>,
) -> Case {
    let server = Server::open(behaviour).await;
    Case {
        name,
        uri: format!("http://127.0.0.1:{}/out", server.port),
        server: Some(server),
        state,
        status: status.into(),
        problem: problem.into(),
    }
}

fn unreachable(name: &'static str, uri: String, problem: &'static str) -> Case {
    Case {
        name,
        uri,
        server: None,
        state: DeliveryState::Retrying,
        status: None,
        problem: Some(problem),
    }
}

async fn cases(tls_port: u16) -> Vec<Case> {
    use DeliveryState::{Confirmed, Failed, Refused, Retrying};
    const LATE: &str = "no answer in time";
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed_port = closed.local_addr().unwrap().port();
    drop(closed);
    vec![
        answers("200", |s, c| said(s, c, "200 OK"), Confirmed, 200, None).await,
        answers(
            "204",
            |s, c| Box::pin(send(s, c, b"HTTP/1.1 204 No Content\r\n\r\n")),
            Confirmed,
            204,
            None,
        )
        .await,
        answers(
            "400",
            |s, c| said(s, c, "400 Bad Request"),
            Refused,
            400,
            None,
        )
        .await,
        answers("404", |s, c| said(s, c, "404 Not Found"), Failed, 404, None).await,
        answers(
            "429",
            |s, c| said(s, c, "429 Slow Down\r\nretry-after: 120"),
            Retrying,
            429,
            None,
        )
        .await,
        answers("500", |s, c| said(s, c, "500 Oh"), Retrying, 500, None).await,
        answers(
            "hang",
            |_, _| Box::pin(std::future::pending()),
            Retrying,
            None,
            LATE,
        )
        .await,
        answers(
            "slow-header",
            |s, c| Box::pin(pour(s, c, ("HTTP/1.1 200 OK\r\nx: ", b"x"), 20)),
            Retrying,
            None,
            LATE,
        )
        .await,
        answers("slow-body", slow_body, Confirmed, 200, None).await,
        answers(
            "endless-header",
            endless_header,
            Retrying,
            None,
            "no usable answer",
        )
        .await,
        answers("endless-body", endless_body, Confirmed, 200, None).await,
        answers("bomb", bomb, Confirmed, 200, None).await,
        answers(
            "redirect-to-itself",
            |s, c| said(s, c, "307 Again\r\nlocation: /out"),
            Failed,
            307,
            None,
        )
        .await,
        answers(
            "redirect-inside",
            |s, c| said(s, c, "308 There\r\nlocation: http://10.0.0.1/out"),
            Failed,
            308,
            None,
        )
        .await,
        unreachable(
            "tls-wrong-name",
            format!("https://other.example:{tls_port}/out"),
            "no trusted TLS connection",
        ),
        unreachable(
            "refused",
            format!("http://127.0.0.1:{closed_port}/out"),
            "no connection",
        ),
        unreachable(
            "nowhere",
            "https://nowhere.example/out".to_owned(),
            "no connection",
        ),
    ]
}

/// P4. Attacks 55 and 58: every answer that does harm, with ninety-nine healthy applications beside it.
#[actix_web::test]
async fn p4_each_hostile_answer_is_recorded_bounded_and_nobody_elses_delay() {
    const HEALTHY: usize = 99;
    let (tls_port, certificate) = tls_server();
    let cases = cases(tls_port).await;
    let healthy = Server::open(|s, c| said(s, c, "200 OK")).await;
    let mut wish = provider().await.configure(|config| {
        let file = config.master_key_file.with_file_name("ca.pem");
        std::fs::write(&file, certificate).unwrap();
        config.outbound.extra_ca_file = Some(file);
        config.logout.retry_first = TimeDelta::minutes(5);
    });
    let mut names: Vec<String> = Vec::new();
    for number in 0..HEALTHY {
        // Each is an origin of its own; they share a port to answer at.
        let uri = format!("http://healthy-{number}.example:{}/out", healthy.port);
        names.push(format!("healthy-{number}"));
        wish = wish.client(names.last().unwrap(), heard_at(uri));
    }
    for case in &cases {
        wish = wish.client(case.name, heard_at(case.uri.clone()));
    }
    let resolver: Arc<dyn Resolver> = Arc::new(Names::default());
    let provider = wish.seams(|seams| seams.resolver = resolver).start().await;
    let flows = provider.flows();
    // Once without any, so that connections and keys are there as they are for the others.
    let mut told = 0;
    let mut usual = Duration::ZERO;
    let warm_up = None;
    for case in std::iter::once(warm_up).chain(cases.iter().map(Some)) {
        let all: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .chain(case.map(|case| case.name))
            .collect();
        let session_id = session_with(flows, &all).await;
        let began = Instant::now();
        end_session::end_session(flows, session_id, Cause::Administrator)
            .await
            .unwrap();
        told += HEALTHY;
        let all_told = eventually(async || (healthy.requests() >= told).then_some(())).await;
        let waited = began.elapsed();
        let name = case.map_or("nobody", |case| case.name);
        assert!(all_told.is_some(), "{name}: {}", healthy.requests());
        let Some(case) = case else {
            usual = waited;
            continue;
        };
        // The rest is for a busy machine. The hostile ones take up to 5 s.
        assert!(
            waited < usual + Duration::from_secs(2),
            "{name}: {waited:?}"
        );

        let row = tried(&provider, session_id, name).await;
        assert_eq!(
            (row.state, row.last_status, row.last_problem.as_deref()),
            (case.state, case.status, case.problem),
            "{name}"
        );
        let attempts = delivery_attempts::list(flows.database.read(), row.id).await;
        let attempts = attempts.unwrap();
        assert_eq!(attempts.len(), 1, "{name}");
        assert!(attempts[0].latency < 6_000, "{name}: {attempts:?}");
        if name == "429" {
            let next = row.due_at.unwrap() - attempts[0].at;
            assert!(next >= TimeDelta::seconds(120), "{next}");
        }
        if let Some(server) = &case.server {
            assert_eq!(server.requests(), 1, "{name}");
            // The better part of it lies in the system's buffers.
            let sent = server.counts.sent.load(Ordering::SeqCst);
            assert!(sent < 16 << 20, "{name}: {sent} bytes were taken");
        }
    }
    provider.stop().await;
}
