//! TLS by rustls: what is trusted, who we are, the handshake.

use std::sync::{Arc, OnceLock};

use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::{ClientCertificate, Pem, Server, TlsOptions};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Makes the connection secure. Files are read at each connect, so that renewed certificates are taken up.
pub(super) async fn handshake(
    options: &TlsOptions,
    server: &Server,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Error> {
    let name = options.server_name.as_deref().unwrap_or(server.host());
    let name = ServerName::try_from(name.to_owned())
        .map_err(|error| invalid(format!("{name:?} can't be a server's name in TLS: {error}")))?;
    let options = options.clone();
    // Reading files and the system's roots can take some time.
    let config = tokio::task::spawn_blocking(move || config(&options))
        .await
        .map_err(|error| Error::new(ErrorKind::Tls, format!("TLS could not be set up: {error}")))??;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
        Error::new(ErrorKind::Tls, format!("the TLS handshake with {server} failed: {error}"))
    })
}

fn config(options: &TlsOptions) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Tls, error.to_string()))?;
    let builder = if options.dangerously_skip_verification {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAnyone(provider)))
    } else {
        builder.with_root_certificates(roots(options.ca.as_ref())?)
    };
    let mut config = match &options.client_certificate {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let (chain, key) = identity(certificate)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| invalid(format!("the client certificate and its key do not fit: {error}")))?
        }
    };
    config.alpn_protocols = options.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    Ok(config)
}

fn roots(ca: Option<&Pem>) -> Result<Arc<RootCertStore>, Error> {
    let Some(pem) = ca else { return system_roots() };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("the CA", pem)? {
        roots
            .add(certificate)
            .map_err(|error| invalid(format!("the CA holds a bad certificate: {error}")))?;
    }
    Ok(Arc::new(roots))
}

/// The system's roots, read once a process.
fn system_roots() -> Result<Arc<RootCertStore>, Error> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(Arc::clone(roots));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(Error::new(
            ErrorKind::Tls,
            format!("the system's root certificates can't be read: {why}"),
        ));
    }
    Ok(Arc::clone(ROOTS.get_or_init(|| Arc::new(roots))))
}

fn identity(
    certificate: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let chain = certificates("the client certificate", &certificate.certificates)?;
    let key = read("the client key", &certificate.key)?;
    if is_encrypted(&key) {
        return Err(invalid(
            "the client key is encrypted: it must be given decrypted, as `openssl pkey` writes it".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|error| invalid(format!("the client key is not a private key in PEM: {error}")))?;
    Ok((chain, key))
}

/// Whether a key in PEM needs a passphrase: in PKCS #8 (RFC 7468, section 11), or in OpenSSL's older form.
fn is_encrypted(key: &[u8]) -> bool {
    key.split(|byte| *byte == b'\n').any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
            || line.starts_with(b"Proc-Type: 4,ENCRYPTED")
    })
}

fn certificates(what: &str, pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = read(what, pem)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err(invalid(format!("{what} holds no certificate in PEM")))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(invalid(format!("{what} can't be read as PEM: {error}"))),
    }
}

fn read(what: &str, pem: &Pem) -> Result<Vec<u8>, Error> {
    match pem {
        Pem::Bytes(bytes) => Ok(bytes.clone()),
        Pem::File(path) => std::fs::read(path)
            .map_err(|error| invalid(format!("{what} can't be read from {}: {error}", path.display()))),
    }
}

fn invalid(what: String) -> Error {
    Error::new(ErrorKind::InvalidOption, what)
}

/// What `dangerously_skip_verification` stands for: any certificate will do. Signatures of the handshake are checked
/// all the same, so that a broken peer is told apart from a strange one.
#[derive(Debug)]
struct AcceptAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
