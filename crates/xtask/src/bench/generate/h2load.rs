//! HTTP/2 over TLS: h2load, of nghttp2.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::Failure;

use super::super::certificate::{AGREED, CIPHER, GROUP};
use super::super::grpc_echo;
use super::super::measure::{LOAD_CORE, PORT, Setup};
use super::super::scenario::{Load, Scenario};
use super::Generated;

/// Runs it to its end.
pub(super) fn run(setup: &Setup, scenario: &Scenario, duration: Duration) -> Result<Generated, Failure> {
    let (Load::Streams { connections, streams, .. } | Load::Calls { connections, streams, .. }) =
        scenario.load
    else {
        return Err("h2load is for streams".to_owned());
    };
    let mut command = Command::new("taskset");
    command
        .args(["-c", LOAD_CORE, "h2load", "-t1", "-c"])
        .arg(connections.to_string())
        .arg(format!("-m{streams}"))
        .arg(format!("-D{}s", duration.as_secs()))
        .args(["--tls13-ciphers", CIPHER, "--groups", GROUP]);
    if let Load::Calls { bytes, .. } = scenario.load {
        let file = setup.directory.join("message");
        fs::write(&file, grpc_echo::message(bytes)).map_err(|error| error.to_string())?;
        command.args(grpc_echo::FIELDS.iter().flat_map(|field| ["-H", field])).arg("-d").arg(file);
    }
    let output = command.arg(scenario.url(PORT)).output().map_err(|error| format!("h2load: {error}"))?;
    let parsed = Parsed::from(&String::from_utf8_lossy(&output.stdout))?;
    parsed.check(scenario)?;
    Ok(Generated { requests: parsed.succeeded, ..Generated::default() })
}

/// What h2load counted.
#[derive(Clone, Debug, PartialEq)]
struct Parsed {
    succeeded: f64,
    /// Failed in any way, and answered with something else than 2xx.
    failed: f64,
    /// Of all bodies.
    bytes: f64,
    /// Version, cipher, group and protocol of the application.
    negotiated: String,
}

impl Parsed {
    fn from(output: &str) -> Result<Self, Failure> {
        let line = |name: &str| output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let word = |name| line(name).and_then(|line| line.split_whitespace().next()).unwrap_or("-");
        let parse = || -> Option<Self> {
            let requests = line("requests")?;
            let codes = line("status codes")?;
            let failed = counted(requests, "failed")?
                + counted(codes, "3xx")?
                + counted(codes, "4xx")?
                + counted(codes, "5xx")?;
            Some(Self {
                succeeded: counted(requests, "succeeded")?,
                failed,
                bytes: body_bytes(line("traffic")?)?,
                negotiated: ["TLS Protocol", "Cipher", "Server Temp Key", "Application protocol"]
                    .map(word)
                    .join(" "),
            })
        };
        parse().ok_or_else(|| format!("h2load printed no result:\n{output}"))
    }

    fn check(&self, scenario: &Scenario) -> Result<(), Failure> {
        if self.negotiated != format!("{AGREED} h2") {
            return Err(format!("the connections were of another kind, no figure: {self:?}"));
        }
        if self.failed > 0.0 {
            return Err(format!("the load had errors, no figure: {self:?}"));
        }
        if self.bytes < self.succeeded * scenario.response_bytes() as f64 {
            return Err(format!("responses are too short, no figure: {self:?}"));
        }
        Ok(())
    }
}

/// Of `12 total, 11 started`, the number before a word.
fn counted(line: &str, word: &str) -> Option<f64> {
    line.split(", ").find_map(|part| part.strip_suffix(word)?.trim().parse().ok())
}

/// Of `1.2KB (1234) total, 10B (10) headers (space savings 90.00%), 1.1KB (1130) data`, the last in brackets.
fn body_bytes(line: &str) -> Option<f64> {
    line.strip_suffix(" data")?.rsplit('(').next()?.strip_suffix(')')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::scenario::SCENARIOS;

    const OUTPUT: &str = "\
starting benchmark...
TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Server Temp Key: X25519 253 bits
Application protocol: h2

finished in 1.00s, 1000.00 req/s, 1.1MB/s
requests: 1000 total, 1128 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 1.10MB (1150000) total, 48.83KB (50000) headers (space savings 70.00%), 1000.00KB (1024000) data
                     min         max         mean         sd        +/- sd
time for request:      354us     33.21ms      3.19ms      2.91ms    96.21%
";

    fn checked(output: &str) -> Result<(), Failure> {
        let h2 = SCENARIOS.iter().find(|scenario| scenario.name == "h2").unwrap();
        Parsed::from(output).unwrap().check(h2)
    }

    #[test]
    fn a_good_run_is_counted() {
        let parsed = Parsed::from(OUTPUT).unwrap();
        assert_eq!((parsed.succeeded, parsed.failed, parsed.bytes), (1000.0, 0.0, 1_024_000.0));
        assert_eq!(checked(OUTPUT), Ok(()));
    }

    #[test]
    fn a_run_with_errors_or_of_another_kind_gives_no_figure() {
        for (was, is) in [
            ("0 failed", "1 failed"),
            ("0 3xx", "1 3xx"),
            ("0 5xx", "1 5xx"),
            ("(1024000)", "(1023999)"),
            ("AES_128", "AES_256"),
            ("TLSv1.3", "TLSv1.2"),
            ("X25519 253", "ECDH 256"),
            ("protocol: h2", "protocol: http/1.1"),
        ] {
            let output = OUTPUT.replace(was, is);
            assert_ne!(output, OUTPUT, "{was}");
            assert!(checked(&output).is_err(), "{is}");
        }
        assert!(Parsed::from("nothing").is_err());
    }
}
