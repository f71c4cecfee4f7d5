//! TLS, with certificates made for the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::brokers::Broker;
use crate::process::{POLYMQTT, Running, run};

/// An authority and what it has signed, as files.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    fn new() -> Self {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        for (name, host) in [("server", "localhost"), ("client", "client")] {
            let key = KeyPair::generate().unwrap();
            let certificate =
                CertificateParams::new([host.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
            fs::write(folder.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self { folder }
    }

    fn file(&self, name: &str) -> String {
        path_text(&self.folder.path().join(name))
    }

    fn broker(&self, more: &[&str]) -> Broker {
        let (cert, key) = (self.file("server.pem"), self.file("server.key"));
        Broker::embedded(&[&["-p", "0", "--tls-port", "0", "--cert", &cert, "--key", &key], more].concat())
    }
}

fn path_text(path: &Path) -> String {
    PathBuf::from(path).into_os_string().into_string().unwrap()
}

fn port(url: &str) -> &str {
    url.rsplit(':').next().unwrap()
}

#[test]
fn a_private_authority() {
    let certificates = Certificates::new();
    let broker = certificates.broker(&[]);
    let (ca, tls) = (certificates.file("ca.pem"), broker.tls_url.clone().unwrap());
    let there = ["-h", "localhost", "-p", port(&tls), "--cafile", &ca];
    let subscriber =
        Running::subscriber(&broker.url, &[&["-t", "a", "-C", "1", "-q", "1"], &there[..]].concat());
    assert_eq!(
        run(&broker.url, &[&["pub", "-t", "a", "-m", "private", "-q", "1"], &there[..]].concat()).code,
        0
    );
    assert_eq!(subscriber.end().output(), "private\n");
}

#[test]
fn the_systems_authorities_are_trusted() {
    let certificates = Certificates::new();
    let broker = certificates.broker(&[]);
    let tls = broker.tls_url.clone().unwrap();
    let publish = |system: &str| {
        let mut command = Command::new(POLYMQTT);
        // In place of the system's own file.
        command.env("SSL_CERT_FILE", system).env_remove("SSL_CERT_DIR");
        command.args(["pub", "-t", "a", "-m", "x", "-q", "1", "-W", "30", "-L"]);
        command.arg(format!("mqtts://localhost:{}", port(&tls)));
        Running::of(command).end()
    };
    let ended = publish(&certificates.file("ca.pem"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let others = Certificates::new();
    assert_eq!(publish(&others.file("ca.pem")).code, 2);
}

#[test]
fn a_certificate_that_is_not_trusted_is_refused() {
    let certificates = Certificates::new();
    let broker = certificates.broker(&[]);
    let tls = broker.tls_url.clone().unwrap();
    // Kept to the end: the folder goes with it.
    let others = Certificates::new();
    let other = others.file("ca.pem");
    let ca = certificates.file("ca.pem");
    let publish = |more: &[&str]| {
        let there = ["pub", "-t", "a", "-m", "x", "-p", port(&tls), "-W", "30"];
        run(&broker.url, &[&there[..], more].concat())
    };
    let ended = publish(&["-h", "localhost", "--cafile", &other]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let ended = publish(&["-h", "127.0.0.1", "--cafile", &ca]);
    assert_eq!(ended.code, 2, "a name that is not in the certificate: {}", ended.stderr);
    assert_eq!(publish(&["-h", "127.0.0.1", "--cafile", &ca, "--server-name", "localhost"]).code, 0);
    assert_eq!(publish(&["-h", "127.0.0.1", "--dangerously-skip-verification"]).code, 0);
}

#[test]
fn a_broker_that_asks_for_a_certificate() {
    let certificates = Certificates::new();
    let ca = certificates.file("ca.pem");
    let broker = certificates.broker(&["--cafile", &ca]);
    let tls = broker.tls_url.clone().unwrap();
    let (cert, key) = (certificates.file("client.pem"), certificates.file("client.key"));
    let publish = |more: &[&str]| {
        let there =
            ["pub", "-t", "a", "-m", "x", "-q", "1", "-h", "localhost", "-p", port(&tls), "--cafile", &ca];
        run(&broker.url, &[&there[..], more].concat())
    };
    let ended = publish(&["--cert", &cert, "--key", &key]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = publish(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}
