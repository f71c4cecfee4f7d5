//! Arguments about TLS.

use std::path::PathBuf;

use clap::Args;
use polymqtt::{ClientCertificate, Pem, TlsOptions};

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Use TLS with -h and -p; every other option of this group implies it
    #[arg(long)]
    tls: bool,

    /// A file of certificate authorities (PEM) to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,

    /// A file with this client's certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// A file with the certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// The name to expect in the server's certificate instead of the host
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,

    /// A protocol to offer by ALPN, repeatable
    #[arg(long, value_name = "PROTOCOL", alias = "tls-alpn")]
    alpn: Vec<String>,

    /// Accept any certificate: whoever is on the path can read and change everything
    #[arg(long)]
    dangerously_skip_verification: bool,
}

impl TlsArgs {
    /// Whether one of the options was given.
    pub(crate) fn is_wanted(&self) -> bool {
        self.tls
            || self.cafile.is_some()
            || self.cert.is_some()
            || self.server_name.is_some()
            || !self.alpn.is_empty()
            || self.dangerously_skip_verification
    }

    pub(crate) fn options(&self) -> TlsOptions {
        let certificate = self.cert.clone().zip(self.key.clone());
        TlsOptions {
            ca: self.cafile.clone().map(Pem::File),
            client_certificate: certificate.map(|(certificates, key)| ClientCertificate {
                certificates: Pem::File(certificates),
                key: Pem::File(key),
            }),
            alpn: self.alpn.clone(),
            server_name: self.server_name.clone(),
            dangerously_skip_verification: self.dangerously_skip_verification,
        }
    }
}
