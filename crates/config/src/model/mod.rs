//! The checked configuration: what the rest of Evenkeel reads.
//!
//! A `Config` exists only when the file had no error, so nothing downstream validates again.
//! Every value is present; where the file was silent it holds the default of [`crate::defaults`].

mod contract;
mod health;
mod listener;
mod notify;
mod pool;
mod spec;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use contract::{Allow, Expect, RouteTest};
pub use health::{Check, Health, Passive};
pub use listener::{
    AcceptProxy, ClientTimeouts, HostMatch, Http2, HttpsRedirect, IpRange, Limits, Listener, Protocol, Route,
    UdpBounds,
};
pub use notify::{Notify, NotifyFormat, NotifyTo, WebUrl, header_line};
pub use pool::{
    Backend, BackendAddress, HashKey, LoadProbe, Pool, ProxyVersion, Queue, SameSite, Sticky,
    UpstreamKeepAlive, UpstreamProtocol, UpstreamTimeouts,
};
pub use tls::{CertificateFiles, ClientAuth, ServerTls, TlsVersion, UpstreamTls};

/// A whole configuration file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The read-only HTTP interface: metrics, health, pools. `None` when `admin = false`.
    pub admin: Option<Admin>,
    /// Worker threads and shutdown.
    pub runtime: Runtime,
    /// Log and access log.
    pub log: Log,
    /// Where what happened is kept.
    pub events: Events,
    /// Who is told of alarms, in file order.
    pub notify: Vec<Notify>,
    /// Listeners in file order.
    pub listeners: Vec<Listener>,
    /// Routes in file order; precedence is by specificity, not by order.
    pub routes: Vec<Route>,
    /// Pools in file order.
    pub pools: Vec<Pool>,
    /// Requests and the pools that must answer them, in file order.
    pub route_tests: Vec<RouteTest>,
    /// Warnings that are meant, wherever in the file they are; others stand in the tables they are about.
    pub allow: Vec<Allow>,
}

impl Config {
    /// The routes that hold on an HTTP listener, in the order in which they go into a
    /// [`RouteTable`](evenkeel_core::RouteTable): one for this listener alone goes before an equal one for all, so it comes
    /// after it and replaces it.
    pub fn routes_on<'a>(&'a self, listener: &'a str) -> impl Iterator<Item = &'a Route> {
        let everywhere = self.routes.iter().filter(|route| route.listener.is_none());
        everywhere.chain(self.routes.iter().filter(move |route| route.listener.as_deref() == Some(listener)))
    }
}

/// `[admin]`
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// Where it listens; loopback by default.
    pub listen: SocketAddr,
}

/// `[runtime]`
#[derive(Clone, Debug, PartialEq)]
pub struct Runtime {
    /// Data-path threads; `None` means one per core.
    pub workers: Option<usize>,
    /// After SIGTERM: how long readiness is red while connections are still accepted.
    pub lame_duration: Duration,
    /// After that: how long running requests may take before they are cut.
    pub drain_timeout: Duration,
    /// Where this process is; `None` when not said.
    pub zone: Option<Arc<str>>,
    /// Which of the instances in front of the same backends this is, 0 and up; `None` when not said.
    pub instance: Option<u32>,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Events below this are not written.
    pub level: LogLevel,
    /// How events look.
    pub format: LogFormat,
    /// The access log; `None` writes none.
    pub access: Option<AccessLog>,
}

/// `[events]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// The database; `None` keeps the latest in memory only.
    pub path: Option<PathBuf>,
    /// Events in it at most.
    pub keep: u64,
    /// Bytes of events in it at most.
    pub size: u64,
}

/// Severity of log events, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `trace`
    Trace,
    /// `debug`
    Debug,
    /// `info`
    Info,
    /// `warn`
    Warn,
    /// `error`
    Error,
}

/// How log events look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    Auto,
    /// One readable line an event.
    Human,
    /// One JSON object an event.
    Json,
}

/// `[log] access = { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct AccessLog {
    /// A file (reopened on SIGUSR1), or standard output for `"-"`.
    pub path: AccessLogPath,
    /// JSON or the combined format with Evenkeel's fields appended.
    pub format: AccessLogFormat,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogPath {
    /// `"-"`
    Stdout,
    /// Anything else.
    File(PathBuf),
}

/// Format of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// One JSON object a request.
    Json,
    /// Apache/nginx combined, then Evenkeel's fields as `key=value`.
    Combined,
}
