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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use evenkeel_config::{Source, load};

    use super::*;
    use crate::bench::scenario::SCENARIOS;

    #[test]
    fn every_scenarios_configuration_is_taken_and_means_what_the_scenario_says() {
        let setup = Setup {
            root: "/".into(),
            directory: "/".into(),
            duration: Duration::from_secs(1),
            program: "evenkeel".into(),
        };
        for scenario in SCENARIOS {
            let loaded = load(&Source::new("configuration", evenkeel(&setup, scenario, 19_000)));
            let config = loaded.config.ok_or_else(|| format!("{}: {:?}", scenario.name, loaded.diagnostics));
            let config = config.unwrap();
            let protocol = match scenario.protocol {
                Protocol::Http => evenkeel_config::Protocol::Http,
                Protocol::Https => evenkeel_config::Protocol::Https,
                Protocol::Tcp => evenkeel_config::Protocol::Tcp,
                Protocol::Udp => evenkeel_config::Protocol::Udp,
            };
            assert_eq!(config.listeners[0].protocol, protocol, "{}", scenario.name);
            let upstream = match scenario.http2_backends {
                true => evenkeel_config::UpstreamProtocol::Http2,
                false => evenkeel_config::UpstreamProtocol::Http1,
            };
            let pool = &config.pools[0];
            assert_eq!(
                (pool.protocol, pool.backends.len()),
                (upstream, scenario.backends),
                "{}",
                scenario.name
            );
        }
    }
}
