//! Figures of listeners for datagrams, and of the pools behind them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use evenkeel_config::Protocol;

use super::{Seen, per_backend};
use crate::listen::Listener;
use crate::proxy::View;
use crate::telemetry::{Page, catalog};
use crate::udp::{Counts, Dropped, End, Lost};

/// Sessions open now, on all listeners.
pub(super) fn sessions(view: &View) -> u64 {
    relaying(view).map(|listener| listener.udp.open.load(Ordering::Relaxed)).sum()
}

/// What became of sessions and datagrams. Nothing where no listener is for datagrams.
pub(super) fn datagrams(page: &mut Page, view: &View, seen: &[Seen<'_>]) {
    let one = |value: fn(&Counts) -> u64| {
        relaying(view).map(move |listener| ([listener.name.clone()], value(&listener.udp) as f64))
    };
    page.family(&catalog::UDP_SESSIONS, one(|counts| counts.begun.load(Ordering::Relaxed)));
    page.family(&catalog::UDP_SESSIONS_OPEN, one(|counts| counts.open.load(Ordering::Relaxed)));
    page.family(&catalog::UDP_ENDED, each(view, End::ALL, End::as_str, Counts::ended));
    page.family(&catalog::UDP_LOST, each(view, Lost::ALL, Lost::as_str, Counts::lost));
    page.family(&catalog::UDP_DROPPED, each(view, Dropped::ALL, Dropped::as_str, Counts::dropped));
    let listeners = view.config.listeners.iter().filter(|listener| listener.protocol == Protocol::Udp);
    let behind: HashSet<_> = listeners.filter_map(|listener| listener.pool.as_ref()).collect();
    let pools = seen.iter().filter(|pool| behind.contains(&pool.cell.id));
    page.family(
        &catalog::DATAGRAMS,
        pools.flat_map(|pool| {
            let directions = &[(true, "sent"), (false, "received")];
            per_backend(std::slice::from_ref(pool), directions, |pool, index, sent| {
                let load = &pool.snapshot.members()[index].member.load;
                (if sent { load.datagrams_sent() } else { load.datagrams_received() }) as f64
            })
        }),
    );
}

fn relaying(view: &View) -> impl Iterator<Item = &Arc<Listener>> {
    let all = view.config.listeners.iter().zip(&view.listeners);
    all.filter(|(listener, _)| listener.protocol == Protocol::Udp).map(|(_, (listener, _))| listener)
}

/// A sample for every listener and every one of `all`.
fn each<T: Copy + 'static, const N: usize>(
    view: &View,
    all: [T; N],
    name: fn(T) -> &'static str,
    value: fn(&Counts, T) -> u64,
) -> impl Iterator<Item = ([String; 2], f64)> {
    relaying(view).flat_map(move |listener| {
        all.map(|key| ([listener.name.clone(), name(key).to_owned()], value(&listener.udp, key) as f64))
    })
}
