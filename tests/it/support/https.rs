//! A provider that speaks https itself, its certificate, and clients that look at how it does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use exeunt::config::Tls;
use exeunt::oidc::issuer::Issuer;
use rcgen::CertifiedKey;
use reqwest::{Certificate, Client, ClientBuilder};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::provider::Wish;

/// A certificate for `localhost`, and its key.
pub struct Pair {
    /// The certificate, in PEM.
    pub certificate: String,
    /// Its key, in PEM.
    pub private_key: String,
    der: CertificateDer<'static>,
}

impl Pair {
    /// A new one that vouches for itself.
    pub fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self {
            certificate: cert.pem(),
            private_key: signing_key.serialize_pem(),
            der: cert.der().clone(),
        }
    }

    /// Where a provider with this wish has them.
    pub fn write(&self, files: &Tls) {
        std::fs::write(&files.certificate, &self.certificate).unwrap();
        std::fs::write(&files.private_key, &self.private_key).unwrap();
    }

    /// A client that trusts it, for [`crate::support::visitor::Visitor::over`].
    pub fn client(&self, change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
        #[expect(
            clippy::disallowed_methods,
            reason = "the outside of the provider, not its way out"
        )]
        let builder = Client::builder()
            .add_root_certificate(Certificate::from_pem(self.certificate.as_bytes()).unwrap())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        change(builder).build().unwrap()
    }

    /// Shakes hands and answers the connection; an error if this is not the certificate that is shown.
    pub async fn connect(
        &self,
        address: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let cryptography = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(cryptography)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }
}

/// The same provider at https, with this certificate.
pub fn over_https(wish: Wish, pair: &Pair) -> Wish {
    wish.configure(|config| {
        let folder = config.master_key_file.parent().unwrap().to_owned();
        let file = |name: &str| -> PathBuf { folder.join(name) };
        let files = Tls {
            certificate: file("cert.pem"),
            private_key: file("key.pem"),
        };
        pair.write(&files);
        let issuer = format!("https://localhost:{}", config.listen.port());
        config.issuer = Issuer::parse(&issuer).unwrap();
        config.tls = Some(files);
    })
}
