//! `exeunt serve`.

use std::io::{self, IsTerminal as _};

use anyhow::bail;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, process_environment};
use crate::server::{self, Seams};
use crate::store;

/// What is logged unless `RUST_LOG` says otherwise, beside what the store says of its libraries. rustls warns of each client
/// that hangs up politely.
const DEFAULT_LOG: &str = "info,actix_server=warn,rustls::common_state=error";

/// Serves until SIGTERM or Ctrl-C; then finishes what is under way.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    log_to_stderr();
    for hint in config.hints() {
        tracing::warn!("{hint}");
    }
    let stop = stop_signal()?;
    let issuer = config.issuer.clone();
    let running = server::start(config, Seams::default()).await?;
    let admin = running.admin_address().map(tracing::field::display);
    tracing::info!(issuer = issuer.as_str(), address = %running.address(), admin, "ready");
    let reason = tokio::select! {
        reason = stop => Some(reason),
        () = running.distrusted() => None,
    };
    tracing::info!(reason, "stopping: what is under way is finished first");
    running.stop().await;
    tracing::info!("stopped");
    match reason {
        Some(_) => Ok(()),
        None => bail!(
            "an older copy of the database was put back: run `exeunt restored` before it is served"
        ),
    }
}

/// Resolves to the name of the signal that asks us to stop. Signals are heard from the call on, not from the first
/// poll: one that comes during the start is not lost.
pub(super) fn stop_signal() -> io::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// Logs for people when standard error is a terminal, else as JSON, one object a line; `RUST_LOG` says what.
fn log_to_stderr() {
    let wanted = process_environment()
        .find(|(name, value)| name == "RUST_LOG" && !value.is_empty())
        .map_or_else(
            || format!("{DEFAULT_LOG},{}", store::LOG),
            |(_, value)| value,
        );
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(wanted))
        .with_writer(io::stderr);
    if io::stderr().is_terminal() {
        log.init();
    } else {
        // One span names the request or the notice: the list of all would say it twice.
        log.json().flatten_event(true).with_span_list(false).init();
    }
}
