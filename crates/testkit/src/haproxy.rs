//! Debian's HAProxy as a balancer whose log is read.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tokio::net::TcpStream;

use crate::dir::TempDir;
use crate::port::free_port;
use crate::wait::until;

/// A running HAProxy, and its log as it sends it to a syslog daemon. Killed on drop.
#[derive(Debug)]
pub struct Haproxy {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

impl Haproxy {
    /// With this configuration behind `global` and the timeouts of `defaults`. `PORT` in it stands for the port to listen
    /// on. Lines are logged with the head of RFC 3164.
    ///
    /// # Panics
    /// When HAProxy is not installed or does not start.
    pub async fn start(sections: &str) -> Self {
        Self::logging("rfc3164", sections).await
    }

    /// The same with another head: `rfc5424` or `raw`.
    ///
    /// # Panics
    /// When HAProxy is not installed or does not start.
    pub async fn logging(format: &str, sections: &str) -> Self {
        let (directory, port) = (TempDir::new("haproxy"), free_port());
        // To a file: datagrams get lost when a machine is busy. With one thread: a line is dropped while another one writes.
        let text = format!(
            "global\n nbthread 1\n log stdout format {format} local0\ndefaults\n log global\n timeout connect 5s\n \
             timeout client 20s\n timeout server 20s\n{}\n",
            sections.replace("PORT", &port.to_string())
        );
        let config = directory.write("haproxy.cfg", &text);
        let log = File::create(directory.path().join("haproxy.log")).expect("a new file");
        let child = Command::new("/usr/sbin/haproxy")
            .args(["-db", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("haproxy (`cargo xtask test` installs it): {error}"));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let started = Self { child, address, directory };
        until("haproxy", async || TcpStream::connect(address).await.ok()).await;
        started
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.directory.path().join("haproxy.log")
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
