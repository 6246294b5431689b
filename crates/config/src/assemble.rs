//! From a draft without errors to the configuration.

use std::sync::Arc;

use evenkeel_core::{BackendId, Placement, PoolId, Shaping, SubsetSpec, ZoneSpec};

use crate::decode::{
    BackendDraft, Draft, ExpectDraft, HealthDraft, ListenerDraft, NotifyDraft, PoolDraft, RouteDraft,
    RouteTestDraft, ShapingDraft,
};
use crate::model::{Backend, Config, HostMatch, Listener, Pool, Route, RouteTest, Runtime};

/// `None` when something is missing, which was reported then.
pub(crate) fn assemble(draft: Draft) -> Option<Config> {
    let shorthands: Vec<Route> = draft.listeners.iter().filter_map(shorthand).collect();
    let explicit: Option<Vec<_>> = draft.routes.into_iter().map(routes).collect();
    let mut routes: Vec<Route> = explicit?.into_iter().flatten().collect();
    routes.extend(shorthands);
    let pools = draft.pools.into_iter().map(|found| pool(found, &draft.runtime)).collect::<Option<_>>()?;
    Some(Config {
        admin: draft.admin.map(|admin| admin.value),
        runtime: draft.runtime,
        log: draft.log,
        events: draft.events,
        notify: draft.notify.into_iter().map(NotifyDraft::value).collect::<Option<_>>()?,
        listeners: draft.listeners.into_iter().map(listener).collect::<Option<_>>()?,
        routes,
        pools,
        route_tests: draft.route_tests.into_iter().map(route_test).collect::<Option<_>>()?,
        allow: draft.allow,
    })
}

pub(crate) fn listener(draft: ListenerDraft) -> Option<Listener> {
    let protocol = draft.protocol?.value;
    Some(Listener {
        name: draft.name.value,
        bind: draft.bind?.value,
        pool: draft.pool.filter(|_| !protocol.is_http()).map(|pool| PoolId::new(pool.value)),
        protocol,
        tls: draft.tls,
        http2: draft.http2,
        accept_proxy: draft.accept_proxy,
        https_redirect: draft.https_redirect,
        udp: draft.udp,
        connection_age: draft.connection_age,
        trusted_proxies: draft.trusted_proxies,
        limits: draft.limits,
        timeouts: draft.timeouts,
        allow: draft.allow,
    })
}

/// A pool in this process.
pub(crate) fn pool(draft: PoolDraft, runtime: &Runtime) -> Option<Pool> {
    let intent = draft.intent();
    Some(Pool {
        id: PoolId::new(Arc::from(draft.name.value)),
        strategy: draft.strategy,
        settings: draft.settings,
        hash: draft.hash.map(|hash| hash.value),
        show_keys: draft.show_keys,
        shaping: shaping(draft.shaping, runtime),
        sticky: draft.sticky.map(|sticky| sticky.value),
        queue: draft.queue.value,
        probe: draft.probe.map(|probe| probe.value),
        intent,
        backends: draft.backends.value.into_iter().map(backend).collect::<Option<_>>()?,
        protocol: draft.protocol,
        tls: draft.tls.map(|tls| tls.value),
        send_proxy: draft.send_proxy.map(|version| version.value),
        streams_max: draft.streams_max,
        upgrade: draft.upgrade,
        health: match draft.health {
            HealthDraft::On(health) => Some(health.value),
            HealthDraft::Silent | HealthDraft::Off => None,
        },
        passive: draft.passive,
        panic_threshold: draft.panic_threshold,
        timeouts: draft.timeouts,
        keep_alive: draft.keep_alive,
        max_attempts: draft.max_attempts,
        expect: draft.expect.as_ref().map(ExpectDraft::value),
        allow: draft.allow,
    })
}

/// The route that the `pool` of a listener for requests is short for.
pub(crate) fn shorthand(listener: &ListenerDraft) -> Option<Route> {
    let pool = listener.pool.as_ref()?;
    listener.protocol.as_ref().filter(|protocol| protocol.value.is_http())?;
    Some(Route {
        listener: Some(listener.name.value.clone()),
        host: HostMatch::Any,
        path: "/".into(),
        alpn: None,
        pool: PoolId::new(pool.value.as_str()),
        allow: Vec::new(),
    })
}

fn routes(draft: RouteDraft) -> Option<Vec<Route>> {
    let pool = PoolId::new(draft.pool?.value);
    let listener = draft.listener.map(|listener| listener.value);
    let alpn = draft.alpn.map(|alpn| alpn.value);
    let route = |host| Route {
        listener: listener.clone(),
        host,
        path: draft.path.value.clone(),
        alpn: alpn.clone(),
        pool: pool.clone(),
        allow: draft.allow.clone(),
    };
    Some(draft.hosts.into_iter().map(|host| route(host.value)).collect())
}

fn route_test(draft: RouteTestDraft) -> Option<RouteTest> {
    Some(RouteTest {
        listener: draft.listener.map(|listener| listener.value),
        host: draft.host.map(|host| host.value).unwrap_or_default(),
        path: draft.path.value,
        pool: PoolId::new(draft.pool?.value),
    })
}

fn backend(draft: BackendDraft) -> Option<Backend> {
    Some(Backend {
        id: BackendId::new(draft.id.value),
        address: draft.address?.value,
        weight: draft.weight.value,
        capacity: draft.capacity,
        enabled: draft.enabled.value,
        placement: Placement {
            tier: draft.tier.value,
            zone: draft.zone.map(|zone| zone.value),
            max_in_flight: draft.max_in_flight.map(|limit| limit.value),
            draining: draft.drain.value,
        },
        allow: draft.allow,
    })
}

/// What depends on where this process is, or on which it is, is nothing where that is not said, which was reported.
fn shaping(draft: ShapingDraft, runtime: &Runtime) -> Shaping {
    let zone = draft.zone_aware.zip(runtime.zone.clone());
    let subset = draft.subset.zip(runtime.instance);
    Shaping {
        slow_start: draft.slow_start,
        overprovisioning: draft.overprovisioning,
        zone: zone.map(|(least, local)| ZoneSpec { local, members_min: least.value }),
        subset: subset.map(|(size, instance)| SubsetSpec { instance, size: size.value }),
    }
}
