//! A certificate authority for one benchmark, and the server that it has signed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tempfile::TempDir;

use crate::error::{BenchError, Context};

/// The name in the server's certificate.
pub(crate) const SERVER: &str = "localhost";

/// Files of one authority, for as long as this lives.
pub(crate) struct Certificates(TempDir);

impl Certificates {
    pub(crate) fn make() -> Result<Self, BenchError> {
        let folder = TempDir::new().context("make a folder for certificates")?;
        let mut authority = CertificateParams::new([]).map_err(BenchError::client)?;
        authority.distinguished_name.push(DnType::CommonName, "authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(BenchError::client)?;
        let authority = CertifiedIssuer::self_signed(authority, key).map_err(BenchError::client)?;
        let key = KeyPair::generate().map_err(BenchError::client)?;
        let server = CertificateParams::new([SERVER.to_owned()]).map_err(BenchError::client)?;
        let server = server.signed_by(&key, &authority).map_err(BenchError::client)?;
        let files =
            [("ca.pem", authority.pem()), ("server.pem", server.pem()), ("server.key", key.serialize_pem())];
        for (name, text) in files {
            fs::write(folder.path().join(name), text).context("write a certificate")?;
        }
        Ok(Self(folder))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// What a client is to trust.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder().join("ca.pem")
    }
}

/// How the server shows itself, with the files of that folder.
pub(crate) fn server(folder: &Path) -> Result<Arc<ServerConfig>, BenchError> {
    let certificate = CertificateDer::from_pem_file(folder.join("server.pem")).map_err(BenchError::client)?;
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).map_err(BenchError::client)?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key));
    config.map(Arc::new).map_err(BenchError::client)
}

/// How a client verifies the server, for contenders that take it so.
pub(crate) fn client(authority: &Path) -> Result<Arc<ClientConfig>, BenchError> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority).map_err(BenchError::client)?)
        .map_err(BenchError::client)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(BenchError::client)?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
