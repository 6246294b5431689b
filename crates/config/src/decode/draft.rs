//! A file as read: values with the places they came from, not yet compared with each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{Intent, Ratio, StrategyKind, StrategySettings, Weight};

use super::expect::ExpectDraft;
use super::notify::NotifyDraft;
use super::route_test::RouteTestDraft;
pub(crate) use super::shaping::ShapingDraft;
use super::written::Written;
use crate::model::{
    AcceptProxy, Admin, Allow, BackendAddress, ClientTimeouts, Events, HashKey, Health, HostMatch, Http2,
    HttpsRedirect, IpRange, Limits, LoadProbe, Log, Passive, Protocol, ProxyVersion, Queue, Runtime,
    ServerTls, Sticky, UdpBounds, UpstreamKeepAlive, UpstreamProtocol, UpstreamTimeouts, UpstreamTls,
};
use crate::span::At;

/// A whole file.
pub(crate) struct Draft {
    /// Whether the file has `listener` at all, readable or not.
    pub(crate) names_listeners: bool,
    /// Whether the file has `pool` at all, readable or not.
    pub(crate) names_pools: bool,
    /// Whether `route`, if the file has it, is a list of tables.
    pub(crate) routes_whole: bool,
    pub(crate) admin: Option<At<Admin>>,
    pub(crate) runtime: Runtime,
    pub(crate) log: Log,
    pub(crate) events: Events,
    pub(crate) notify: Vec<NotifyDraft>,
    pub(crate) listeners: Vec<ListenerDraft>,
    pub(crate) routes: Vec<RouteDraft>,
    pub(crate) pools: Vec<PoolDraft>,
    pub(crate) route_tests: Vec<RouteTestDraft>,
    pub(crate) allow: Vec<Allow>,
}

/// `[listener.NAME]`
pub(crate) struct ListenerDraft {
    pub(crate) name: At<String>,
    pub(crate) bind: Option<At<SocketAddr>>,
    /// `None` where it is named and could not be read.
    pub(crate) protocol: Option<At<Protocol>>,
    pub(crate) pool: Option<At<String>>,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) http2: Option<Http2>,
    pub(crate) accept_proxy: Option<AcceptProxy>,
    pub(crate) https_redirect: Option<HttpsRedirect>,
    pub(crate) udp: UdpBounds,
    pub(crate) connection_age: Option<Duration>,
    pub(crate) trusted_proxies: Vec<IpRange>,
    pub(crate) limits: Limits,
    pub(crate) timeouts: ClientTimeouts,
    /// Where its keys stand.
    pub(crate) written: Written,
    pub(crate) allow: Vec<Allow>,
    /// Whether everything in it could be read.
    pub(crate) whole: bool,
}

/// `[[route]]`
pub(crate) struct RouteDraft {
    pub(crate) span: Range<usize>,
    pub(crate) listener: Option<At<String>>,
    /// At least one.
    pub(crate) hosts: Vec<At<HostMatch>>,
    pub(crate) path: At<String>,
    pub(crate) alpn: Option<At<String>>,
    pub(crate) pool: Option<At<String>>,
    pub(crate) allow: Vec<Allow>,
    /// Whether everything in it could be read.
    pub(crate) whole: bool,
}

/// `[pool.NAME]`
pub(crate) struct PoolDraft {
    pub(crate) name: At<String>,
    pub(crate) strategy: StrategyKind,
    pub(crate) settings: StrategySettings,
    pub(crate) hash: Option<At<HashKey>>,
    pub(crate) show_keys: bool,
    pub(crate) shaping: ShapingDraft,
    pub(crate) sticky: Option<At<Sticky>>,
    pub(crate) queue: At<Queue>,
    pub(crate) probe: Option<At<LoadProbe>>,
    pub(crate) intent: Option<Intent>,
    pub(crate) backends: At<Vec<BackendDraft>>,
    pub(crate) protocol: UpstreamProtocol,
    pub(crate) tls: Option<At<UpstreamTls>>,
    pub(crate) send_proxy: Option<At<ProxyVersion>>,
    pub(crate) streams_max: u32,
    pub(crate) upgrade: bool,
    /// Keys that say something other than their default and are for requests alone.
    pub(crate) for_requests: Vec<At<&'static str>>,
    pub(crate) health: HealthDraft,
    pub(crate) passive: Option<Passive>,
    pub(crate) panic_threshold: Ratio,
    pub(crate) timeouts: UpstreamTimeouts,
    pub(crate) keep_alive: UpstreamKeepAlive,
    pub(crate) max_attempts: u32,
    /// Where its keys stand.
    pub(crate) written: Written,
    pub(crate) expect: Option<ExpectDraft>,
    pub(crate) allow: Vec<Allow>,
    /// Whether its intent and all of its backends could be read.
    pub(crate) whole: bool,
}

/// One entry of `backends`.
pub(crate) struct BackendDraft {
    /// The name, or the address as written.
    pub(crate) id: At<String>,
    pub(crate) address: Option<At<BackendAddress>>,
    pub(crate) weight: At<Weight>,
    pub(crate) capacity: Option<f64>,
    pub(crate) enabled: At<bool>,
    pub(crate) tier: At<u8>,
    pub(crate) zone: Option<At<Arc<str>>>,
    pub(crate) max_in_flight: Option<At<NonZeroU32>>,
    pub(crate) drain: At<bool>,
    pub(crate) allow: Vec<Allow>,
}

/// `health`
pub(crate) enum HealthDraft {
    /// Not a word about it.
    Silent,
    /// `health = false`
    Off,
    /// On, or meant to be.
    On(At<Health>),
}

impl BackendDraft {
    /// Whether requests without a session may go there.
    pub(crate) fn is_open(&self) -> bool {
        self.enabled.value && !self.drain.value
    }
}

impl PoolDraft {
    /// The backends that requests without a session may go to, in file order.
    pub(crate) fn open(&self) -> impl Iterator<Item = &BackendDraft> {
        self.backends.value.iter().filter(|backend| backend.is_open())
    }

    /// How many of them each tier has.
    pub(crate) fn open_by_tier(&self) -> BTreeMap<u8, usize> {
        let mut tiers = BTreeMap::new();
        self.open().for_each(|backend| *tiers.entry(backend.tier.value).or_default() += 1);
        tiers
    }

    /// How many of them this instance uses: of each tier as many as its subset has, if there is one.
    pub(crate) fn used(&self) -> usize {
        let size = self.shaping.subset.as_ref().and_then(|size| usize::try_from(size.value.get()).ok());
        self.open_by_tier().into_values().map(|open| open.min(size.unwrap_or(usize::MAX))).sum()
    }

    /// What the operator means: as said, or by capacity where any is declared.
    pub(crate) fn intent(&self) -> Intent {
        let declared = self.backends.value.iter().any(|backend| backend.capacity.is_some());
        self.intent.unwrap_or(if declared { Intent::Capacity } else { Intent::Equal })
    }
}
