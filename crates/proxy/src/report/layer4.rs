//! What is counted of connections below HTTP.

use std::sync::atomic::Ordering;

use evenkeel_config::Protocol;

use crate::l4::ENDINGS;
use crate::listen::{Beginning, Listener};
use crate::proxy::View;
use crate::telemetry::{Page, catalog};

/// Adds the families; each listener has those that it can count.
pub(super) fn connections(page: &mut Page, view: &View) {
    let of = |accept: fn(&Listener) -> bool| {
        let listeners = view.listeners.iter().map(|(listener, _)| listener);
        listeners.filter(move |listener| accept(listener))
    };
    page.family(
        &catalog::RELAYS,
        of(is_layer4).flat_map(|listener| {
            (0..ENDINGS.len()).map(|index| {
                let labels = [listener.name.clone(), ENDINGS[index].to_owned()];
                (labels, listener.counts.relays.ended(index) as f64)
            })
        }),
    );
    let is_passthrough = |listener: &Listener| listener.settings.load().protocol == Protocol::TlsPassthrough;
    page.family(
        &catalog::NAMELESS,
        of(is_passthrough).map(|listener| {
            ([listener.name.clone()], listener.counts.relays.nameless.load(Ordering::Relaxed) as f64)
        }),
    );
    page.family(
        &catalog::PROXY_HEADERS,
        of(|listener| listener.settings.load().accept_proxy.is_some()).flat_map(|listener| {
            Beginning::ALL.into_iter().map(|beginning| {
                let labels = [listener.name.clone(), beginning.as_str().to_owned()];
                (labels, listener.counts.beginnings.get(beginning) as f64)
            })
        }),
    );
}

fn is_layer4(listener: &Listener) -> bool {
    matches!(listener.settings.load().protocol, Protocol::Tcp | Protocol::TlsPassthrough)
}
