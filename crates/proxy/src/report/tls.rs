//! Handshakes and certificates.

use std::path::Path;
use std::time::SystemTime;

use crate::proxy::View;
use crate::status::CertificateStatus;
use crate::telemetry::{Page, catalog};

/// Certificates in use, those of listeners first, and what is wrong with their files.
pub(super) fn certificates(view: &View) -> Vec<CertificateStatus> {
    let now = SystemTime::now();
    let mut all = Vec::new();
    for (name, server) in &view.tls.servers {
        for one in server.get().table.certificates() {
            let status = CertificateStatus {
                listener: Some(name.clone()),
                pool: None,
                file: shown(&one.file),
                subject: one.facts.subject.clone(),
                names: one.facts.names.clone(),
                not_after: one.facts.not_after,
                seconds_left: one.facts.seconds_left(now),
                error: server.live().error(),
            };
            all.push(status);
        }
    }
    for pool in &view.config.pools {
        let Some(client) = view.tls.client(&pool.id) else { continue };
        let loaded = client.live().get();
        all.extend(loaded.identity.iter().map(|one| CertificateStatus {
            listener: None,
            pool: Some(pool.id.as_str().to_owned()),
            file: shown(&one.file),
            subject: one.facts.subject.clone(),
            names: one.facts.names.clone(),
            not_after: one.facts.not_after,
            seconds_left: one.facts.seconds_left(now),
            error: client.live().error(),
        }));
    }
    all
}

pub(super) fn tls(page: &mut Page, view: &View) {
    let listeners = || view.listeners.iter().filter(|(listener, _)| listener.settings.load().tls.is_some());
    page.family(
        &catalog::TLS_HANDSHAKES,
        listeners().flat_map(|(listener, _)| {
            listener.counts.tls.handshakes().map(|(version, kind, count)| {
                ([listener.name.clone(), version.to_owned(), kind.to_owned()], count as f64)
            })
        }),
    );
    page.family(
        &catalog::TLS_FAILURES,
        listeners().flat_map(|(listener, _)| {
            let failures = listener.counts.tls.failures();
            failures.map(|(reason, count)| ([listener.name.clone(), reason.to_owned()], count as f64))
        }),
    );
    let of = |one: CertificateStatus| {
        let labels = [one.listener.unwrap_or_default(), one.pool.unwrap_or_default(), one.file];
        (labels, one.not_after as f64)
    };
    page.family(&catalog::CERTIFICATE_END, certificates(view).into_iter().map(of));
    page.family(&catalog::CERTIFICATE_LOADS, loads(view));
}

fn loads(view: &View) -> Vec<([String; 3], f64)> {
    let servers =
        view.tls.servers.iter().map(|(name, server)| (name.clone(), String::new(), server.live().counts()));
    let clients = view.config.pools.iter().filter_map(|pool| {
        let client = view.tls.client(&pool.id)?;
        Some((String::new(), pool.id.as_str().to_owned(), client.live().counts()))
    });
    let results = |(listener, pool, (loaded, refused)): (String, String, (u64, u64))| {
        [("loaded", loaded), ("refused", refused)]
            .map(|(result, count)| ([listener.clone(), pool.clone(), result.to_owned()], count as f64))
    };
    servers.chain(clients).flat_map(results).collect()
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
