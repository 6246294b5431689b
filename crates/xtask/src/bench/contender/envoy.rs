//! Envoy's configuration.

use std::fmt::Write as _;

use crate::Failure;

use super::super::backends;
use super::super::measure::Setup;
use super::super::scenario::{Protocol, Scenario};

/// The file's text.
pub(super) fn envoy(setup: &Setup, scenario: &Scenario, port: u16) -> Result<String, Failure> {
    let filter = match scenario.protocol {
        Protocol::Http | Protocol::Https => HTTP.replace("HOSTS\n", &hosts(scenario)),
        Protocol::Tcp => TCP.to_owned(),
        Protocol::Udp => return Err("no configuration of Envoy for UDP".to_owned()),
    };
    let tls = match scenario.protocol {
        Protocol::Https => tls(setup),
        _ => String::new(),
    };
    let upstream = if scenario.http2_backends { HTTP2_UPSTREAM } else { "" };
    Ok(ENVOY
        .replace("PORT", &port.to_string())
        .replace("TLS\n", &tls)
        .replace("FILTER\n", &filter)
        .replace("UPSTREAM\n", upstream)
        .replace("ENDPOINTS\n", &endpoints(scenario)))
}

fn hosts(scenario: &Scenario) -> String {
    let route = "routes: [{ match: { prefix: \"/\" }, route: { cluster: web, timeout: 0s } }]";
    let mut hosts = String::new();
    if scenario.hosts == 0 {
        writeln!(hosts, "              - {{ name: all, domains: [\"*\"], {route} }}").ok();
    }
    for host in scenario.host_names() {
        writeln!(hosts, "              - {{ name: {host}, domains: [\"{host}\"], {route} }}").ok();
    }
    hosts
}

fn endpoints(scenario: &Scenario) -> String {
    let mut endpoints = String::new();
    for address in scenario.backend_addresses(backends::PORT) {
        let (ip, port) = address.split_once(':').unwrap_or((&address, "80"));
        writeln!(
            endpoints,
            "        - endpoint: {{ address: {{ socket_address: {{ address: {ip}, port_value: {port} }} }} }}"
        )
        .ok();
    }
    endpoints
}

fn tls(setup: &Setup) -> String {
    let certificate = setup.certificate();
    DOWNSTREAM_TLS
        .replace("CHAIN", &certificate.chain().display().to_string())
        .replace("KEY", &certificate.key().display().to_string())
}

const ENVOY: &str = "\
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: PORT } }
    filter_chains:
    - filters:
FILTER
TLS
  clusters:
  - name: web
    type: STATIC
    lb_policy: LEAST_REQUEST
    circuit_breakers: { thresholds: [{ max_connections: 20000, max_pending_requests: 20000, max_requests: 20000 }] }
UPSTREAM
    load_assignment:
      cluster_name: web
      endpoints:
      - lb_endpoints:
ENDPOINTS
";

const HTTP: &str = "      \
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
";

const TCP: &str = "      \
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: in
          cluster: web
";

const DOWNSTREAM_TLS: &str = "      \
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_certificates:
            - { certificate_chain: { filename: \"CHAIN\" }, private_key: { filename: \"KEY\" } }
";

const HTTP2_UPSTREAM: &str = "    \
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
";
