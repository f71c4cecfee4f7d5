//! Certificates made for one test.

use std::fs;
use std::path::PathBuf;

use polymqtt::{ClientCertificate, Pem};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// An authority, and what it has signed: a server called `localhost` and a client. All are files.
#[derive(Debug)]
pub struct Certificates(TempDir);

impl Default for Certificates {
    fn default() -> Self {
        Self::new("localhost")
    }
}

impl Certificates {
    /// An authority that has signed a server of this name.
    #[must_use]
    pub fn new(server: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut authority = CertificateParams::new([]).expect("no names are valid names");
        // By the same name as theirs, OpenSSL would take the certificates for self-signed ones.
        authority.distinguished_name.push(DnType::CommonName, "authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key).expect("an authority");
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("writable");
        write("ca.pem", authority.pem());
        for (file, name) in [("server", server), ("client", "client")] {
            let key = KeyPair::generate().expect("a key");
            let parameters = CertificateParams::new([name.to_owned()]).expect("a valid name");
            let certificate = parameters.signed_by(&key, &authority).expect("signed");
            write(&format!("{file}.pem"), certificate.pem());
            write(&format!("{file}.key"), key.serialize_pem());
        }
        Self(folder)
    }

    /// The path of `ca.pem`, `server.pem`, `server.key`, `client.pem` or `client.key`.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as text.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the file is there")
    }

    /// What the client shows, by file.
    #[must_use]
    pub fn client(&self) -> ClientCertificate {
        let file = |name| Pem::File(self.path(name));
        ClientCertificate { certificates: file("client.pem"), key: file("client.key") }
    }

    /// Lines of mosquitto's configuration for a listener with TLS.
    #[must_use]
    pub fn mosquitto(&self, require_client: bool) -> String {
        let path = |name| self.path(name).display().to_string();
        let (ca, cert, key) = (path("ca.pem"), path("server.pem"), path("server.key"));
        format!("cafile {ca}\ncertfile {cert}\nkeyfile {key}\nrequire_certificate {require_client}\n")
    }
}
