//! The servers behind the contenders: one nginx on every address of the pool, or what takes less of its core.

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::Failure;

use super::measure::{LOAD_CORE, Setup};
use super::scenario::{Load, Protocol, Scenario};
use super::{grpc_echo, plain_server, udp_echo};

/// Ends with its drop.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Port of the backends.
pub(crate) const PORT: u16 = 19_100;

/// Starts it on the load generator's core.
pub(crate) fn start(setup: &Setup, scenario: &Scenario) -> Result<Running, Failure> {
    setup.expect_free(PORT)?;
    if let Load::Tail { bytes, .. } = scenario.load {
        return answering(setup, plain_server::start(PORT, bytes)?, Protocol::Http, "plain backend");
    }
    if matches!(scenario.load, Load::Datagrams { .. }) {
        let echo = udp_echo::start(PORT, scenario.backend_addresses(PORT))?;
        return answering(setup, echo, Protocol::Udp, "echoing backend");
    }
    if matches!(scenario.load, Load::Calls { .. }) {
        return answering(setup, grpc_echo::start(PORT)?, Protocol::Http, "backend of calls");
    }
    nginx(setup, scenario)
}

/// One that answers.
fn answering(setup: &Setup, child: Child, protocol: Protocol, what: &str) -> Result<Running, Failure> {
    let running = Running(child);
    setup.wait_for_answer(protocol, PORT, what)?;
    Ok(running)
}

fn nginx(setup: &Setup, scenario: &Scenario) -> Result<Running, Failure> {
    let directory = setup.directory.join("backend");
    let html = directory.join("html");
    fs::create_dir_all(&html).map_err(|error| error.to_string())?;
    if !matches!(scenario.load, Load::Post { .. }) {
        let file = html.join(scenario.response_bytes().to_string());
        fs::write(file, vec![b'x'; scenario.response_bytes()]).map_err(|error| error.to_string())?;
    }
    let at = directory.display();
    // This nginx takes HTTP/2 without TLS from those who begin with it, and then nothing else.
    let http2 = if scenario.http2_backends { " http2" } else { "" };
    let configuration = format!(
        "worker_processes 1; daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\n\
         worker_rlimit_nofile 65536;\n\
         events {{ worker_connections 32768; }}\n\
         http {{ access_log off; sendfile on; keepalive_requests 100000000; keepalive_timeout 1h;\n\
           client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/f;\n\
           uwsgi_temp_path {at}/u; scgi_temp_path {at}/s; open_file_cache max=100;\n\
           server {{ listen 0.0.0.0:{PORT} backlog=4096{http2}; root {at}/html; client_max_body_size 1g;\n\
             location = /post {{ return 200; }} }} }}\n"
    );
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration).map_err(|error| error.to_string())?;
    let child = Command::new("taskset")
        .args(["-c", LOAD_CORE, "nginx", "-p"])
        .arg(&directory)
        .arg("-c")
        .arg(&file)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("backend nginx: {error}"))?;
    answering(setup, child, Protocol::Http, "backend nginx")
}
