//! The balancer as a child process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use serde_json::Value;

use crate::client::Client;
use crate::dir::TempDir;
use crate::http::Response;
use crate::metrics::Metrics;
use crate::wait::{until, until_within};

/// Starting may have to wait for processor time, nothing else.
const START: Duration = Duration::from_secs(30);

/// A running `evenkeel`, its log and its directory. Killed on drop.
#[derive(Debug)]
pub struct Evenkeel {
    child: Child,
    directory: TempDir,
    stderr: Lines,
    stdout: Lines,
}

/// A program that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Evenkeel {
    /// Runs `binary run -c FILE` with `config` in a directory of its own, and waits until it is ready.
    ///
    /// # Panics
    /// With its log, when it does not get ready.
    pub async fn start(binary: &str, config: &str) -> Self {
        let process = Self::launch(binary, config, &["run", "-c", "evenkeel.toml"]);
        process.await_message("ready").await;
        process
    }

    /// Runs `binary` with these arguments in a directory that has `config` as `evenkeel.toml`.
    ///
    /// # Panics
    /// When the binary cannot be run.
    pub fn launch(binary: &str, config: &str, arguments: &[&str]) -> Self {
        let directory = TempDir::new("run");
        directory.write("evenkeel.toml", config);
        let mut child = Command::new(binary)
            .args(arguments)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{binary}: {error}"));
        let stderr = Lines::collect(child.stderr.take());
        let stdout = Lines::collect(child.stdout.take());
        Self { child, directory, stderr, stdout }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it runs; relative paths in its configuration begin here.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.directory.path().join("evenkeel.toml")
    }

    /// Replaces the configuration file, which by itself changes nothing.
    pub fn write_config(&self, text: &str) {
        self.directory.write("evenkeel.toml", text);
    }

    /// The bound address of a listener, `admin` included.
    ///
    /// # Panics
    /// When its log does not tell one.
    #[track_caller]
    pub fn address(&self, listener: &str) -> SocketAddr {
        self.try_address(listener)
            .unwrap_or_else(|| panic!("no address of {listener} in the log:\n{}", self.log_text()))
    }

    /// The bound address that the log tells last for a listener.
    pub fn try_address(&self, listener: &str) -> Option<SocketAddr> {
        let events = self.log();
        let of_listener = |event: &&Value| event["message"] == "listening" && event["listener"] == listener;
        events.iter().rev().find(of_listener)?["address"].as_str()?.parse().ok()
    }

    /// A connection to a listener.
    pub async fn client(&self, listener: &str) -> Client {
        Client::connect(self.address(listener)).await
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process is gone.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal)
            .unwrap_or_else(|error| panic!("signal {signal:?}: {error}\n{}", self.log_text()));
    }

    /// Every JSON line of its standard error so far.
    pub fn log(&self) -> Vec<Value> {
        self.stderr.all().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Its standard error so far, for messages.
    pub fn log_text(&self) -> String {
        self.stderr.all().join("\n")
    }

    /// The lines of its standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.all()
    }

    /// Waits until the log has an event with this message, and gives the first.
    ///
    /// # Panics
    /// With the log, when it does not come or the process ends.
    pub async fn await_message(&self, message: &str) -> Value {
        self.await_event(message, |event| event["message"] == message).await
    }

    /// Waits until the log has an event that `wanted` accepts, and gives the first.
    ///
    /// # Panics
    /// With the log, when it does not come.
    pub async fn await_event(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = std::time::Instant::now() + START;
        loop {
            if let Some(event) = self.log().into_iter().find(|event| wanted(event)) {
                return event;
            }
            let in_time = std::time::Instant::now() < deadline && !self.stderr.ended();
            assert!(in_time, "no event {what:?} in the log:\n{}", self.log_text());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// GETs `path` from the admin listener.
    pub async fn admin(&self, path: &str) -> Response {
        let mut client = self.client("admin").await;
        client.get("localhost", path).await
    }

    /// GETs JSON from the admin listener.
    ///
    /// # Panics
    /// When the answer is not JSON.
    pub async fn admin_json(&self, path: &str) -> Value {
        let response = self.admin(path).await;
        serde_json::from_slice(&response.body)
            .unwrap_or_else(|error| panic!("{path}: {error}: {}", response.text()))
    }

    /// Scrapes `/metrics`.
    pub async fn metrics(&self) -> Metrics {
        let response = self.admin("/metrics").await;
        assert_eq!(response.status(), 200, "{}", response.text());
        Metrics::parse(&response.text())
    }

    /// Scrapes until `accept` holds.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn await_metrics(&self, what: &str, accept: impl Fn(&Metrics) -> bool) -> Metrics {
        until(what, async || Some(self.metrics().await).filter(|metrics| accept(metrics))).await
    }

    /// Waits until every backend of `pool` is eligible.
    ///
    /// # Panics
    /// When that does not happen in time.
    pub async fn await_eligible(&self, pool: &str, backends: usize) {
        let accept = |metrics: &Metrics| {
            metrics.get("evenkeel_backend_eligible", &[("pool", pool)]) == Some(backends as f64)
        };
        self.await_metrics(&format!("{backends} eligible backends in {pool}"), accept).await;
    }

    /// Replaces the configuration, sends SIGHUP and waits until the reload has been carried out or refused.
    ///
    /// # Panics
    /// When neither happens in time.
    pub async fn reload(&self, config: &str) -> Value {
        let before = self.admin_json("/generation").await["reloads"].clone();
        self.write_config(config);
        self.signal(Signal::HUP);
        until("the reload", async || {
            Some(self.admin_json("/generation").await).filter(|generation| generation["reloads"] != before)
        })
        .await
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Panics
    /// With the log, when it does not within `limit`.
    pub async fn await_exit(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        until_within(limit, "the process to end", async || {
            child.try_wait().expect("a child can be waited for")
        })
        .await
    }

    /// Resident memory in bytes, from the kernel.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory so far, in bytes, from the kernel.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn peak_resident_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, key: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("the kernel tells memory");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        kib * 1024
    }
}

impl Drop for Evenkeel {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let directory = self.directory.path().display();
            println!("log of evenkeel in {directory}:\n{}", self.log_text());
        }
    }
}

/// Runs a program to its end with these arguments in `directory`.
///
/// # Panics
/// When it cannot be run, or does not end within `limit`.
pub async fn run_to_end(binary: &str, arguments: &[&str], directory: &Path, limit: Duration) -> Finished {
    let mut child = Command::new(binary)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{binary}: {error}"));
    let (stdout, stderr) = (Lines::collect(child.stdout.take()), Lines::collect(child.stderr.take()));
    let deadline = std::time::Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if std::time::Instant::now() > deadline {
            child.kill().ok();
            child.wait().ok();
            panic!("{binary} {arguments:?} did not end within {limit:?}: {}", stderr.all().join("\n"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    until("the end of its output", async || (stdout.ended() && stderr.ended()).then_some(())).await;
    Finished { status, stdout: stdout.all().join("\n"), stderr: stderr.all().join("\n") }
}

/// Lines that a thread reads from a pipe.
#[derive(Clone, Debug, Default)]
struct Lines {
    read: Arc<Mutex<(Vec<String>, bool)>>,
}

impl Lines {
    fn collect(pipe: Option<impl Read + Send + 'static>) -> Self {
        let lines = Self::default();
        let sink = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe.expect("the pipe was asked for")).lines().map_while(Result::ok) {
                sink.with(|(lines, _)| lines.push(line));
            }
            sink.with(|(_, ended)| *ended = true);
        });
        lines
    }

    fn all(&self) -> Vec<String> {
        self.with(|(lines, _)| lines.clone())
    }

    fn ended(&self) -> bool {
        self.with(|(_, ended)| *ended)
    }

    fn with<T>(&self, access: impl FnOnce(&mut (Vec<String>, bool)) -> T) -> T {
        access(&mut self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
