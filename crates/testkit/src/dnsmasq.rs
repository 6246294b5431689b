//! Debian's dnsmasq as a backend: a DNS server that is not ours.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::datagrams::UdpClient;
use crate::port::free_port;

/// A running dnsmasq that knows names below `test` and nothing else. Killed on drop.
#[derive(Debug)]
pub struct Dnsmasq {
    child: Child,
    address: SocketAddr,
}

/// A question for the address of `a.test`, in the wire format of RFC 1035 section 4.1.
const QUESTION: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01";

impl Dnsmasq {
    /// Answers `answer` to whoever asks for the address of any name below `test`, on a free port.
    ///
    /// # Panics
    /// When dnsmasq is not installed or does not start.
    pub async fn start(answer: Ipv4Addr) -> Self {
        // Another program may take the port between the choice and dnsmasq's bind.
        for _ in 0..5 {
            if let Some(dnsmasq) = Self::try_start(free_port(), answer).await {
                return dnsmasq;
            }
        }
        panic!("dnsmasq did not start on any of five ports");
    }

    async fn try_start(port: u16, answer: Ipv4Addr) -> Option<Self> {
        let child = Command::new("/usr/sbin/dnsmasq")
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--no-resolv",
                "--no-hosts",
                "--user=root",
            ])
            .args(["--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file="])
            .arg(format!("--port={port}"))
            .arg(format!("--address=/test/{answer}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dnsmasq (package dnsmasq-base) is installed");
        let mut started = Self { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) };
        let client = UdpClient::connect(started.address).await;
        for _ in 0..100 {
            client.send(QUESTION).await;
            if client.receive_within(Duration::from_millis(50)).await.is_some() {
                return Some(started);
            }
            if started.child.try_wait().ok()?.is_some() {
                return None;
            }
        }
        None
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
