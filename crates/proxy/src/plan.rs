//! Translates a configuration into what the data path and the keepers run on.

use std::collections::HashMap;
use std::sync::Arc;

use evenkeel_config::{Backend, BackendAddress, Config, Listener as ListenerConfig, Pool, UpstreamProtocol};
use evenkeel_core::{NameTable, PoolId, RouteTable};

use crate::http2::Http2Bounds;
use crate::listen::ListenerSettings;
use crate::pool::{Name, PoolCell, PoolSettings, Sticky, Target};
use crate::telemetry::AccessLog;
use crate::tls::TlsPlan;
use crate::upstream::Keep;

/// What a pool's keeper is to bring about.
pub(crate) fn target(pool: &Pool, tls: &TlsPlan) -> Target {
    let name = |backend: &Backend| match &backend.address {
        BackendAddress::Socket(_) => None,
        BackendAddress::Name { host, port } => {
            Some(Name { id: backend.id.clone(), host: host.clone(), port: *port })
        }
    };
    Target {
        spec: pool.spec(),
        settings: pool_settings(pool, tls),
        health: pool.health.clone(),
        probe: pool.probe.clone(),
        names: pool.backends.iter().filter_map(name).collect(),
    }
}

/// What the data path needs to know of a pool.
fn pool_settings(pool: &Pool, tls: &TlsPlan) -> PoolSettings {
    PoolSettings {
        connect_timeout: pool.timeouts.connect,
        response_header_timeout: pool.timeouts.response_header,
        response_idle_timeout: pool.timeouts.response_idle,
        total_timeout: pool.timeouts.total,
        keep: Keep {
            idle_max: pool.keep_alive.idle_max,
            idle_timeout: pool.keep_alive.idle_timeout,
            max_age: pool.keep_alive.max_age,
        },
        max_attempts: pool.max_attempts,
        hash: pool.hash.clone(),
        show_keys: pool.show_keys,
        sticky: pool.sticky.as_ref().map(Sticky::new),
        queue: pool.queue.clone(),
        streams_max: (pool.protocol == UpstreamProtocol::Http2).then_some(pool.streams_max),
        probed: pool.probe.is_some(),
        send_proxy: pool.send_proxy,
        tls: tls.client(&pool.id).cloned(),
        upgrade: pool.upgrade,
    }
}

/// What the data path needs to know of a listener: its bounds, and the routes that hold on it.
pub(crate) fn listener_settings(
    config: &Config,
    listener: &ListenerConfig,
    pools: &HashMap<PoolId, Arc<PoolCell>>,
    access_log: Option<&Arc<AccessLog>>,
    tls: &TlsPlan,
    generation: u64,
) -> ListenerSettings {
    ListenerSettings {
        generation,
        protocol: listener.protocol,
        pool: listener.pool.as_ref().and_then(|pool| pools.get(pool)).cloned(),
        routes: routes(config, &listener.name, pools),
        names: names(config, &listener.name, pools),
        accept_proxy: listener.accept_proxy.clone(),
        limits: listener.limits.clone(),
        timeouts: listener.timeouts.clone(),
        drain: config.runtime.drain_timeout,
        udp: listener.udp.clone(),
        trusted_proxies: listener.trusted_proxies.clone(),
        access_log: access_log.cloned(),
        http2: Http2Bounds::of(listener),
        connection_age: listener.connection_age,
        tls: tls.server(&listener.name).cloned(),
        https_redirect: listener.https_redirect,
    }
}

fn routes(
    config: &Config,
    listener: &str,
    pools: &HashMap<PoolId, Arc<PoolCell>>,
) -> RouteTable<Arc<PoolCell>> {
    let mut table = RouteTable::default();
    for route in config.routes_on(listener) {
        if let Some(pool) = pools.get(&route.pool) {
            table.insert(route.host.pattern(), &route.path, Arc::clone(pool));
        }
    }
    table
}

/// Routes by the name that a TLS client asks for. Those for all listeners are for HTTP.
fn names(
    config: &Config,
    listener: &str,
    pools: &HashMap<PoolId, Arc<PoolCell>>,
) -> NameTable<Arc<PoolCell>> {
    let mut table = NameTable::default();
    for route in config.routes.iter().filter(|route| route.listener.as_deref() == Some(listener)) {
        if let Some(pool) = pools.get(&route.pool) {
            table.insert(route.host.pattern(), route.alpn.as_deref(), Arc::clone(pool));
        }
    }
    table
}
