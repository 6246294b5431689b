//! Certificates made by openssl.

use std::path::{Path, PathBuf};
use std::process::Command;

use evenkeel_testkit::TempDir;

/// A CA with a directory for what it issues.
pub(super) struct Authority {
    directory: TempDir,
}

/// Files of a certificate and its key.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

const ECDSA: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
/// How long certificates last, unless a test is about that.
const DAYS: u32 = 90;
const RSA: &[&str] = &["-newkey", "rsa:2048"];

impl Authority {
    pub(super) fn new() -> Self {
        let own = Self { directory: TempDir::new("ca") };
        let extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"];
        own.request(ECDSA, "ca", "/CN=Test CA", &extensions, &["-days", "90"]);
        own
    }

    /// Its own certificate.
    pub(super) fn file(&self) -> PathBuf {
        self.path().join("ca.pem")
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A certificate for these names (`DNS:a.example,IP:127.0.0.1`) with an ECDSA key.
    pub(super) fn issue(&self, file: &str, names: &str) -> Pair {
        self.issue_for_days(file, names, DAYS)
    }

    /// One that ends after so many days.
    pub(super) fn issue_for_days(&self, file: &str, names: &str, days: u32) -> Pair {
        self.issue_to(ECDSA, file, &format!("/CN={file}"), names, days)
    }

    /// With an RSA key.
    pub(super) fn issue_rsa(&self, file: &str, names: &str) -> Pair {
        self.issue_to(RSA, file, &format!("/CN={file}"), names, DAYS)
    }

    /// One for a client with this subject, as openssl writes it.
    pub(super) fn issue_client(&self, file: &str, subject: &str) -> Pair {
        self.issue_to(ECDSA, file, subject, "DNS:client.example", DAYS)
    }

    fn issue_to(&self, key: &[&str], file: &str, subject: &str, names: &str, days: u32) -> Pair {
        let names = format!("subjectAltName={names}");
        let (ca, ca_key) = (self.file(), self.path().join("ca.key"));
        let days = days.to_string();
        let by_us = ["-days", &days, "-CA", text(&ca), "-CAkey", text(&ca_key)];
        self.request(key, file, subject, &[&names, "basicConstraints=critical,CA:FALSE"], &by_us)
    }

    fn request(&self, key: &[&str], file: &str, subject: &str, extensions: &[&str], more: &[&str]) -> Pair {
        let pair = Pair {
            cert: self.path().join(format!("{file}.pem")),
            key: self.path().join(format!("{file}.key")),
        };
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-utf8", "-subj", subject]);
        command.args(key).args(more);
        extensions.iter().for_each(|extension| {
            command.args(["-addext", extension]);
        });
        let made = command.args(["-keyout", text(&pair.key), "-out", text(&pair.cert)]).output();
        let made = made.expect("openssl runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        pair
    }
}

impl Pair {
    /// As it stands in `certificates = [...]`.
    pub(super) fn entry(&self) -> String {
        format!("{{ cert = \"{}\", key = \"{}\" }}", self.cert.display(), self.key.display())
    }

    /// Puts the files of `other` in place of its own, each whole or not at all.
    pub(super) fn become_like(&self, other: &Self) {
        for (own, new) in [(&self.cert, &other.cert), (&self.key, &other.key)] {
            let fresh = own.with_extension("new");
            std::fs::copy(new, &fresh)
                .and_then(|_| std::fs::rename(&fresh, own))
                .expect("files are replaced");
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this test is UTF-8")
}
