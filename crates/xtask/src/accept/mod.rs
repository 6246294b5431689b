//! `cargo xtask accept`: what the product promises, checked on a release build with real peers.

mod attacks;
mod crowd;
mod failures;
mod foretold;
mod leaving;
mod rehearsal;
mod reloads;
mod report;
mod shares;
mod stage;
mod transfers;
mod wrk;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::packages;
use crate::steps::command;

use report::Row;
use stage::Stage;

/// One group of promises.
struct Scenario {
    name: &'static str,
    about: &'static str,
    run: fn(Stage) -> Vec<Row>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "shares", about: "three nginx, equal and 5:1:1", run: shares::run },
    Scenario { name: "stopped", about: "two of five backends stop in mid-run", run: shares::run_stopped },
    Scenario { name: "foretold", about: "every strategy beside its simulation", run: foretold::run },
    Scenario { name: "rehearsal", about: "twenty pools beside their rehearsal", run: rehearsal::run },
    Scenario { name: "reloads", about: "a reload every 100 ms under load", run: reloads::run },
    Scenario { name: "failures", about: "kill -9 and return, a hanging backend", run: failures::run },
    Scenario { name: "transfers", about: "1 GiB each way, a slow reader", run: transfers::run },
    Scenario { name: "crowd", about: "5,000 idle, slow and hostile clients", run: crowd::run },
    Scenario { name: "attacks", about: "floods over HTTP/2 beside another client", run: attacks::run },
    Scenario { name: "leaving", about: "SIGTERM with long responses", run: leaving::run },
];

/// What to run, and for how long.
#[derive(Debug)]
pub(crate) struct Options {
    seconds: u64,
    only: Vec<String>,
}

impl Options {
    /// `[SCENARIO...] [--seconds N]`
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self { seconds: 30, only: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(&argument) = arguments.next() {
            if argument == "--seconds" {
                let value = arguments.next().and_then(|value| value.parse().ok()).filter(|value| *value > 0);
                options.seconds = value.ok_or("--seconds needs a number above 0")?;
            } else if SCENARIOS.iter().any(|scenario| scenario.name == argument) {
                options.only.push(argument.to_owned());
            } else {
                let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
                return Err(format!("{argument}: not one of {}", names.join(", ")));
            }
        }
        Ok(options)
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == scenario.name)
    }
}

/// Builds, runs every scenario and prints claim, measurement and verdict.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Failure> {
    packages::ensure(root, true)?;
    command(root, "cargo", &["build", "--release", "--package", "evenkeel"])?;
    raise_open_files()?;
    let mut rows = Vec::new();
    for scenario in SCENARIOS.iter().filter(|scenario| options.wants(scenario)) {
        println!("\n==> {}: {}", scenario.name, scenario.about);
        let started = Instant::now();
        for row in run_one(scenario, Stage::new(root, Duration::from_secs(options.seconds))) {
            println!("    {row}");
            rows.push(row);
        }
        println!("    took {:.0} s", started.elapsed().as_secs_f64());
    }
    print!("\n{}", report::table(&rows));
    match rows.iter().filter(|row| !row.passed()).count() {
        0 => Ok(()),
        failed => Err(format!("{failed} of {} claims do not hold", rows.len())),
    }
}

/// On a thread of its own, so that a panic is one failed claim and not the end of all.
fn run_one(scenario: &Scenario, stage: Stage) -> Vec<Row> {
    let run = scenario.run;
    let ended = std::thread::spawn(move || run(stage)).join();
    ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        let first = text.lines().next().unwrap_or_default().to_owned();
        vec![Row::failed(&format!("{} runs to its end", scenario.name), first)]
    })
}

/// The crowd needs a socket for each of its members on our side, too.
fn raise_open_files() -> Result<(), Failure> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).map_err(|error| format!("raising the limit of open files: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_checked() {
        let options = Options::parse(&["crowd", "--seconds", "5"]).unwrap();
        assert_eq!((options.seconds, options.only.as_slice()), (5, ["crowd".to_owned()].as_slice()));
        assert!(Options::parse(&[]).unwrap().wants(&SCENARIOS[0]));
        for wrong in [&["nonsense"][..], &["--seconds"], &["--seconds", "0"], &["--seconds", "x"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_panic_is_a_failed_claim() {
        let scenario = Scenario { name: "boom", about: "", run: |_| panic!("it broke\nbadly") };
        let rows = run_one(&scenario, Stage::new(Path::new("/"), Duration::from_secs(1)));
        assert!(!rows[0].passed() && rows[0].to_string().contains("it broke"), "{}", rows[0]);
    }
}
