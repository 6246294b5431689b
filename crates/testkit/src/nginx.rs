//! Debian's nginx as a backend: a peer that is not ours.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::dir::TempDir;
use crate::port::free_port;

/// A running nginx with a directory of its own. Killed on drop.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

impl Nginx {
    /// Serves `name` as the content of every path, with `X-Backend: name`, on a free port.
    ///
    /// # Panics
    /// When nginx is not installed or does not start.
    pub async fn start(name: &str) -> Self {
        let location = format!("location / {{ add_header X-Backend {name}; return 200 \"{name}\\n\"; }}");
        Self::start_with(&location).await
    }

    /// With these directives in its `server` block.
    ///
    /// # Panics
    /// When nginx is not installed or does not start.
    pub async fn start_with(server: &str) -> Self {
        Self::on_free_port(|port| config(port, server)).await
    }

    /// As a balancer: with these directives in `http` beside its server, and those in its server. Paths begin in its
    /// [directory](Self::directory).
    ///
    /// # Panics
    /// When nginx is not installed or does not start.
    pub async fn start_balancer(http: &str, server: &str) -> Self {
        Self::on_free_port(|port| {
            let config = config(port, server);
            config.replacen("http {", &format!("http {{\n{http}"), 1).replacen("access_log off; ", "", 1)
        })
        .await
    }

    /// As a proxy of TCP: with these directives in the one `server` block of its `stream`.
    ///
    /// # Panics
    /// When nginx or its module is not installed, or it does not start.
    pub async fn start_stream(server: &str) -> Self {
        Self::on_free_port(|port| stream_config(port, server)).await
    }

    /// Another program may take the port between the choice and nginx's bind.
    async fn on_free_port(config: impl Fn(u16) -> String) -> Self {
        for _ in 0..5 {
            let port = free_port();
            if let Some(nginx) = Self::run(port, &config(port)).await {
                return nginx;
            }
        }
        panic!("nginx did not start on any of five ports");
    }

    /// On this port, if it can have it.
    ///
    /// # Panics
    /// When nginx is not installed.
    pub async fn try_start(port: u16, server: &str) -> Option<Self> {
        Self::run(port, &config(port, server)).await
    }

    async fn run(port: u16, config: &str) -> Option<Self> {
        let directory = TempDir::new("nginx");
        let config = directory.write("nginx.conf", config);
        let mut child = Command::new("/usr/sbin/nginx")
            .arg("-p")
            .arg(directory.path())
            .arg("-c")
            .arg(&config)
            .args(["-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("nginx (`cargo xtask test` installs it): {error}"));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        for _ in 0..500 {
            if child.try_wait().is_ok_and(|status| status.is_some()) {
                return None;
            }
            if TcpStream::connect(address).await.is_ok() {
                return Some(Self { child, address, directory });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        child.kill().ok();
        child.wait().ok();
        None
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its files are.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, like `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One process in the foreground, nothing outside its directory.
fn config(port: u16, server: &str) -> String {
    format!(
        "daemon off; master_process off; worker_rlimit_nofile 65536;\n\
         pid nginx.pid; error_log error.log;\n\
         events {{ worker_connections 16384; }}\n\
         http {{\n\
         access_log off; keepalive_requests 1000000; keepalive_timeout 300s; client_max_body_size 0;\n\
         client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;\n\
         scgi_temp_path scgi;\n\
         server {{ listen 127.0.0.1:{port} backlog=4096; {server} }}\n\
         }}\n"
    )
}

/// The same of connections that are passed on byte by byte.
fn stream_config(port: u16, server: &str) -> String {
    format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
         daemon off; master_process off; pid nginx.pid; error_log error.log;\n\
         events {{ }}\n\
         stream {{ server {{ listen 127.0.0.1:{port}; {server} }} }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;

    #[tokio::test]
    async fn serves_and_dies() {
        let mut nginx = Nginx::start("n1").await;
        let response = Client::connect(nginx.address()).await.get("h", "/any").await;
        assert_eq!((response.status(), response.text().trim()), (200, "n1"));
        assert_eq!(response.field("x-backend"), Some("n1"));
        nginx.kill();
        assert!(Client::try_connect(nginx.address()).await.is_err());
    }
}
