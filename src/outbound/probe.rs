//! Asking a listener of our own how it is.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Error, redirect, retry};

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the listener at `address` for `path`, over TLS if it speaks that; answers the status.
///
/// # Errors
/// When nothing answers in time.
pub async fn probe(address: SocketAddr, speaks_tls: bool, path: &str) -> Result<u16, Error> {
    let scheme = if speaks_tls { "https" } else { "http" };
    let url = format!("{scheme}://{address}{path}");
    let answer = client()?.get(url).send().await;
    Ok(answer.map_err(Error::without_url)?.status().as_u16())
}

/// It goes to ourselves, where the guard lets nobody go; so it is for nothing else.
#[expect(
    clippy::disallowed_methods,
    reason = "the guard keeps others from leading us to our own address, and this one we name ourselves"
)]
fn client() -> Result<Client, Error> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .timeout(PATIENCE)
        // The certificate is in the issuer's name, and an address is asked. Nothing secret is said, and nothing is believed
        // but that the server answers.
        .tls_danger_accept_invalid_certs(true)
        .build()
}
