//! The proxies that are compared, each configured as its manual recommends for this job: one worker, kept
//! connections to the backends, the least-loaded strategy.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;

use super::backends::{self, Running};
use super::measure::{PROXY_CORE, Setup};
use super::scenario::Scenario;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Evenkeel,
    Nginx,
    Haproxy,
    Envoy,
}

impl Contender {
    pub(crate) const ALL: [Self; 4] = [Self::Evenkeel, Self::Nginx, Self::Haproxy, Self::Envoy];

    /// Whose better one the bars are about: balancers written in C, at home on the same machines.
    pub(crate) const PEERS: [Self; 2] = [Self::Nginx, Self::Haproxy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Evenkeel => "evenkeel",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    /// Starts it on its own core, listening on `port`.
    pub(crate) fn start(self, setup: &Setup, scenario: &Scenario, port: u16) -> Result<Running, Failure> {
        setup.expect_free(port)?;
        let directory = setup.directory.join(self.name());
        fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let file = directory.join(if self == Self::Envoy { "configuration.yaml" } else { "configuration" });
        let text = match self {
            Self::Evenkeel => evenkeel(scenario, port),
            Self::Nginx => nginx(scenario, port, &directory),
            Self::Haproxy => haproxy(scenario, port, &directory)?,
            Self::Envoy => envoy(scenario, port),
        };
        fs::write(&file, text).map_err(|error| error.to_string())?;
        let mut command = Command::new("taskset");
        command.args(["-c", PROXY_CORE]);
        match self {
            Self::Evenkeel => command.arg(&setup.program).args(["run", "-c"]).arg(&file),
            Self::Nginx => command.args(["nginx", "-p"]).arg(&directory).arg("-c").arg(&file),
            Self::Haproxy => command.args(["haproxy", "-db", "-f"]).arg(&file),
            Self::Envoy => command
                .arg(setup.envoy())
                .args(["--concurrency", "1", "--disable-hot-restart", "-l", "error", "-c"])
                .arg(&file),
        };
        let log = fs::File::create(directory.join("output.log")).map_err(|error| error.to_string())?;
        let again = log.try_clone().map_err(|error| error.to_string())?;
        let child = command.stdin(Stdio::null()).stdout(log).stderr(again).spawn();
        let running = Running(child.map_err(|error| format!("{}: {error}", self.name()))?);
        setup.wait_for_answer(port, self.name())?;
        Ok(running)
    }
}

/// Evenkeel's configuration.
pub(crate) fn evenkeel(scenario: &Scenario, port: u16) -> String {
    let admin = scenario.admin.map_or_else(
        || "admin = false".to_owned(),
        |port| format!("admin = {{ listen = \"127.0.0.1:{port}\" }}"),
    );
    let mut text = format!(
        "{admin}\n[runtime]\nworkers = 1\n[log]\nlevel = \"warn\"\n\
         [listener.web]\nbind = \"127.0.0.1:{port}\"\nlimits = {{ connections = 20000 }}\n"
    );
    if scenario.hosts == 0 {
        text.push_str("pool = \"web\"\n");
    }
    for host in scenario.host_names() {
        writeln!(text, "[[route]]\nhost = \"{host}\"\npool = \"web\"").ok();
    }
    writeln!(
        text,
        "[pool.web]\nhealth = {{ path = \"/1024\", expect_status = \"200-499\", interval = \"{}s\" }}\nbackends = [",
        scenario.health_seconds
    )
    .ok();
    for address in scenario.backend_addresses(backends::PORT) {
        writeln!(text, "  \"{address}\",").ok();
    }
    text.push_str("]\n");
    text
}

fn nginx(scenario: &Scenario, port: u16, directory: &Path) -> String {
    let at = directory.display();
    let mut text = format!(
        "worker_processes 1; daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\n\
         worker_rlimit_nofile 65536;\n\
         events {{ worker_connections 32768; }}\n\
         http {{ access_log off; keepalive_requests 100000000; server_names_hash_max_size 65536;\n\
           server_names_hash_bucket_size 128; client_max_body_size 1g; client_body_temp_path {at}/body;\n\
           proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
           proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;\n\
           proxy_set_header X-Forwarded-For $remote_addr; proxy_request_buffering off;\n\
           upstream web {{ least_conn; keepalive 512; keepalive_requests 100000000;\n"
    );
    for address in scenario.backend_addresses(backends::PORT) {
        writeln!(text, "    server {address};").ok();
    }
    text.push_str("}\n");
    let server = |name: &str| {
        format!("server {{ listen 127.0.0.1:{port}; {name} location / {{ proxy_pass http://web; }} }}\n")
    };
    if scenario.hosts == 0 {
        text.push_str(&server(""));
    }
    for host in scenario.host_names() {
        text.push_str(&server(&format!("server_name {host};")));
    }
    text.push_str("}\n");
    text
}

fn haproxy(scenario: &Scenario, port: u16, directory: &Path) -> Result<String, Failure> {
    let mut text = format!(
        "global\n  nbthread 1\n  maxconn 9000\ndefaults\n  mode http\n  timeout connect 3s\n  timeout client 1h\n  \
         timeout server 60s\n  option http-keep-alive\n  option forwardfor\n  http-reuse always\n\
         frontend f\n  bind 127.0.0.1:{port} backlog 4096\n"
    );
    if scenario.hosts == 0 {
        text.push_str("  default_backend web\n");
    } else {
        let map = directory.join("hosts.map");
        let lines: String = scenario.host_names().map(|host| format!("{host} web\n")).collect();
        fs::write(&map, lines).map_err(|error| error.to_string())?;
        writeln!(text, "  use_backend %[req.hdr(host),lower,map_str({})]", map.display()).ok();
    }
    text.push_str("backend web\n  balance leastconn\n  option httpchk GET /1024\n");
    for (index, address) in scenario.backend_addresses(backends::PORT).enumerate() {
        writeln!(text, "  server s{index} {address} check inter 2s").ok();
    }
    Ok(text)
}

fn envoy(scenario: &Scenario, port: u16) -> String {
    let route = "routes: [{ match: { prefix: \"/\" }, route: { cluster: web, timeout: 0s } }]";
    let mut hosts = String::new();
    if scenario.hosts == 0 {
        writeln!(hosts, "              - {{ name: all, domains: [\"*\"], {route} }}").ok();
    }
    for host in scenario.host_names() {
        writeln!(hosts, "              - {{ name: {host}, domains: [\"{host}\"], {route} }}").ok();
    }
    let mut endpoints = String::new();
    for address in scenario.backend_addresses(backends::PORT) {
        let (ip, backend_port) = address.split_once(':').unwrap_or((&address, "80"));
        writeln!(
            endpoints,
            "        - endpoint: {{ address: {{ socket_address: {{ address: {ip}, port_value: {backend_port} }} }} }}"
        )
        .ok();
    }
    ENVOY.replace("PORT", &port.to_string()).replace("HOSTS\n", &hosts).replace("ENDPOINTS\n", &endpoints)
}

const ENVOY: &str = "\
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: PORT } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
          route_config:
            virtual_hosts:
HOSTS
  clusters:
  - name: web
    type: STATIC
    lb_policy: LEAST_REQUEST
    circuit_breakers: { thresholds: [{ max_connections: 20000, max_pending_requests: 20000, max_requests: 20000 }] }
    load_assignment:
      cluster_name: web
      endpoints:
      - lb_endpoints:
ENDPOINTS
";
