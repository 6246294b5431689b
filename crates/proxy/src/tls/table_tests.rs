use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};

use super::super::certificates::tests::{Folder, made};
use super::*;

const ECDSA: &[SignatureScheme] = &[SignatureScheme::ECDSA_NISTP256_SHA256];
const RSA: &[SignatureScheme] = &[SignatureScheme::RSA_PSS_SHA256];
const BOTH: &[SignatureScheme] = &[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::ECDSA_NISTP256_SHA256];

fn table(folder: &str, certificates: &[(&[&str], &'static rcgen::SignatureAlgorithm)]) -> Table {
    let folder = Folder::new(folder);
    let load = |(index, (names, algorithm)): (usize, &(&[&str], &'static rcgen::SignatureAlgorithm))| {
        let (cert, key) = made(names, algorithm);
        Certificate::load(&folder.pair(&index.to_string(), &cert, &key)).unwrap()
    };
    Table::new(certificates.iter().enumerate().map(load).collect())
}

/// Index of the certificate that is chosen.
fn chosen(table: &Table, asked: Option<&str>, schemes: &[SignatureScheme]) -> usize {
    let key = table.choose(asked, schemes).unwrap();
    table.all.iter().position(|one| Arc::ptr_eq(&one.key, &key)).unwrap()
}

fn names() -> Table {
    let kind = &PKCS_ECDSA_P256_SHA256;
    table(
        "names",
        &[
            (&["first.example", "other.example"], kind),
            (&["*.example.com"], kind),
            (&["own.example.com"], kind),
        ],
    )
}

#[test]
fn by_name_then_one_label_below_then_the_first() {
    let table = names();
    for (asked, expected) in [
        (Some("first.example"), 0),
        (Some("other.example"), 0),
        (Some("a.example.com"), 1),
        (Some("A.Example.COM"), 1),
        (Some("own.example.com"), 2),
        (Some("a.own.example.com"), 0),
        (Some("example.com"), 0),
        (Some("unknown.example"), 0),
        (None, 0),
    ] {
        assert_eq!(chosen(&table, asked, BOTH), expected, "{asked:?}");
    }
}

#[test]
fn the_cheaper_key_for_whoever_can_check_it() {
    let rsa_first =
        table("kinds", &[(&["a.example"], &PKCS_RSA_SHA256), (&["a.example"], &PKCS_ECDSA_P256_SHA256)]);
    for asked in [Some("a.example"), Some("unknown.example"), None] {
        assert_eq!(chosen(&rsa_first, asked, BOTH), 1, "{asked:?}");
        assert_eq!(chosen(&rsa_first, asked, ECDSA), 1, "{asked:?}");
        assert_eq!(chosen(&rsa_first, asked, RSA), 0, "{asked:?}");
    }
    assert_eq!(chosen(&names(), Some("a.example.com"), RSA), 1, "there is no other");
}

#[test]
fn requests_for_somebody_else_are_known() {
    let table = names();
    for (asked, host, misdirected) in [
        ("first.example", "first.example", false),
        ("first.example", "FIRST.example.", false),
        ("first.example", "other.example", false),
        ("first.example", "a.example.com", true),
        ("first.example", "unknown.example", true),
        ("a.example.com", "b.example.com", false),
        // Covered by the wildcard, but another certificate is presented for it.
        ("a.example.com", "own.example.com", true),
        ("own.example.com", "a.example.com", true),
        // Nobody here is who was asked for: the first answers for itself.
        ("unknown.example", "unknown.example", false),
        ("unknown.example", "first.example", false),
        ("unknown.example", "nobody.example", true),
        ("first.example", "192.0.2.1", true),
    ] {
        assert_eq!(table.is_misdirected(asked, host), misdirected, "{asked} {host}");
    }
}

#[test]
fn a_name_is_covered_by_itself_or_by_its_parent() {
    let table = names();
    for (host, covered) in [
        ("first.example", true),
        ("x.example.com", true),
        ("own.example.com", true),
        ("example.com", false),
        ("x.y.example.com", false),
        ("elsewhere.example", false),
        ("10.0.0.1", false),
    ] {
        assert_eq!(table.covers(host), covered, "{host}");
    }
}
