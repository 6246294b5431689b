//! What holds where the file is silent: one constant each, with its unit and its reason.
//!
//! The table of keys takes its defaults from here, so the decoder, the JSON Schema and the reference page agree.

use std::time::Duration;

/// Admin interface. Loopback: what it shows (addresses, load) is not for clients.
pub const ADMIN_LISTEN: &str = "127.0.0.1:9901";

/// Readiness is red for this long before draining. Zero: only an outer balancer needs the notice.
pub const LAME_DURATION: Duration = Duration::ZERO;
/// Running requests get this long at shutdown. 30 s is what container platforms wait before they kill.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Most data-path threads: more than any machine this is meant for has cores.
pub const WORKERS_MAX: u64 = 256;

/// Log level: starts, reloads and changes of health, not requests.
pub const LOG_LEVEL: &str = "info";
/// Log format: readable on a terminal, JSON for a collector.
pub const LOG_FORMAT: &str = "auto";
/// Access log format: fields have names, so a later one breaks no parser.
pub const ACCESS_FORMAT: &str = "json";

/// Events in the database: a busy month, or ten thousand backends that go down and come back five times.
pub const EVENTS_KEEP: u64 = 100_000;
/// Fewer would not hold one incident.
pub const EVENTS_KEEP_MIN: u64 = 100;
/// More are for a log store.
pub const EVENTS_KEEP_MAX: u64 = 10_000_000;
/// Bytes of events: two and a half times what as many usual ones take.
pub const EVENTS_SIZE: u64 = 64 << 20;
/// Least room for events.
pub const EVENTS_SIZE_MIN: u64 = 1 << 20;
/// Most: the database is read whole when it is opened.
pub const EVENTS_SIZE_MAX: u64 = 1 << 30;
/// What receivers of alarms get: fields that a program can read.
pub const NOTIFY_FORMAT: &str = "json";
/// Least level that is told: what is as it should be is no news.
pub const NOTIFY_LEVEL: &str = "warning";
/// One delivery of a message: chat services answer within a second.
pub const NOTIFY_TIMEOUT: Duration = Duration::from_secs(5);

/// The protocol of a listener.
pub const PROTOCOL: &str = "http";
/// Open connections of a listener: some 200 MB at 20 KiB each, and below the usual limit of file descriptors.
pub const CONNECTIONS: u64 = 10_000;
/// Bytes of a request's line and header fields: what HAProxy holds; larger ones are mistakes or attacks.
pub const HEADER_BYTES: u64 = 16 * 1024;
/// Header fields of a request: real ones stay well below.
pub const HEADERS: u64 = 100;
/// Hard upper bound of `headers`: the parser's table has this many places.
pub const HEADERS_MAX: u64 = 256;
/// A request's header must be whole within this; slower is a Slowloris.
pub const REQUEST_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence within a request body: long enough for a phone that changes cells.
pub const REQUEST_BODY_IDLE: Duration = Duration::from_secs(30);
/// Longest wait for a client that does not take its response.
pub const WRITE_IDLE: Duration = Duration::from_secs(60);
/// Idle client connection between requests: browsers reuse within a minute.
pub const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// A PROXY header, the TLS handshake and the beginning of HTTP/2: three round trips of a slow phone fit in.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest silence of a tunnel: chats and databases are quiet for long, and what is dead must go some time.
pub const TUNNEL_IDLE: Duration = Duration::from_secs(3600);

/// Oldest version of TLS: 1.0 and 1.1 are deprecated (RFC 8996).
pub const MIN_TLS: &str = "1.2";
/// Whether clients must show a certificate once their certificates are looked at.
pub const CLIENT_AUTH: &str = "required";
/// Requests at a time on one HTTP/2 connection of a client: RFC 9113, section 6.5.2, wants no fewer than 100.
pub const STREAMS: u64 = 128;
/// Most requests at a time on one HTTP/2 connection.
pub const STREAMS_MAX: u64 = 10_000;
/// Streams of a client's connection that may end in a reset within [`RESETS_WITHIN`]: browsers cancel by the dozen,
/// attacks (CVE-2023-44487) by the thousand.
pub const RESETS: u64 = 100;
/// Within what time resets are counted.
pub const RESETS_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a request body that may wait here for a slow backend, for each stream: as in Envoy's edge guide.
pub const WINDOW: u64 = 64 * 1024;
/// Least window: that with which every HTTP/2 connection begins (RFC 9113, section 6.9.2) rounded up.
pub const WINDOW_MIN: u64 = 64 * 1024;
/// Largest window: 128 streams of one client could make this process hold 2 GiB.
pub const WINDOW_MAX: u64 = 16 * 1024 * 1024;
/// Where clients are sent by `https_redirect = true`.
pub const HTTPS_PORT: u16 = 443;

/// A session of datagrams without any: resolvers give up after some seconds, games and QUIC speak more often.
pub const UDP_IDLE: Duration = Duration::from_secs(30);
/// Sessions of a listener for datagrams: each takes a file descriptor.
pub const UDP_SESSIONS: u64 = 16_384;
/// Most sessions of a listener for datagrams.
pub const UDP_SESSIONS_MAX: u64 = 1_000_000;

/// What backends speak: nearly all speak it.
pub const UPSTREAM_PROTOCOL: &str = "http1";
/// Requests at a time on one HTTP/2 connection to a backend: what most servers allow.
pub const UPSTREAM_STREAMS: u64 = 100;

/// Path of a route: every path.
pub const ROUTE_PATH: &str = "/";

/// Strategy of a pool: avoids a slow backend by itself and is exact round robin when idle.
pub const STRATEGY: &str = "least_request";
/// Weight of a backend: all alike.
pub const WEIGHT: u64 = 1;
/// Heaviest weight.
pub const WEIGHT_MAX: u64 = 65_535;
/// Below this healthy share all backends are used: half the pool cannot carry twice its load.
pub const PANIC_THRESHOLD: f64 = 0.5;
/// Most backends of which a pool may promise to survive the failure at once.
pub const SURVIVES_MAX: u64 = 100;
/// Attempts for one request in all: two more backends, and no storm of retries.
pub const MAX_ATTEMPTS: u64 = 3;
/// Most attempts: a request remembers this many tried backends.
pub const MAX_ATTEMPTS_MAX: u64 = 8;
/// How often a backend's host name is resolved again: the usual shortest lifetime of records that move.
pub const RESOLVE_INTERVAL: Duration = Duration::from_secs(10);

/// Between two checks of a backend: with `fall` 3 a dead one is found within 6 s.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(2);
/// A check that takes longer has failed; shortened to `interval` where that is less.
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);
/// Passes until an unhealthy backend serves again: one could be luck.
pub const HEALTH_RISE: u64 = 2;
/// Failures until a serving backend is unhealthy: one could be a lost packet.
pub const HEALTH_FALL: u64 = 3;
/// Spread of the interval, so that checks of many backends do not march in step.
pub const HEALTH_JITTER: f64 = 0.1;
/// Largest jitter: beyond it the interval means nothing.
pub const HEALTH_JITTER_MAX: f64 = 0.5;
/// Passing status codes: a redirect is an answer.
pub const EXPECT_STATUS: &str = "200-399";

/// Failures in a row until ejection, as in Envoy.
pub const PASSIVE_CONSECUTIVE: u64 = 5;
/// First ejection: short, so that a hiccup costs little; the n-th lasts n times as long.
pub const PASSIVE_BASE: Duration = Duration::from_secs(10);
/// Longest ejection: a repaired backend is back without help.
pub const PASSIVE_MAX: Duration = Duration::from_secs(300);
/// Largest ejected share: a bug that all backends have must not empty the pool.
pub const PASSIVE_MAX_EJECTED: f64 = 0.5;
/// Share of the failures beyond the share of the requests, as a part of it, that one backend may have: less is chance.
pub const PASSIVE_ERROR_SHARE: f64 = 0.25;

/// Opening a connection to a backend: one lost SYN (1 s) and its repetition fit in.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Wait for the response header: the slowest report that a person still waits for.
pub const RESPONSE_HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest silence within a response body.
pub const RESPONSE_IDLE: Duration = Duration::from_secs(60);
/// Idle connections kept per backend and worker.
pub const IDLE_MAX: u64 = 256;
/// Idle connection to a backend: below the 60 s after which common app servers close theirs.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// Oldest connection reused: long enough to cost nothing, short enough to follow a move behind one address.
pub const MAX_AGE: Duration = Duration::from_secs(3600);

/// Bits of an IPv4 address that tell clients apart: all.
pub const HASH_IPV4: u64 = 32;
/// Bits of an IPv6 address that tell clients apart: a host has a /64 to choose addresses from, and does.
pub const HASH_IPV6: u64 = 64;
/// Least bound of a hashing strategy: below it every small unevenness moves requests from their backend.
pub const BOUND_MIN: f64 = 1.01;
/// Largest bound: a backend with ten times its share is not bounded.
pub const BOUND_MAX: f64 = 10.0;
/// Entries of `maglev`'s table: a prime, enough for shares within 1 % on 655 backends; Envoy has the same.
pub const TABLE_SIZE: u64 = 65_537;
/// Least table.
pub const TABLE_SIZE_MIN: u64 = 251;
/// Largest table, a prime: 20 MB.
pub const TABLE_SIZE_MAX: u64 = 5_000_011;
/// Points of a backend on the ring, as many as in nginx: shares differ by some 8 %.
pub const POINTS: u64 = 160;
/// Most points of a backend.
pub const POINTS_MAX: u64 = 4096;
/// Memory of `peak_ewma`, as in Finagle.
pub const DECAY: Duration = Duration::from_secs(10);
/// Probes of `prequal` for each request (Wydrowski et al., NSDI 2024, as the three that follow).
pub const PROBES_PER_REQUEST: f64 = 3.0;
/// Probes kept.
pub const PROBES_KEPT: u64 = 16;
/// A probe is forgotten after this.
pub const PROBE_AGE: Duration = Duration::from_secs(1);
/// Above this quantile of requests in flight a backend is hot: 2^-0.25.
pub const HOT_QUANTILE: f64 = 0.84;
/// A probe of load that takes longer says nothing: it would be old news.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(100);

/// Slow start in a straight line, as in Envoy.
pub const AGGRESSION: f64 = 1.0;
/// Slow start begins with a tenth of the weight, as in Envoy: with less, the first requests would teach nothing.
pub const SLOW_START_MINIMUM: f64 = 0.1;
/// A tier can take 1.4 times its usual load, as in Envoy: it spills from 72 % healthy down.
pub const OVERPROVISIONING: f64 = 1.4;
/// Last tier.
pub const TIER_MAX: u64 = 15;
/// Backends from which on zones are looked at, as in Envoy: with fewer, one that fails leaves a zone short.
pub const ZONE_MIN_BACKENDS: u64 = 6;
/// Largest number of an instance.
pub const INSTANCE_MAX: u64 = 100_000;

/// Name of the cookie of sessions.
pub const STICKY_COOKIE: &str = "EVENKEEL";
/// How long a browser keeps it: until it is closed.
pub const STICKY_TTL: &str = "session";
/// Path of the cookie: the whole site.
pub const STICKY_PATH: &str = "/";
/// Links from other sites find the session, their forms and images do not: what browsers take for granted.
pub const SAME_SITE: &str = "lax";

/// Requests that wait for a backend with room: none. A queue hides overload, so it is asked for.
pub const QUEUE_SIZE: u64 = 0;
/// Longest wait in a queue: a person has gone by then.
pub const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest duration anywhere: more is a typing mistake.
pub const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
