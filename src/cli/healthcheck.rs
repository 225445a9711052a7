//! `exeunt healthcheck`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, bail};

use super::show;
use crate::config::Config;
use crate::outbound::probe;

/// Asks `/readyz` of the configured listener.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let address = reachable(config.listen);
    let path = format!("{}/readyz", config.issuer.path());
    let status = probe(address, config.tls.is_some(), &path)
        .await
        .with_context(|| format!("no answer from {address}"))?;
    match status {
        200 => show::say("ready"),
        status => bail!("the server at {address} is not ready: it answers {status}"),
    }
}

/// One of our own addresses when the server listens on all of them.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
