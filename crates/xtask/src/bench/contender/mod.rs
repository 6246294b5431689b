//! The proxies that are compared, each configured as its manual recommends for this job: one worker, kept
//! connections to the backends, the least-loaded strategy. A file each.

mod envoy;
mod evenkeel;
mod haproxy;
mod nginx;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;

use super::backends::Running;
use super::measure::{PROXY_CORE, Setup};
use super::scenario::Scenario;

pub(crate) use evenkeel::evenkeel;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Evenkeel,
    Nginx,
    Haproxy,
    Envoy,
}

impl Contender {
    pub(crate) const ALL: [Self; 4] = [Self::Evenkeel, Self::Nginx, Self::Haproxy, Self::Envoy];

    /// Whose better one most bars are about: balancers written in C, at home on the same machines.
    pub(crate) const PEERS: [Self; 2] = [Self::Nginx, Self::Haproxy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Evenkeel => "evenkeel",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    /// Starts it on its own core, listening on `port`.
    pub(crate) fn start(self, setup: &Setup, scenario: &Scenario, port: u16) -> Result<Running, Failure> {
        setup.expect_free(port)?;
        let directory = setup.directory.join(self.name());
        fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let file = directory.join(if self == Self::Envoy { "configuration.yaml" } else { "configuration" });
        fs::write(&file, self.configuration(setup, scenario, port, &directory)?)
            .map_err(|error| error.to_string())?;
        let log = fs::File::create(directory.join("output.log")).map_err(|error| error.to_string())?;
        let again = log.try_clone().map_err(|error| error.to_string())?;
        let mut command = self.command(setup, &directory, &file);
        let child = command.stdin(Stdio::null()).stdout(log).stderr(again).spawn();
        let running = Running(child.map_err(|error| format!("{}: {error}", self.name()))?);
        setup.wait_for_answer(scenario.protocol, port, self.name())?;
        Ok(running)
    }

    fn configuration(
        self,
        setup: &Setup,
        scenario: &Scenario,
        port: u16,
        directory: &Path,
    ) -> Result<String, Failure> {
        match self {
            Self::Evenkeel => Ok(evenkeel(setup, scenario, port)),
            Self::Nginx => Ok(nginx::nginx(setup, scenario, port, directory)),
            Self::Haproxy => haproxy::haproxy(setup, scenario, port, directory),
            Self::Envoy => envoy::envoy(setup, scenario, port),
        }
    }

    fn command(self, setup: &Setup, directory: &Path, file: &Path) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", PROXY_CORE]);
        match self {
            Self::Evenkeel => command.arg(&setup.program).args(["run", "-c"]).arg(file),
            Self::Nginx => command.args(["nginx", "-p"]).arg(directory).arg("-c").arg(file),
            Self::Haproxy => command.args(["haproxy", "-db", "-f"]).arg(file),
            Self::Envoy => command
                .arg(setup.envoy())
                .args(["--concurrency", "1", "--disable-hot-restart", "-l", "error", "-c"])
                .arg(file),
        };
        command
    }
}
