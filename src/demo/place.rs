//! Where something of the demo runs: its port, its address, its secret.

use std::io;
use std::net::{IpAddr, TcpListener};

use anyhow::anyhow;
use secrecy::SecretString;

/// Where one application or service runs, and its secret.
#[derive(Debug, Clone)]
pub struct Place {
    /// The port to listen on; 0 lets the system choose.
    pub port: u16,
    /// How browsers and the provider reach it, without a trailing slash; by default `http://localhost:{port}`.
    pub base_url: Option<String>,
    /// What it proves with to the provider who it is.
    pub secret: SecretString,
}

/// A port that is held for whoever will listen there.
pub(super) struct Reserved {
    pub(super) name: &'static str,
    pub(super) listener: TcpListener,
    /// Without a trailing slash.
    pub(super) base_url: String,
    pub(super) secret: SecretString,
}

impl Reserved {
    /// Fails when the port can't be had: the error names it, and the option of the command line that changes it.
    pub(super) fn new(
        name: &'static str,
        option: &str,
        bind: IpAddr,
        place: &Place,
    ) -> Result<Self, anyhow::Error> {
        let port = place.port;
        let listener = TcpListener::bind((bind, port)).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                anyhow!("port {port}, meant for {name}, is in use: choose another with {option}")
            }
            _ => anyhow!(error).context(format!(
                "{name} cannot listen on port {port} of {bind}: choose another with {option}"
            )),
        })?;
        let port = listener.local_addr()?.port();
        let base_url = match &place.base_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://localhost:{port}"),
        };
        Ok(Self {
            name,
            listener,
            base_url,
            secret: place.secret.clone(),
        })
    }

    /// The address of its page.
    pub(super) fn home(&self) -> String {
        format!("{}/", self.base_url)
    }
}
