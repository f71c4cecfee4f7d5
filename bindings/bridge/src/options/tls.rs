//! How TLS connections are made and verified, by name.

use polymqtt::{ClientCertificate, Pem, TlsOptions};

use super::error::OptionError;
use super::table::{Entry, Set, entry};

pub(super) const TABLE: &[Entry<TlsParts>] = &[
    entry(
        "tls.ca",
        Set::Pem(|tls, ca| tls.with(|options| options.ca = Some(ca))),
        "The certificate authorities to trust; by default the system's.",
    ),
    entry(
        "tls.client_certificate",
        Set::Pem(|tls, certificates| TlsParts { certificates: Some(certificates), ..tls }),
        "The certificate chain by which this client shows who it is; by default none.",
    ),
    entry(
        "tls.client_key",
        Set::Pem(|tls, key| TlsParts { key: Some(key), ..tls }),
        "The private key of the client certificate: PKCS #8, PKCS #1 or SEC 1; by default none.",
    ),
    entry(
        "tls.alpn",
        Set::Texts(|tls, alpn| tls.with(|options| options.alpn = alpn)),
        "Protocols to offer by ALPN, such as `mqtt`; by default none.",
    ),
    entry(
        "tls.server_name",
        Set::Text(|tls, name| tls.with(|options| options.server_name = Some(name))),
        "The name to expect in the server's certificate; by default the URL's host.",
    ),
    entry(
        "tls.dangerously_skip_verification",
        Set::Flag(|tls, skip| tls.with(|options| options.dangerously_skip_verification = skip)),
        "Accept any certificate of any server, so that whoever is on the path can read and change everything; by default \
         not.",
    ),
];

/// As given.
#[derive(Default)]
pub(super) struct TlsParts {
    options: TlsOptions,
    certificates: Option<Pem>,
    key: Option<Pem>,
}

impl TlsParts {
    fn with(mut self, set: impl FnOnce(&mut TlsOptions)) -> Self {
        set(&mut self.options);
        self
    }

    pub(super) fn together(self) -> Result<TlsOptions, OptionError> {
        let client_certificate = match (self.certificates, self.key) {
            (Some(certificates), Some(key)) => Some(ClientCertificate { certificates, key }),
            (None, None) => None,
            _ => {
                return Err(OptionError::invalid(
                    "tls.client_certificate and tls.client_key are of use only together",
                ));
            }
        };
        Ok(TlsOptions { client_certificate, ..self.options })
    }
}
