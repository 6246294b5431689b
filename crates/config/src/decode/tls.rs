//! `tls` of a listener and of a pool.

use std::ops::Range;
use std::path::PathBuf;

use toml::de::DeValue;

use super::convert;
use super::reader::{Reader, Value};
use crate::diagnostic::Diagnostic;
use crate::keys::Kind;
use crate::model::{CertificateFiles, ClientAuth, ServerTls, TlsVersion, UpstreamTls};
use crate::span::At;
use crate::values;

pub(super) fn server(listener: &mut Reader<'_>) -> Option<ServerTls> {
    let value = listener.take("tls")?;
    if !matches!(value.de, DeValue::Table(_)) {
        listener.cx.report(convert::wrong_type(&value));
        return None;
    }
    let mut table = listener.table_or("tls", Some(value));
    let certificates = certificates(&mut table);
    let min_version = match table.choice("min_version").value {
        "1.3" => TlsVersion::V13,
        _ => TlsVersion::V12,
    };
    let client_auth = client_auth(&mut table);
    let tickets = table.flag("tickets").value;
    Some(ServerTls { certificates, min_version, client_auth, tickets })
}

/// `None` when backends are spoken to in clear text, or when it cannot be said how.
pub(super) fn upstream(pool: &mut Reader<'_>) -> Option<At<UpstreamTls>> {
    let value = pool.take("tls")?;
    let span = value.span.clone();
    if convert::is_off(&value) {
        return None;
    }
    let before = pool.cx.errors();
    // `true` is short for a table of nothing but defaults.
    let given = (value.de.as_bool() != Some(true)).then_some(value);
    let mut table = pool.table_or("tls", given);
    let ca = file(&mut table, "ca");
    let server_name = table.read("server_name", convert::parsed("bad-host", values::server_name));
    let verify = table.flag("verify");
    if !verify.value {
        table.cx.report(unverified(&verify));
    }
    if let Some(ca) = ca.as_ref().filter(|_| !verify.value) {
        table.cx.report(unused_ca(ca, &verify));
    }
    let tls = UpstreamTls {
        ca: ca.map(|ca| ca.value),
        server_name: server_name.map(|name| name.value),
        verify: verify.value,
        identity: identity(&mut table),
    };
    (table.cx.errors() == before).then(|| At::new(tls, span))
}

fn certificates(table: &mut Reader<'_>) -> Vec<CertificateFiles> {
    let Some(value) = table.take("certificates") else { return Vec::new() };
    let DeValue::Array(items) = value.de else {
        table.cx.report(convert::wrong_type(&value));
        return Vec::new();
    };
    if items.is_empty() {
        let empty =
            Diagnostic::error("empty-list", value.span.clone(), format!("`{}` is an empty list", value.path))
                .label("no certificate")
                .effect("no handshake could succeed, so all clients of this listener would be refused")
                .help("name one: certificates = [{ cert = \"web.pem\", key = \"web.key\" }]");
        table.cx.report(empty);
    }
    value.items().filter_map(|item| certificate(table, item)).collect()
}

fn certificate(tls: &Reader<'_>, item: Value<'_>) -> Option<CertificateFiles> {
    let DeValue::Table(_) = item.de else {
        tls.cx.report(convert::wrong_type(&item));
        return None;
    };
    let section = item.kinds.iter().find_map(Kind::section)?;
    let mut table = tls.below(section, "certificates", Some(item));
    let (cert, key) = (file(&mut table, "cert"), file(&mut table, "key"));
    Some(CertificateFiles { cert: cert?.value, key: key?.value })
}

fn client_auth(tls: &mut Reader<'_>) -> Option<ClientAuth> {
    let value = tls.take("client_auth")?;
    if !matches!(value.de, DeValue::Table(_)) {
        tls.cx.report(convert::wrong_type(&value));
        return None;
    }
    let mut table = tls.table_or("client_auth", Some(value));
    let ca = file(&mut table, "ca");
    let required = table.choice("mode").value == "required";
    Some(ClientAuth { ca: ca?.value, required })
}

/// What this process shows to backends: a certificate with its key, or neither.
fn identity(table: &mut Reader<'_>) -> Option<CertificateFiles> {
    let (cert, key) = (file(table, "cert"), file(table, "key"));
    for (there, missing) in [("cert", "key"), ("key", "cert")] {
        if let Some(span) = table.key_span(there).filter(|_| table.lacks(missing)) {
            table.cx.report(half(there, missing, span));
        }
    }
    Some(CertificateFiles { cert: cert?.value, key: key?.value })
}

/// The name of a file; a relative one is joined to the folder of the configuration file.
fn file(table: &mut Reader<'_>, name: &'static str) -> Option<At<PathBuf>> {
    let given = table.read(name, convert::parsed("bad-path", values::pem_file))?;
    Some(given.map(|name| table.cx.folder().join(name)))
}

fn unverified(verify: &At<bool>) -> Diagnostic {
    let message = "certificates of backends are not looked at";
    Diagnostic::warning("unverified-tls", verify.span.clone(), message)
        .label("any certificate will do")
        .effect("whoever answers at a backend's address gets its requests, and can read and change them")
        .help("take `verify` out, and name the authority of your own with `ca = \"internal-ca.pem\"`")
}

fn unused_ca(ca: &At<PathBuf>, verify: &At<bool>) -> Diagnostic {
    Diagnostic::error("contradiction", ca.span.clone(), "`ca` has no effect with `verify = false`")
        .label("never compared with")
        .related(verify.span.clone(), "any certificate will do")
        .effect("backends with a certificate of anybody's would be believed")
        .help("take `verify = false` out: `ca` is what makes certificates of your own valid")
}

fn half(there: &str, missing: &str, span: Range<usize>) -> Diagnostic {
    Diagnostic::error("missing-key", span, format!("`{there}` without `{missing}` proves nothing"))
        .label(format!("needs `{missing}`"))
        .effect("backends that ask for a certificate would refuse every connection")
        .help(format!("add `{missing} = \"balancer.{}\"`", if missing == "key" { "key" } else { "pem" }))
}
