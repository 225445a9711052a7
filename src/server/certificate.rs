//! The certificate of https in process: read at the start, and again whenever its files change.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::TimeDelta;
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::clock::Clock;
use crate::config::Tls;

/// How often the files are looked at. They are small, and what watches folders misses links that are turned elsewhere.
const LOOK: TimeDelta = TimeDelta::seconds(2);

/// What every handshake is answered with.
#[derive(Debug)]
pub(super) struct Certificate {
    files: Tls,
    cryptography: Arc<CryptoProvider>,
    current: ArcSwap<CertifiedKey>,
}

/// What the two files hold; or why they can't be read.
type Seen = Result<[Vec<u8>; 2], String>;

impl Certificate {
    /// Reads it, and what to compare later looks with.
    ///
    /// # Errors
    /// When a file can't be read, or the two do not fit each other.
    pub(super) fn open(files: &Tls) -> Result<(Arc<Self>, Seen), StartError> {
        let cryptography = Arc::new(crypto::aws_lc_rs::default_provider());
        let seen = [read(&files.certificate)?, read(&files.private_key)?];
        let current = certified(files, &seen, &cryptography)?;
        let certificate = Arc::new(Self {
            files: files.clone(),
            cryptography,
            current: ArcSwap::from_pointee(current),
        });
        Ok((certificate, Ok(seen)))
    }

    /// TLS 1.2 and 1.3 with whatever certificate is the current one.
    ///
    /// # Errors
    /// None that we know of: the versions fit the cryptography.
    pub(super) fn server_config(self: &Arc<Self>) -> Result<rustls::ServerConfig, StartError> {
        let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&self.cryptography))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        Ok(config)
    }

    /// Takes what the files hold whenever that has changed and works; else keeps what there is. Until `stop` is
    /// cancelled.
    pub(super) async fn watch(
        self: Arc<Self>,
        mut seen: Seen,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) {
        loop {
            let again = clock.now() + LOOK;
            tokio::select! {
                () = clock.sleep_until(again) => {}
                () = stop.cancelled() => return,
            }
            let now = self.look().await;
            if now == seen {
                continue;
            }
            seen = now;
            let file = self.files.certificate.display();
            match self.take(&seen) {
                Ok(()) => {
                    tracing::info!(%file, "the certificate has changed: new connections get the new one");
                }
                Err(error) => {
                    tracing::error!(%file, %error, "the changed certificate does not work: the old one stays");
                }
            }
        }
    }

    async fn look(&self) -> Seen {
        let read = async |path: &Path| match tokio::fs::read(path).await {
            Ok(content) => Ok(content),
            Err(cause) => Err(StartError::file(path, cause).to_string()),
        };
        Ok([
            read(&self.files.certificate).await?,
            read(&self.files.private_key).await?,
        ])
    }

    fn take(&self, seen: &Seen) -> Result<(), String> {
        let pem = seen.as_ref().map_err(String::clone)?;
        let taken = certified(&self.files, pem, &self.cryptography);
        let taken = taken.map_err(|error| error.to_string())?;
        self.current.store(Arc::new(taken));
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|cause| StartError::file(path, cause))
}

fn certified(
    files: &Tls,
    [chain, key]: &[Vec<u8>; 2],
    cryptography: &CryptoProvider,
) -> Result<CertifiedKey, StartError> {
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| StartError::file(&files.certificate, cause))?;
    if chain.is_empty() {
        return Err(StartError::file(
            &files.certificate,
            "it holds no certificate",
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|cause| StartError::file(&files.private_key, cause))?;
    Ok(CertifiedKey::from_der(chain, key, cryptography)?)
}
