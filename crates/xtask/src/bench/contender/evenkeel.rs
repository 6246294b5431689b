//! Evenkeel's configuration.

use std::fmt::Write as _;

use super::super::backends;
use super::super::measure::Setup;
use super::super::scenario::{Protocol, Scenario};

/// The file's text.
pub(crate) fn evenkeel(setup: &Setup, scenario: &Scenario, port: u16) -> String {
    let admin = scenario.admin.map_or_else(
        || "admin = false".to_owned(),
        |port| format!("admin = {{ listen = \"127.0.0.1:{port}\" }}"),
    );
    let mut text = format!(
        "{admin}\n[runtime]\nworkers = 1\n[log]\nlevel = \"warn\"\n\
         [listener.web]\nbind = \"127.0.0.1:{port}\"\n{}",
        listener(setup, scenario.protocol)
    );
    if scenario.hosts == 0 {
        text.push_str("pool = \"web\"\n");
    }
    for host in scenario.host_names() {
        writeln!(text, "[[route]]\nhost = \"{host}\"\npool = \"web\"").ok();
    }
    writeln!(text, "[pool.web]\nhealth = {}", health(scenario)).ok();
    if scenario.http2_backends {
        text.push_str("protocol = \"http2\"\n");
    }
    text.push_str("backends = [\n");
    for address in scenario.backend_addresses(backends::PORT) {
        writeln!(text, "  \"{address}\",").ok();
    }
    text.push_str("]\n");
    text
}

fn listener(setup: &Setup, protocol: Protocol) -> String {
    let limits = "limits = { connections = 20000 }\n";
    match protocol {
        Protocol::Http => limits.to_owned(),
        Protocol::Https => {
            let certificate = setup.certificate();
            let (cert, key) = (certificate.chain(), certificate.key());
            format!(
                "protocol = \"https\"\ntls = {{ certificates = [{{ cert = \"{}\", key = \"{}\" }}] }}\n{limits}",
                cert.display(),
                key.display()
            )
        }
        Protocol::Tcp => format!("protocol = \"tcp\"\n{limits}"),
        Protocol::Udp => "protocol = \"udp\"\n".to_owned(),
    }
}

/// Nobody listens for connections behind a UDP listener, and a check by HTTP is one by HTTP/1.1.
fn health(scenario: &Scenario) -> String {
    let interval = format!("interval = \"{}s\"", scenario.health_seconds);
    match scenario.protocol {
        Protocol::Udp => "false".to_owned(),
        _ if scenario.http2_backends => format!("{{ type = \"tcp\", {interval} }}"),
        _ => format!("{{ path = \"/1024\", expect_status = \"200-499\", {interval} }}"),
    }
}
