//! `exeunt healthcheck`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::show;
use crate::config::Config;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks `/readyz` of the configured listener. Where that speaks TLS, it is enough that it takes a connection.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let address = reachable(config.listen);
    let answer = timeout(PATIENCE, ask(&config, address))
        .await
        .with_context(|| format!("nothing answers at {address}"))?
        .with_context(|| format!("nothing answers at {address}"))?;
    match answer {
        None => show::say("listening"),
        Some(status) if status.contains(" 200 ") => show::say("ready"),
        Some(status) => bail!("the server at {address} is not ready: {status}"),
    }
}

/// The status line; none over TLS.
async fn ask(config: &Config, address: SocketAddr) -> std::io::Result<Option<String>> {
    let mut stream = TcpStream::connect(address).await?;
    if config.tls.is_some() {
        return Ok(None);
    }
    let path = format!("{}/readyz", config.issuer.path());
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(Some(answer.lines().next().unwrap_or_default().to_owned()))
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
