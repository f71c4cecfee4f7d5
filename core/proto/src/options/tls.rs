//! How TLS connections are made and verified: data only, the transport acts on it.

use std::path::PathBuf;

/// PEM text, given as it is or by the path of a file.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// The text itself.
    Bytes(Vec<u8>),
    /// A file that holds it, read at each connect.
    File(PathBuf),
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(_) => f.write_str("[PEM bytes]"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The certificate by which this client shows who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate chain, its own certificate first.
    pub certificates: Pem,
    /// The private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: Pem,
}

/// How TLS connections are made and verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsOptions {
    /// The certificate authorities to trust instead of the system's.
    pub ca: Option<Pem>,
    /// The certificate by which this client shows who it is; none by default.
    pub client_certificate: Option<ClientCertificate>,
    /// Protocols to offer by ALPN, such as `mqtt`; none by default.
    pub alpn: Vec<String>,
    /// The name to expect in the server's certificate instead of the URL's host.
    pub server_name: Option<String>,
    /// Accept any certificate of any server. Whoever is on the path can then read and change everything.
    pub dangerously_skip_verification: bool,
}
