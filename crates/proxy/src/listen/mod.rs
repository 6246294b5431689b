//! Listeners: what is accepted, by whom, and under which bounds.

mod accept;
mod proxy_header;
mod serve;
mod socket;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use evenkeel_config::{AcceptProxy, ClientTimeouts, HttpsRedirect, IpRange, Limits, Protocol, UdpBounds};
use evenkeel_core::{NameTable, Rng, RouteTable};

use crate::http2::{Http2Bounds, Http2Counts};
use crate::l4::RelayCounts;
use crate::pool::PoolCell;
use crate::telemetry::AccessLog;
use crate::tls::{ServerTls, TlsCounts};
use crate::udp;

pub(crate) use accept::{Acceptor, Arrival, take_waiting};
pub(crate) use proxy_header::{Beginning, Beginnings};
pub(crate) use socket::bind;

/// How far the age of one connection may be from what is configured, so that those that were opened together do not all
/// come back together.
const AGE_JITTER: f64 = 0.1;

/// One listener for the life of its name.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) name: String,
    /// Written when a configuration is applied; a request reads it once.
    pub(crate) settings: ArcSwap<ListenerSettings>,
    pub(crate) counts: ListenerCounts,
    /// Of a listener for datagrams.
    pub(crate) udp: udp::Counts,
    /// No configuration names it any more: its connections are to end.
    pub(crate) retired: AtomicBool,
}

/// What a request needs to know of its listener.
#[derive(Debug)]
pub(crate) struct ListenerSettings {
    pub(crate) generation: u64,
    pub(crate) protocol: Protocol,
    /// Of layer 4: where everything goes that no name is routed for.
    pub(crate) pool: Option<Arc<PoolCell>>,
    pub(crate) routes: RouteTable<Arc<PoolCell>>,
    /// Routes of a listener that passes TLS through.
    pub(crate) names: NameTable<Arc<PoolCell>>,
    pub(crate) accept_proxy: Option<AcceptProxy>,
    pub(crate) limits: Limits,
    pub(crate) timeouts: ClientTimeouts,
    /// How long tunnels and connections of HTTP/2 may go on once the listener is gone from the configuration.
    pub(crate) drain: Duration,
    pub(crate) udp: UdpBounds,
    pub(crate) trusted_proxies: Vec<IpRange>,
    pub(crate) access_log: Option<Arc<AccessLog>>,
    /// Bounds of connections of HTTP/2; `None` when it is not spoken.
    pub(crate) http2: Option<Http2Bounds>,
    /// How old a connection of a client may become.
    pub(crate) connection_age: Option<Duration>,
    pub(crate) tls: Option<Arc<ServerTls>>,
    pub(crate) https_redirect: Option<HttpsRedirect>,
}

impl Listener {
    pub(crate) fn new(name: String, settings: ListenerSettings) -> Self {
        Self {
            name,
            settings: ArcSwap::from_pointee(settings),
            counts: ListenerCounts::default(),
            udp: udp::Counts::default(),
            retired: AtomicBool::new(false),
        }
    }
}

impl ListenerSettings {
    /// When a connection opened at `opened` is too old to be kept.
    pub(crate) fn retires(&self, opened: Instant, rng: &mut Rng) -> Option<Instant> {
        let factor = 1.0 + AGE_JITTER * (2.0 * rng.unit() - 1.0);
        Some(opened + self.connection_age?.mul_f64(factor))
    }

    /// Whether a peer's word about earlier hops is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|range| contains(range, peer.to_canonical()))
    }
}

/// What a listener has seen.
#[derive(Debug, Default)]
pub(crate) struct ListenerCounts {
    pub(crate) connections: AtomicU64,
    /// Connections open now.
    pub(crate) open: AtomicU64,
    /// Requests answered, by class of status: 1xx (101 only), 2xx, ... at index class - 1.
    pub(crate) responses: [AtomicU64; 5],
    /// Requests whose client left, or was cut, before the response ended.
    pub(crate) unfinished: AtomicU64,
    /// Failures of accept(2): out of files, mostly.
    pub(crate) accept_errors: AtomicU64,
    pub(crate) http2: Http2Counts,
    /// What connections began with, where PROXY headers are accepted.
    pub(crate) beginnings: Beginnings,
    /// Connections of layer 4.
    pub(crate) relays: RelayCounts,
    pub(crate) tls: TlsCounts,
}

impl ListenerCounts {
    pub(crate) fn answered(&self, status: u16) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.responses[class].fetch_add(1, Ordering::Relaxed);
    }
}

fn contains(range: &IpRange, address: IpAddr) -> bool {
    match (range.network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(range.prefix_len)).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(range.prefix_len)).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_addresses() {
        let holds = |network: &str, prefix_len, address: &str| {
            contains(&IpRange { network: network.parse().unwrap(), prefix_len }, address.parse().unwrap())
        };
        assert!(holds("10.0.0.0", 8, "10.255.0.1"));
        assert!(!holds("10.0.0.0", 8, "11.0.0.1"));
        assert!(holds("0.0.0.0", 0, "203.0.113.9"));
        assert!(holds("192.0.2.7", 32, "192.0.2.7"));
        assert!(!holds("192.0.2.7", 32, "192.0.2.6"));
        assert!(holds("2001:db8::", 32, "2001:db8:1::1"));
        assert!(!holds("2001:db8::", 32, "2001:db9::1"));
        assert!(holds("::", 0, "::1"));
        assert!(!holds("::", 0, "1.2.3.4"));
    }
}
