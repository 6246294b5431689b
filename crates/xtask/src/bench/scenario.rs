//! What is compared. A new scenario is a new entry here.

use super::bar::{Against, Bar, Figure};
use super::certificate::NAME;
use super::contender::Contender;
use super::grpc_echo;

/// One kind of load on one kind of configuration.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) load: Load,
    /// What the proxies take from clients.
    pub(crate) protocol: Protocol,
    /// Backends of the pool.
    pub(crate) backends: usize,
    /// The backends take HTTP/2, without TLS, instead of HTTP/1.1.
    pub(crate) http2_backends: bool,
    /// Host names with a route each; one route for all when 0.
    pub(crate) hosts: usize,
    /// Host names that the load asks for, at random; always the first when 0.
    pub(crate) asked: usize,
    /// Seconds between two checks of one backend by Evenkeel.
    pub(crate) health_seconds: u64,
    /// Port of Evenkeel's admin interface, which is off in most.
    pub(crate) admin: Option<u16>,
    /// One of the two cores must have been this busy: where both waited, something else limited the run.
    pub(crate) busy_at_least: f64,
    /// What the figures are held against.
    pub(crate) bars: &'static [Bar],
}

/// What a listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    /// Over TLS 1.3, HTTP/1.1 or HTTP/2.
    Https,
    /// Connections, whatever goes over them; here HTTP/1.1.
    Tcp,
    /// Datagrams.
    Udp,
}

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// GET a body of so many bytes, again and again over kept connections.
    Get { bytes: usize },
    /// The same with a new connection for each request.
    GetClose { bytes: usize },
    /// POST a body of so many bytes.
    Post { bytes: usize },
    /// Open so many connections, use each once, and keep them.
    Idle { connections: usize },
    /// GET at this part of the best peer's peak, whatever the contender does.
    Tail { bytes: usize, part: f64 },
    /// GET so often a second, while the configuration is applied anew each second.
    Reload { bytes: usize, rate: f64 },
    /// GET over few connections of HTTP/2, so many at a time on each.
    Streams { bytes: usize, connections: usize, streams: usize },
    /// The same with unary calls of gRPC, whose messages of so many bytes come back.
    Calls { bytes: usize, connections: usize, streams: usize },
    /// GET over a new TLS connection each, with a full handshake or a resumed session.
    Handshakes { bytes: usize, resumed: bool },
    /// Datagrams of so many bytes that come back, one at a time from each of so many sockets.
    Datagrams { bytes: usize, sockets: usize },
}

/// Connections of the load generator.
pub(crate) const CONNECTIONS: usize = 64;

const KIB: usize = 1024;

/// All of them.
pub(crate) const SCENARIOS: &[Scenario] = &[
    H1,
    Scenario {
        name: "h1_close",
        about: "1 KiB responses, a new connection for each request",
        load: Load::GetClose { bytes: KIB },
        bars: &[Bar::new(Figure::Cpu, Against::Peers, 1.1, 0.9)],
        ..H1
    },
    Scenario {
        name: "h1_big",
        about: "1 MiB responses over kept connections",
        load: Load::Get { bytes: KIB * KIB },
        bars: &[Bar::new(Figure::Cpu, Against::Peers, 0.7, 0.5)],
        ..H1
    },
    Scenario {
        name: "h1_post",
        about: "16 KiB uploads over kept connections",
        load: Load::Post { bytes: 16 * KIB },
        ..H1
    },
    Scenario {
        name: "h1_backends_1000",
        about: "1 KiB responses from a pool of 1,000 backends",
        backends: 1000,
        // The kernel alone takes 5 to 8 % longer: docs/decisions/0004.
        bars: &[
            Bar::new(Figure::Cpu, Against::Own(&H1), 1.1, 1.02),
            Bar::new(Figure::Cpu, Against::Peers, 1.0, 0.9),
        ],
        ..H1
    },
    Scenario {
        name: "h1_routes_10k",
        about: "1 KiB responses for 10,000 hosts with a route each",
        hosts: 10_000,
        asked: 10_000,
        bars: &[Bar::new(Figure::Cpu, Against::Own(&H1_ASKED), 1.05, 1.02)],
        ..H1
    },
    Scenario {
        name: "h1_tail",
        about: "latency of 1 KiB responses at 70 % of the best peer's peak",
        load: Load::Tail { bytes: KIB, part: 0.7 },
        bars: &[Bar::new(Figure::P99, Against::Peers, 1.2, 0.9)],
        ..H1
    },
    Scenario {
        name: "tls_h1",
        about: "1 KiB responses over kept TLS connections",
        bars: &[Bar::new(Figure::Cpu, Against::Peers, 1.0, 0.85)],
        ..TLS
    },
    Scenario {
        name: "tls_handshake",
        about: "1 KiB responses, a new TLS connection with a full handshake for each",
        load: Load::Handshakes { bytes: KIB, resumed: false },
        ..TLS
    },
    Scenario {
        name: "tls_resumed",
        about: "1 KiB responses, a new TLS connection with a resumed session for each",
        load: Load::Handshakes { bytes: KIB, resumed: true },
        ..TLS
    },
    Scenario {
        name: "h2",
        about: "1 KiB responses over 8 TLS connections with 16 streams of HTTP/2 each",
        bars: &[Bar::new(Figure::Cpu, Against::Peers, 1.5, 0.95)],
        ..H2
    },
    Scenario {
        name: "h2_upstream_h2",
        about: "the same from backends that take HTTP/2, too",
        http2_backends: true,
        bars: &[Bar::new(Figure::Cpu, Against::These(&[Contender::Haproxy, Contender::Envoy]), 1.0, 0.8)],
        ..H2
    },
    Scenario {
        name: "grpc",
        about: "unary calls with 100 bytes that come back, 8 TLS connections with 16 streams each",
        load: Load::Calls { bytes: 100, connections: 8, streams: 16 },
        http2_backends: true,
        // Envoy waits for the backend's windows now and then. What a call costs it is not the less for that.
        busy_at_least: 0.6,
        bars: &[Bar::new(Figure::Cpu, Against::These(&[Contender::Envoy]), 0.8, 0.5)],
        ..H2
    },
    Scenario {
        name: "tcp",
        about: "1 KiB responses over kept connections that are passed on as they are",
        bars: &[Bar::new(Figure::Cpu, Against::Peers, 1.0, 0.85)],
        ..TCP
    },
    Scenario {
        name: "tcp_big",
        about: "1 MiB responses over kept connections that are passed on as they are",
        load: Load::Get { bytes: KIB * KIB },
        bars: &[Bar::new(Figure::Cpu, Against::Peers, 0.7, 0.4)],
        ..TCP
    },
    Scenario {
        name: "udp",
        about: "datagrams of 100 bytes that come back, from 64 sockets",
        protocol: Protocol::Udp,
        load: Load::Datagrams { bytes: 100, sockets: CONNECTIONS },
        bars: &[Bar::new(Figure::Cpu, Against::These(&[Contender::Nginx]), 1.2, 0.8)],
        ..H1
    },
    Scenario {
        name: "reload",
        about: "the longest that a request waits while 10,000 backends are reloaded each second",
        load: Load::Reload { bytes: KIB, rate: 2000.0 },
        backends: 10_000,
        // A check of each every 2 s would be more work than the requests.
        health_seconds: 60,
        admin: Some(19_001),
        bars: &[Bar::new(Figure::Pause, Against::Absolute, 5.0, 1.0)],
        ..H1
    },
    Scenario {
        name: "idle",
        about: "resident memory for each of 6,000 idle kept connections, and before them",
        load: Load::Idle { connections: 6000 },
        bars: &[
            Bar::new(Figure::Idle, Against::Absolute, 20.0, 6.0),
            Bar::new(Figure::Base, Against::Absolute, 20.0, 12.0),
        ],
        ..H1
    },
    Scenario {
        name: "idle_tls",
        about: "resident memory for each of 3,000 idle kept TLS connections",
        load: Load::Idle { connections: 3000 },
        bars: &[Bar::new(Figure::Idle, Against::Absolute, 30.0, 12.0)],
        ..TLS
    },
];

/// What the others are variations of.
pub(crate) const H1: Scenario = Scenario {
    name: "h1",
    about: "1 KiB responses over kept connections",
    load: Load::Get { bytes: KIB },
    protocol: Protocol::Http,
    backends: 3,
    http2_backends: false,
    hosts: 0,
    asked: 0,
    health_seconds: 2,
    admin: None,
    busy_at_least: 0.8,
    bars: &[Bar::new(Figure::Cpu, Against::Peers, 1.0, 0.9)],
};

/// The very requests of `h1_routes_10k`, whose making takes the load generator longer, with one route for all.
const H1_ASKED: Scenario = Scenario { name: "h1_asked", asked: 10_000, ..H1 };

/// What those over TLS are variations of.
const TLS: Scenario = Scenario { protocol: Protocol::Https, ..H1 };

/// What those of HTTP/2 are variations of.
const H2: Scenario = Scenario { load: Load::Streams { bytes: KIB, connections: 8, streams: 16 }, ..TLS };

/// What those whose connections are passed on are variations of.
const TCP: Scenario = Scenario { protocol: Protocol::Tcp, ..H1 };

impl Scenario {
    /// Where it is asked for. Over TLS by name, as a certificate is asked for by name.
    pub(crate) fn url(&self, port: u16) -> String {
        let path = self.path();
        match self.protocol {
            Protocol::Https => format!("https://{NAME}:{port}{path}"),
            _ => format!("http://127.0.0.1:{port}{path}"),
        }
    }

    /// What clients speak.
    pub(crate) fn http_version(&self) -> &'static str {
        match self.load {
            Load::Streams { .. } | Load::Calls { .. } => "2",
            _ => "1.1",
        }
    }

    /// What is asked for.
    pub(crate) fn path(&self) -> String {
        match self.load {
            Load::Get { bytes }
            | Load::GetClose { bytes }
            | Load::Tail { bytes, .. }
            | Load::Reload { bytes, .. }
            | Load::Streams { bytes, .. }
            | Load::Handshakes { bytes, .. } => format!("/{bytes}"),
            Load::Calls { .. } => "/bench.Echo/Unary".to_owned(),
            Load::Datagrams { .. } => "/".to_owned(),
            Load::Post { .. } => "/post".to_owned(),
            Load::Idle { .. } => "/1024".to_owned(),
        }
    }

    /// Bytes of each response body.
    pub(crate) fn response_bytes(&self) -> usize {
        match self.load {
            Load::Get { bytes }
            | Load::GetClose { bytes }
            | Load::Tail { bytes, .. }
            | Load::Reload { bytes, .. }
            | Load::Streams { bytes, .. }
            | Load::Handshakes { bytes, .. }
            | Load::Datagrams { bytes, .. } => bytes,
            Load::Calls { bytes, .. } => grpc_echo::PREFIX + bytes,
            Load::Post { .. } => 0,
            Load::Idle { .. } => KIB,
        }
    }

    /// Addresses of the backends: one server answers on all of them.
    pub(crate) fn backend_addresses(&self, port: u16) -> impl Iterator<Item = String> {
        (0..self.backends).map(move |index| format!("127.1.{}.{}:{port}", index / 250, index % 250 + 1))
    }

    /// The host names, in the order of their routes.
    pub(crate) fn host_names(&self) -> impl Iterator<Item = String> {
        (0..self.hosts).map(|index| format!("host{index}.example"))
    }
}
