//! Every metric: name, help and labels. `docs/reference/metrics.md` is checked against this list.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric family.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    pub(crate) help: &'static str,
}

macro_rules! catalog {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(crate) const $constant: Family = Family {
            name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help,
        };)*
        #[cfg(test)]
        /// All of them, in the order in which they are shown.
        pub(crate) const ALL: &[&Family] = &[$(&$constant),*];
    };
}

catalog! {
    ATTEMPTS: Counter "evenkeel_backend_attempts_total" ["pool", "backend", "reason"]
        "Attempts on a backend, by why it was chosen.";
    OUTCOMES: Counter "evenkeel_backend_outcomes_total" ["pool", "backend", "outcome"]
        "Attempts that have ended, by how.";
    ERRORS: Counter "evenkeel_backend_errors_total" ["pool", "backend", "class"]
        "Attempts that the backend failed, by class; a part of the outcomes.";
    SLOW: Counter "evenkeel_backend_slow_total" ["pool", "backend"]
        "Answers that took more than 1.5 times the usual 90th percentile of the pool, and more than a millisecond.";
    BYTES: Counter "evenkeel_backend_bytes_total" ["pool", "backend", "direction"]
        "Bytes of content moved to (sent) and from (received) a backend.";
    BUSY: Counter "evenkeel_backend_busy_seconds_total" ["pool", "backend"]
        "Time spent on attempts, summed over attempts, unfinished ones included.";
    IN_FLIGHT: Gauge "evenkeel_backend_in_flight" ["pool", "backend"]
        "Attempts begun and not ended.";
    PHASE: Gauge "evenkeel_backend_phase" ["pool", "backend", "phase"]
        "1 for the phase that the backend is in, 0 for the others.";
    ELIGIBLE: Gauge "evenkeel_backend_eligible" ["pool", "backend"]
        "1 if the backend may be picked now.";
    WEIGHT: Gauge "evenkeel_backend_weight" ["pool", "backend", "kind"]
        "Weight as configured, and as in force: 0 while the backend may not be picked.";
    SHARE: Gauge "evenkeel_share" ["pool", "backend", "kind"]
        "Share of the pool: what is intended, what configuration and health make of that step by step, and what came of it.";
    POOL_MODE: Gauge "evenkeel_pool_mode" ["pool", "mode"]
        "1 for the mode that the pool is in: normal, panic (too few are healthy, all are used) or empty.";
    INFO: Gauge "evenkeel_backend_info" ["pool", "backend", "tier", "zone"]
        "Always 1; says where the backend stands.";
    MAX_IN_FLIGHT: Gauge "evenkeel_backend_max_in_flight" ["pool", "backend"]
        "Attempts that the backend may have at a time; only where there is a limit.";
    FAILS_FAST: Gauge "evenkeel_backend_fails_fast" ["pool", "backend"]
        "1 while at least half of the backend's recent attempts fail, faster than others succeed: what looks idle is broken.";
    POOL_EPOCH: Counter "evenkeel_pool_epoch_total" ["pool"]
        "Snapshots of the pool published since start.";
    DURATION: Histogram "evenkeel_request_duration_seconds" ["pool"]
        "From the first byte of a request to the last byte of its response; of one that opens a tunnel to the head of that.";
    SKEW_STATE: Gauge "evenkeel_skew_state" ["pool", "backend", "dim", "cause", "severity"]
        "1 while the share of a backend, zone or tier in one respect is not what it should be; why, and how bad.";
    SKEW_EVIDENCE: Gauge "evenkeel_skew_evidence" ["pool", "dim"]
        "How near the test is to finding something: 1 is an alarm.";
    SKEW_ALARMS: Counter "evenkeel_skew_alarms_total" ["pool", "dim", "cause"]
        "Findings raised since start.";
    TOP_KEY: Gauge "evenkeel_pool_top_key_share" ["pool"]
        "Share of the requests of late that the most popular key makes; only where a key decides, once some are known.";
    DESIGN_EFFECT: Gauge "evenkeel_pool_design_effect" ["pool", "unit"]
        "How many requests of late count as one, because one key, session or connection decided on them all.";
    SKEW_RATIO: Gauge "evenkeel_skew_ratio" ["pool", "backend", "dim"]
        "Share over the expected one, of the last ten seconds with traffic or so; not a number where nothing was counted.";
    SKEW_LEDGER: Gauge "evenkeel_skew_ledger" ["pool", "backend", "term"]
        "What the difference between observed and intended share consists of, of the last ten seconds with traffic or so.";
    SKEW_TVD: Gauge "evenkeel_skew_tvd" ["pool", "dim"]
        "Part of the traffic that is where it is not meant to be: total variation distance from what is intended.";
    SKEW_JAIN: Gauge "evenkeel_skew_jain" ["pool", "dim"]
        "Jain's index of share over intended share: 1 is even, 1 / backends is all at one.";
    SKEW_PEAK_RATIO: Gauge "evenkeel_skew_peak_ratio" ["pool", "dim"]
        "The largest share over its intended one.";
    SHARED_SUSPECTED: Gauge "evenkeel_shared_dependency_suspected" ["pool"]
        "1 while all backends are slower than usual, or fail more often, and nobody's share is wrong.";
    OCCUPANCY: Gauge "evenkeel_pool_local_occupancy" ["pool"]
        "Mean requests in flight at a backend from this instance, of the last ten seconds or so; below 0.5 they tell a strategy nothing.";
    PLAN_INFO: Gauge "evenkeel_pool_plan_info" ["pool", "hash"]
        "Always 1; the hash is the same on instances whose configuration gives the pool the same backends and shares.";
    EXPECT_BROKEN: Gauge "evenkeel_expect_broken" ["pool", "term"]
        "1 while a clause of the pool's contract does not hold; there for each clause that it has.";
    NOTIFICATIONS: Counter "evenkeel_notifications_total" ["receiver", "result"]
        "Messages about alarms: sent, tried again, given up (failed), refused by the receiver, and dropped while it was behind.";
    KEYS_MISSING: Counter "evenkeel_pool_hash_key_missing_total" ["pool"]
        "Requests without what the hash key of the pool asks for; spread without regard to it.";
    SESSIONS: Counter "evenkeel_pool_sessions_total" ["pool", "event"]
        "Sticky sessions that began, and that moved because their backend could not be used.";
    QUEUE_LENGTH: Gauge "evenkeel_pool_queue_length" ["pool"]
        "Requests that wait for a backend below its limit.";
    QUEUE_WAIT: Histogram "evenkeel_pool_queue_wait_seconds" ["pool"]
        "How long requests waited for a backend below its limit, of those that waited and got one.";
    QUEUE_REFUSED: Counter "evenkeel_pool_queue_refused_total" ["pool", "why"]
        "Requests that found every backend at its limit and got none: the queue was full, or it took too long, or the client left.";
    PROBES: Counter "evenkeel_pool_load_probes_total" ["pool", "outcome"]
        "Questions to backends about their load: answered, failed, and not asked because too many were under way.";
    TUNNELS_OPEN: Gauge "evenkeel_tunnels_open" ["pool"]
        "Connections that have switched to another protocol, such as WebSocket, and are open now.";
    TUNNELS: Counter "evenkeel_tunnels_total" ["pool"]
        "Connections that have switched to another protocol since start.";
    REQUESTS: Counter "evenkeel_requests_total" ["listener", "class"]
        "Requests answered, by class of status.";
    UNFINISHED: Counter "evenkeel_requests_unfinished_total" ["listener"]
        "Requests whose response did not end: the client left, or the backend failed in the middle of it.";
    CONNECTIONS: Counter "evenkeel_connections_total" ["listener"]
        "Client connections accepted.";
    CONNECTIONS_OPEN: Gauge "evenkeel_connections_open" ["listener"]
        "Client connections open now.";
    ACCEPT_ERRORS: Counter "evenkeel_accept_errors_total" ["listener"]
        "Failures to accept a connection, such as too many open files.";
    HTTP2_CONNECTIONS: Counter "evenkeel_http2_connections_total" ["listener"]
        "Client connections that spoke HTTP/2.";
    HTTP2_STREAMS: Counter "evenkeel_http2_streams_total" ["listener"]
        "Requests begun over HTTP/2.";
    HTTP2_RESETS: Counter "evenkeel_http2_streams_reset_total" ["listener", "reason"]
        "Requests over HTTP/2 that were not answered: malformed, or refused while too many others were still being wound up.";
    HTTP2_FLOODS: Counter "evenkeel_http2_floods_total" ["listener", "reason"]
        "Client connections ended for their behaviour over HTTP/2, by what it was.";
    RELAYS: Counter "evenkeel_relays_total" ["listener", "end"]
        "Connections of layer-4 listeners that have ended, by how.";
    NAMELESS: Counter "evenkeel_tls_hello_without_name_total" ["listener"]
        "TLS clients of a pass-through listener that named no server; they go to its own pool.";
    PROXY_HEADERS: Counter "evenkeel_proxy_header_total" ["listener", "result"]
        "What connections began with where PROXY headers are accepted; missing, invalid and incomplete ones are refused.";
    TLS_HANDSHAKES: Counter "evenkeel_tls_handshakes_total" ["listener", "version", "kind"]
        "TLS handshakes with clients that ended well: full ones, and those that resumed a session.";
    TLS_FAILURES: Counter "evenkeel_tls_handshake_failures_total" ["listener", "reason"]
        "TLS handshakes with clients that failed, by why.";
    CERTIFICATE_END: Gauge "evenkeel_tls_certificate_not_after_seconds" ["listener", "pool", "file"]
        "When a certificate in use ends, since unix epoch in seconds; of a listener, or shown to the backends of a pool.";
    CERTIFICATE_LOADS: Counter "evenkeel_tls_certificate_loads_total" ["listener", "pool", "result"]
        "Changes of certificate, key and CA files since the last reload: in force, or refused while those in use stay.";
    UDP_SESSIONS: Counter "evenkeel_udp_sessions_total" ["listener"]
        "Sessions of datagrams that began.";
    UDP_SESSIONS_OPEN: Gauge "evenkeel_udp_sessions_open" ["listener"]
        "Sessions of datagrams open now.";
    UDP_ENDED: Counter "evenkeel_udp_sessions_ended_total" ["listener", "why"]
        "Sessions of datagrams that ended, by why.";
    UDP_LOST: Counter "evenkeel_udp_backends_lost_total" ["listener", "why"]
        "Sessions whose backend refused a datagram, or may not be used any more; each gets another with its next datagram.";
    UDP_DROPPED: Counter "evenkeel_udp_datagrams_dropped_total" ["listener", "reason"]
        "Datagrams that went no further, by why.";
    DATAGRAMS: Counter "evenkeel_backend_datagrams_total" ["pool", "backend", "direction"]
        "Datagrams moved to (sent) and from (received) a backend; only in pools of listeners for datagrams.";
    WORKER_CONNECTIONS: Gauge "evenkeel_worker_connections" ["worker"]
        "Client connections open on a worker.";
    UPSTREAM_IDLE: Gauge "evenkeel_upstream_idle_connections" ["worker"]
        "Idle connections to backends that a worker keeps.";
    UPSTREAM_SHARED: Gauge "evenkeel_upstream_shared_connections" ["worker"]
        "Connections of HTTP/2 to backends that a worker holds, in use or not.";
    UPSTREAM_STALE: Counter "evenkeel_upstream_stale_connections_total" ["worker"]
        "Reused backend connections that turned out to be closed; the request was sent again on a new one.";
    GENERATION: Gauge "evenkeel_config_generation" []
        "Rises with every configuration applied.";
    RELOADS: Counter "evenkeel_config_reload_total" ["result"]
        "Reloads since start, by result.";
    RELOAD_OK: Gauge "evenkeel_config_last_reload_success" []
        "1 if the last reload was applied, or there was none.";
    LIFECYCLE: Gauge "evenkeel_lifecycle" ["phase"]
        "1 for the phase that the process is in.";
    ACCESS_LOG_DROPPED: Counter "evenkeel_access_log_dropped_total" []
        "Access log lines dropped because the writer was behind.";
    EVENTS: Counter "evenkeel_events_total" ["kind"]
        "Events since start, by kind; what each kind stands for is in docs/reference/events.md.";
    EVENTS_DROPPED: Counter "evenkeel_events_dropped_total" []
        "Events since start that came too fast to be noted down.";
    EVENTS_ON_DISK: Gauge "evenkeel_events_on_disk" []
        "1 if events are written to disk, 0 while they cannot be and are in memory only; only with a database.";
    BUILD_INFO: Gauge "evenkeel_build_info" ["version"]
        "Always 1.";
    OPEN_FILES: Gauge "process_open_fds" []
        "Number of open file descriptors.";
    MAX_FILES: Gauge "process_max_fds" []
        "Maximum number of open file descriptors.";
    MEMORY: Gauge "process_resident_memory_bytes" []
        "Resident memory size in bytes.";
    CPU: Counter "process_cpu_seconds_total" []
        "Total user and system CPU time spent in seconds.";
    START_TIME: Gauge "process_start_time_seconds" []
        "Start time of the process since unix epoch in seconds.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for family in ALL {
            assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
    }

    #[test]
    fn the_reference_lists_every_metric() {
        let page = include_str!("../../../../docs/reference/metrics.md");
        for family in ALL {
            let labels = family.labels.join(", ");
            let row = format!("| `{}` | {:?} | {} | {} |", family.name, family.kind, labels, family.help);
            assert!(page.contains(&row), "docs/reference/metrics.md lacks the row\n{row}");
        }
        let rows = page.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, ALL.len(), "docs/reference/metrics.md has rows of metrics that do not exist");
    }

    /// Runbooks have a section for each of them.
    #[test]
    fn the_reference_lists_every_cause() {
        let page = include_str!("../../../../docs/reference/metrics.md");
        let list = page.split_once("- `cause`: ").and_then(|(_, rest)| rest.split_once(".\n"));
        let list = list.expect("a list of causes").0;
        let listed: Vec<&str> = list.split(',').map(|name| name.trim().trim_matches('`')).collect();
        assert_eq!(listed, evenkeel_core::skew::Cause::ALL.map(evenkeel_core::skew::Cause::as_str));
    }
}
