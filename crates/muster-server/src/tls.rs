//! TLS: the certificate and its key, read from files, and read again when the files change or the operator says so. Files
//! that cannot be used change nothing: the certificate before them stays.

use crate::limits::CERTIFICATE_CHECK_PERIOD;
use crate::sync::lock;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Certificate chain and key, read and found to belong together.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: ArcSwap<ServerConfig>,
    /// What the files held when they were read last, whether or not it could be used.
    read: Mutex<Files>,
}

/// The bytes of both files.
#[derive(Debug, PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(certificate: &Path, key: &Path) -> io::Result<Self> {
        let bytes = |path: &Path| {
            let words =
                |error: io::Error| io::Error::new(error.kind(), format!("{} cannot be read: {error}", path.display()));
            std::fs::read(path).map_err(words)
        };
        Ok(Self { certificate: bytes(certificate)?, key: bytes(key)? })
    }

    fn config(&self) -> io::Result<ServerConfig> {
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(io::Error::other)?;
        if chain.is_empty() {
            return Err(io::Error::other(
                "the certificate file holds no certificate: it must be PEM, with a BEGIN CERTIFICATE line",
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| {
            let words =
                "the key file holds no private key: it must be PEM, with a BEGIN PRIVATE KEY line and no passphrase";
            io::Error::other(format!("{words} ({error})"))
        })?;
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => io::Error::other("the key does not belong to the certificate"),
            other => io::Error::other(other),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl Tls {
    /// Reads a certificate chain, the server's certificate first, and its key from PEM files. Blocks.
    ///
    /// # Errors
    /// Which files cannot be used, and why.
    pub fn read(certificate: &Path, key: &Path) -> io::Result<Self> {
        install_cryptography();
        let words = |error: io::Error| {
            let words = format!("the certificate {} with the key {}: {error}", certificate.display(), key.display());
            io::Error::new(error.kind(), words)
        };
        let files = Files::read(certificate, key).map_err(words)?;
        let config = files.config().map_err(words)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            config: ArcSwap::from_pointee(config),
            read: Mutex::new(files),
        })
    }

    /// Reads the files again; false if they are the same as the last time. Blocks.
    ///
    /// # Errors
    /// That they cannot be used: the certificate in use stays.
    pub fn reload(&self) -> io::Result<bool> {
        let files = Files::read(&self.certificate, &self.key)?;
        let mut read = lock(&self.read);
        if *read == files {
            return Ok(false);
        }
        let config = files.config();
        *read = files;
        self.config.store(Arc::new(config?));
        Ok(true)
    }

    /// Reads the files again when notified, and checks at intervals whether they changed, for ever.
    pub(crate) async fn watch(self: Arc<Self>, told: Arc<Notify>) {
        // A lasting fault is logged once, and again when the operator asks.
        let mut said = None;
        loop {
            let asked = tokio::time::timeout(CERTIFICATE_CHECK_PERIOD, told.notified()).await.is_ok();
            let own = Arc::clone(&self);
            let reloaded = tokio::task::spawn_blocking(move || own.reload()).await;
            let Ok(reloaded) = reloaded else { continue };
            match reloaded {
                Ok(false) if !asked => {}
                Ok(false) => tracing::info!("the certificate files did not change"),
                Ok(true) => {
                    said = None;
                    tracing::info!("the certificate was read again and is in use");
                }
                Err(error) => {
                    let words = error.to_string();
                    if asked || said.as_ref() != Some(&words) {
                        tracing::error!(%error, "the certificate files cannot be used: the previous certificate stays in use");
                    }
                    said = Some(words);
                }
            }
        }
    }

    /// Shakes hands.
    pub(crate) async fn accept<I: AsyncRead + AsyncWrite + Unpin>(&self, io: I) -> io::Result<TlsStream<I>> {
        TlsAcceptor::from(self.config.load_full()).accept(io).await
    }
}

/// Makes `ring` the cryptography of TLS in this process, for its clients, too.
pub fn install_cryptography() {
    // A second call finds the provider in its place, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
}
