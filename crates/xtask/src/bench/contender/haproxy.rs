//! HAProxy's configuration.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Failure;

use super::super::backends;
use super::super::measure::Setup;
use super::super::scenario::{Protocol, Scenario};

/// The file's text.
pub(super) fn haproxy(
    setup: &Setup,
    scenario: &Scenario,
    port: u16,
    directory: &Path,
) -> Result<String, Failure> {
    let mode = match scenario.protocol {
        Protocol::Http | Protocol::Https => {
            "mode http\n  option http-keep-alive\n  option forwardfor\n  http-reuse always"
        }
        Protocol::Tcp => "mode tcp",
        Protocol::Udp => return Err("HAProxy does not balance UDP".to_owned()),
    };
    let tls = match scenario.protocol {
        Protocol::Https => format!(" ssl crt {} alpn h2,http/1.1", setup.certificate().both().display()),
        _ => String::new(),
    };
    let mut text = format!(
        "global\n  nbthread 1\n  maxconn 9000\ndefaults\n  {mode}\n  timeout connect 3s\n  timeout client 1h\n  \
         timeout server 60s\nfrontend f\n  bind 127.0.0.1:{port} backlog 4096{tls}\n"
    );
    if scenario.hosts == 0 {
        text.push_str("  default_backend web\n");
    } else {
        let map = directory.join("hosts.map");
        let lines: String = scenario.host_names().map(|host| format!("{host} web\n")).collect();
        fs::write(&map, lines).map_err(|error| error.to_string())?;
        writeln!(text, "  use_backend %[req.hdr(host),lower,map_str({})]", map.display()).ok();
    }
    // Without a host, nginx refuses a check by HTTP/2.
    text.push_str(
        "backend web\n  balance leastconn\n  option httpchk\n  \
         http-check send meth GET uri /1024 ver HTTP/1.1 hdr Host backend\n",
    );
    let proto = if scenario.http2_backends { "proto h2 " } else { "" };
    for (index, address) in scenario.backend_addresses(backends::PORT).enumerate() {
        writeln!(text, "  server s{index} {address} {proto}check inter 2s").ok();
    }
    Ok(text)
}
