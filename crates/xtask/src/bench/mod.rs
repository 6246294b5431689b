//! `cargo xtask bench`: how much work a request is, beside the peers, in one run.
//!
//! Machines differ and drift, so only ratios within one run count: every contender takes its turn in every round, each
//! with one worker pinned to one core, while backends and load generator have the other.

mod backends;
mod contender;
mod idle;
mod measure;
mod report;
mod scenario;

use std::path::Path;
use std::time::Duration;

use crate::Failure;
use crate::steps::command;

use contender::Contender;
use measure::{Figures, Setup};
use scenario::{SCENARIOS, Scenario};

/// What to run.
#[derive(Debug)]
pub(crate) struct Options {
    scenarios: Vec<&'static Scenario>,
    rounds: usize,
    seconds: u64,
    json: bool,
    svg: Option<String>,
}

impl Options {
    /// `[SCENARIO...] [--rounds N] [--seconds N] [--json] [--svg FILE]`
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self { scenarios: Vec::new(), rounds: 3, seconds: 4, json: false, svg: None };
        let mut arguments = arguments.iter();
        while let Some(&argument) = arguments.next() {
            let mut value = || arguments.next().copied().ok_or(format!("{argument} needs a value"));
            let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{argument} needs a number"));
            match argument {
                "--rounds" => options.rounds = number(value()?)?.max(1) as usize,
                "--seconds" => options.seconds = number(value()?)?.max(1),
                "--json" => options.json = true,
                "--svg" => options.svg = Some(value()?.to_owned()),
                name => {
                    let names = || SCENARIOS.iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
                    let scenario = SCENARIOS.iter().find(|known| known.name == name);
                    options
                        .scenarios
                        .push(scenario.ok_or_else(|| format!("{name}: not one of {}", names()))?);
                }
            }
        }
        if options.scenarios.is_empty() {
            options.scenarios.extend(SCENARIOS);
        }
        Ok(options)
    }
}

/// One scenario's figures: for each contender, one set a round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) scenario: &'static Scenario,
    pub(crate) contenders: Vec<(&'static str, Vec<Figures>)>,
}

/// Runs the comparison and prints it.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Failure> {
    command(root, "cargo", &["build", "--release", "--package", "evenkeel"])?;
    let directory = root.join("target/bench");
    let setup = Setup::new(root, &directory, Duration::from_secs(options.seconds))?;
    let mut all = Vec::new();
    for scenario in &options.scenarios {
        eprintln!("{}: {}", scenario.name, scenario.about);
        all.push(compare(&setup, scenario, options.rounds)?);
    }
    if options.json {
        println!("{}", report::json(&all));
    } else {
        print!("{}", report::table(&all));
    }
    if let Some(file) = &options.svg {
        std::fs::write(file, report::svg(&all)).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

fn compare(setup: &Setup, scenario: &'static Scenario, rounds: usize) -> Result<Measured, Failure> {
    let backend = backends::start(setup, scenario)?;
    let mut contenders: Vec<(&'static str, Vec<Figures>)> =
        Contender::ALL.iter().map(|contender| (contender.name(), Vec::new())).collect();
    for round in 1..=rounds {
        for (contender, (name, figures)) in Contender::ALL.iter().zip(&mut contenders) {
            let measured = measure::measure(setup, *contender, scenario)
                .map_err(|failure| format!("{name}: {failure}"))?;
            eprintln!("  round {round} {name:9} {}", measured.line());
            figures.push(measured);
        }
    }
    drop(backend);
    Ok(Measured { scenario, contenders })
}
