use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, SignatureAlgorithm, date_time_ymd,
};

use super::*;

/// A directory of its own, gone with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("evenkeel-tls-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Files of a certificate and its key.
    pub(crate) fn pair(&self, name: &str, cert: &str, key: &str) -> CertificateFiles {
        let (cert, key) = (self.write(&format!("{name}.pem"), cert), self.write(&format!("{name}.key"), key));
        CertificateFiles { cert, key }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A self-signed certificate for `names`, and its key, both PEM.
pub(crate) fn made(names: &[&str], algorithm: &'static SignatureAlgorithm) -> (String, String) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.distinguished_name.push(DnType::CommonName, names[0].clone());
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn ecdsa(names: &[&str]) -> (String, String) {
    made(names, &PKCS_ECDSA_P256_SHA256)
}

fn problem(files: &CertificateFiles) -> String {
    Certificate::load(files).unwrap_err().of("listener web").to_string()
}

#[test]
fn says_what_a_certificate_is_for() {
    let folder = Folder::new("facts");
    let (cert, key) = ecdsa(&["A.example.com", "*.example.org", "192.0.2.7", "2001:db8::1"]);
    let loaded = Certificate::load(&folder.pair("a", &cert, &key)).unwrap();
    assert_eq!(loaded.facts.names, ["a.example.com", "*.example.org"]);
    let addresses: Vec<IpAddr> = vec!["192.0.2.7".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    assert_eq!(loaded.facts.addresses, addresses);
    assert!(loaded.facts.subject.contains("CN=A.example.com"), "{}", loaded.facts.subject);
    assert!(loaded.doubts.is_empty(), "{:?}", loaded.doubts);
}

#[test]
fn what_cannot_be_used_is_refused_with_its_reason_and_a_way_out() {
    let folder = Folder::new("refused");
    let ((cert, key), (_, other_key)) = (ecdsa(&["a.example"]), ecdsa(&["b.example"]));
    let pair = |name: &str, cert: &str, key: &str| problem(&folder.pair(name, cert, key));
    let mixed = pair("mixed", &cert, &other_key);
    assert!(mixed.starts_with("listener web: ") && mixed.contains("mixed.pem"), "{mixed}");
    assert!(mixed.contains("is not that of this certificate; give the key"), "{mixed}");
    let swapped = pair("swapped", &key, &cert);
    assert!(swapped.contains("has no certificate, only something else"), "{swapped}");
    let empty = pair("empty", "", &key);
    assert!(empty.contains("has no certificate; give a PEM file"), "{empty}");
    let keyless = pair("keyless", &cert, &cert);
    assert!(keyless.contains("keyless.key") && keyless.contains("has no private key"), "{keyless}");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = pair("locked", &cert, encrypted);
    assert!(locked.contains("the key is encrypted") && locked.contains("openssl pkey"), "{locked}");
    let cut = pair("cut", &cert[..cert.len() / 2], &key);
    assert!(cut.contains("cut.pem") && cut.contains("is damaged"), "{cut}");
    let der = rustls::pki_types::pem::PemObject::from_pem_slice(cert.as_bytes());
    let der: CertificateDer<'_> = der.unwrap();
    folder.write("der.key", &key);
    let der = CertificateFiles { cert: folder.write("der.pem", &der), key: folder.path().join("der.key") };
    assert!(problem(&der).contains("it is DER, not PEM; convert it"), "{}", problem(&der));
    let nowhere = CertificateFiles { cert: folder.path().join("nowhere.pem"), key: der.key };
    assert!(problem(&nowhere).contains("nowhere.pem: cannot be read"), "{}", problem(&nowhere));
}

#[test]
fn the_servers_own_certificate_comes_first() {
    let folder = Folder::new("order");
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "The CA");
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["a.example".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    let right = format!("{}{}", leaf.pem(), ca.pem());
    let loaded = Certificate::load(&folder.pair("right", &right, &key.serialize_pem())).unwrap();
    assert_eq!((loaded.key.cert.len(), loaded.doubts.len()), (2, 0), "{:?}", loaded.doubts);

    let wrong = format!("{}{}", ca.pem(), leaf.pem());
    let wrong = problem(&folder.pair("wrong", &wrong, &key.serialize_pem()));
    assert!(wrong.contains("belongs to certificate 2") && wrong.contains("certificate first"), "{wrong}");

    let stranger = ecdsa(&["stranger.example"]).0;
    let broken = format!("{}{stranger}{}", leaf.pem(), ca.pem());
    let loaded = Certificate::load(&folder.pair("broken", &broken, &key.serialize_pem())).unwrap();
    assert!(loaded.doubts[0].contains("was issued by CN=The CA"), "{:?}", loaded.doubts);
}

#[test]
fn time_is_looked_at() {
    let folder = Folder::new("time");
    let doubts = |name: &str, from: i32, to: i32| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        let cert = params.self_signed(&key).unwrap().pem();
        let loaded = Certificate::load(&folder.pair(name, &cert, &key.serialize_pem())).unwrap();
        (loaded.doubts.join("; "), loaded.facts.is_valid_at(SystemTime::now()))
    };
    let (expired, valid) = doubts("expired", 2001, 2002);
    assert!(expired.contains("expired for") && !valid, "{expired}");
    let (early, valid) = doubts("early", 4000, 4001);
    assert!(early.contains("not valid yet") && !valid, "{early}");
    assert_eq!(doubts("now", 2001, 4001), (String::new(), true));
}

/// Whatever its lifetime: with a fifth of it left it should have been renewed.
#[test]
fn an_end_that_is_near_is_told() {
    let folder = Folder::new("end");
    let (cert, key) = made(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let facts = Certificate::load(&folder.pair("a", &cert, &key)).unwrap().facts;
    let told = |days: i64, left_hours: i64| {
        let own = Facts { not_before: 0, not_after: days * 86_400, ..facts.clone() };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(((days * 24 - left_hours) * 3600) as u64);
        time_doubt(&own, now)
    };
    assert_eq!((told(90, 24 * 20), told(6, 30)), (None, None));
    assert!(told(90, 24 * 17).is_some_and(|doubt| doubt.contains("ends in 17 days")));
    assert!(told(6, 28).is_some_and(|doubt| doubt.contains("ends in 28 hours")));
}

#[test]
fn rsa_and_ecdsa_keys_are_taken() {
    let folder = Folder::new("kinds");
    for (name, algorithm) in [("rsa", &PKCS_RSA_SHA256), ("ecdsa", &PKCS_ECDSA_P256_SHA256)] {
        let (cert, key) = made(&["a.example"], algorithm);
        Certificate::load(&folder.pair(name, &cert, &key)).unwrap();
    }
}
