//! nginx's configuration.

use std::fmt::Write as _;
use std::path::Path;

use super::super::backends;
use super::super::measure::Setup;
use super::super::scenario::{Protocol, Scenario};

/// Where Debian puts it: layer 4 is a package of its own there, and part of nginx elsewhere.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// The file's text.
pub(super) fn nginx(setup: &Setup, scenario: &Scenario, port: u16, directory: &Path) -> String {
    let at = directory.display();
    let mut text = format!(
        "worker_processes 1; daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\n\
         worker_rlimit_nofile 65536;\n"
    );
    let is_stream = matches!(scenario.protocol, Protocol::Tcp | Protocol::Udp);
    if is_stream && Path::new(STREAM_MODULE).exists() {
        writeln!(text, "load_module {STREAM_MODULE};").ok();
    }
    text.push_str("events { worker_connections 32768; }\n");
    text.push_str(&if is_stream { stream(scenario, port) } else { http(setup, scenario, port, directory) });
    text
}

fn stream(scenario: &Scenario, port: u16) -> String {
    let mut text = "stream { upstream web { least_conn;\n".to_owned();
    servers(&mut text, scenario);
    let udp = if scenario.protocol == Protocol::Udp { " udp" } else { "" };
    writeln!(text, "}}\nserver {{ listen 127.0.0.1:{port}{udp}; proxy_pass web; }} }}").ok();
    text
}

fn http(setup: &Setup, scenario: &Scenario, port: u16, directory: &Path) -> String {
    let at = directory.display();
    let mut text = format!(
        "http {{ access_log off; keepalive_requests 100000000; server_names_hash_max_size 65536;\n\
           server_names_hash_bucket_size 128; client_max_body_size 1g; client_body_temp_path {at}/body;\n\
           proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
           proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;\n\
           proxy_set_header X-Forwarded-For $remote_addr; proxy_request_buffering off;\n\
           upstream web {{ least_conn; keepalive 512; keepalive_requests 100000000;\n"
    );
    servers(&mut text, scenario);
    text.push_str("}\n");
    let (options, tls) = match scenario.protocol {
        Protocol::Https => (" ssl http2", tls(setup)),
        _ => ("", String::new()),
    };
    let server = |name: &str| {
        format!(
            "server {{ listen 127.0.0.1:{port}{options}; {name} {tls} location / {{ proxy_pass http://web; }} }}\n"
        )
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

fn servers(text: &mut String, scenario: &Scenario) {
    for address in scenario.backend_addresses(backends::PORT) {
        writeln!(text, "    server {address};").ok();
    }
}

/// Clients resume sessions by tickets; the cache is the one that the manual recommends.
fn tls(setup: &Setup) -> String {
    let certificate = setup.certificate();
    format!(
        "ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.2 TLSv1.3;\n  \
         ssl_session_cache shared:tls:10m; ssl_session_timeout 1h; ssl_session_tickets on;\n",
        certificate.chain().display(),
        certificate.key().display()
    )
}
