//! HTTP/1.1 over kept connections or new ones, over TLS or not: wrk.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::Failure;

use super::super::measure::{LOAD_CORE, PORT, Setup};
use super::super::scenario::{CONNECTIONS, Load, Protocol, Scenario};
use super::Generated;

/// A response that takes longer is an error. Many long ones at once share one core with all that sends and reads them.
const RESPONSE_MAX: &str = "10s";

/// Runs it to its end.
pub(super) fn run(setup: &Setup, scenario: &Scenario, duration: Duration) -> Result<Generated, Failure> {
    let script = setup.directory.join("load.lua");
    fs::write(&script, lua(scenario)).map_err(|error| error.to_string())?;
    let parsed = Parsed::from(&load(setup, &script, scenario, duration)?)?;
    parsed.check(scenario)?;
    Ok(Generated { requests: parsed.requests, p50_ms: parsed.p50_ms, p99_ms: parsed.p99_ms })
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

/// What wrk prints; it offers what [`clients`](super::super::certificate::Certificate::clients) tells its TLS to offer.
pub(crate) fn load(
    setup: &Setup,
    script: &Path,
    scenario: &Scenario,
    duration: Duration,
) -> Result<String, Failure> {
    let mut command = Command::new("taskset");
    if scenario.protocol == Protocol::Https {
        command.env("OPENSSL_CONF", setup.certificate().clients());
    }
    let output = command
        .args(["-c", LOAD_CORE, "wrk", "-t1", "--timeout", RESPONSE_MAX, "-c"])
        .arg(CONNECTIONS.to_string())
        .arg(format!("-d{}s", duration.as_secs()))
        .arg("-s")
        .arg(script)
        .arg(scenario.url(PORT))
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
        self.check_at_least(0.0, scenario)
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
