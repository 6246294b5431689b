//! What is compared. A new scenario is a new entry here.

/// One kind of load on one kind of configuration.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) load: Load,
    /// Backends of the pool.
    pub(crate) backends: usize,
    /// Host names with a route each; one route for all when 0.
    pub(crate) hosts: usize,
    /// A proxy that uses less of its core than this was not what limited the run.
    pub(crate) busy_at_least: f64,
}

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// GET a body of so many bytes, again and again over kept connections.
    Get { bytes: usize },
    /// The same with a new connection for each request.
    GetClose { bytes: usize },
    /// POST a body of so many bytes.
    Post { bytes: usize },
    /// Open so many connections, use each once, and keep them.
    Idle { connections: usize },
}

/// Connections of the load generator.
pub(crate) const CONNECTIONS: usize = 64;

const KIB: usize = 1024;

/// All of them.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "h1",
        about: "1 KiB responses over kept connections",
        load: Load::Get { bytes: KIB },
        backends: 3,
        hosts: 0,
        busy_at_least: 0.8,
    },
    Scenario {
        name: "h1_close",
        about: "1 KiB responses, a new connection for each request",
        load: Load::GetClose { bytes: KIB },
        backends: 3,
        hosts: 0,
        // Opening connections costs the load generator nearly as much as the proxies.
        busy_at_least: 0.5,
    },
    Scenario {
        name: "h1_big",
        about: "1 MiB responses over kept connections",
        load: Load::Get { bytes: KIB * KIB },
        backends: 3,
        hosts: 0,
        // Backend and load generator copy each byte, too, on one core between them.
        busy_at_least: 0.5,
    },
    Scenario {
        name: "h1_post",
        about: "16 KiB uploads over kept connections",
        load: Load::Post { bytes: 16 * KIB },
        backends: 3,
        hosts: 0,
        busy_at_least: 0.8,
    },
    Scenario {
        name: "h1_backends_1000",
        about: "1 KiB responses from a pool of 1,000 backends",
        load: Load::Get { bytes: KIB },
        backends: 1000,
        hosts: 0,
        busy_at_least: 0.8,
    },
    Scenario {
        name: "h1_routes_10k",
        about: "1 KiB responses for 10,000 hosts with a route each",
        load: Load::Get { bytes: KIB },
        backends: 3,
        hosts: 10_000,
        busy_at_least: 0.8,
    },
    Scenario {
        name: "idle",
        about: "resident memory for each of 6,000 idle kept connections",
        load: Load::Idle { connections: 6000 },
        backends: 3,
        hosts: 0,
        busy_at_least: 0.8,
    },
];

impl Scenario {
    /// What is asked for.
    pub(crate) fn path(&self) -> String {
        match self.load {
            Load::Get { bytes } | Load::GetClose { bytes } => format!("/{bytes}"),
            Load::Post { .. } => "/post".to_owned(),
            Load::Idle { .. } => "/1024".to_owned(),
        }
    }

    /// Bytes of each response body.
    pub(crate) fn response_bytes(&self) -> usize {
        match self.load {
            Load::Get { bytes } | Load::GetClose { bytes } => bytes,
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
