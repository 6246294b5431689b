//! `cargo xtask bench growth`: how cost grows with what there is much of.
//!
//! Evenkeel alone, one worker pinned to one core, backends and load generator on the other. Every point takes its turn in
//! every round, so that a machine that drifts bends no line.

#[cfg(test)]
mod documented;
mod load;
mod options;
mod outcome;
mod pictures;
mod reload;
mod series;
mod table;

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::{Failure, packages};

use super::measure::{self, Setup, aside};
use super::{backends, idle};

use options::Options;
use outcome::{Outcome, Sample};
use series::Series;

/// `[SERIES...] [--rounds N] [--seconds N] [--program FILE] [--json] [--svg DIRECTORY]`
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let options = Options::parse(arguments)?;
    packages::ensure_compared(root)?;
    if options.program.is_none() {
        aside(root, "cargo", &["build", "--release", "--package", "evenkeel"])?;
    }
    idle::allow_files()?;
    let directory = measure::target(root).join("growth");
    let mut setup = Setup::new(root, &directory, Duration::from_secs(options.seconds))?;
    if let Some(program) = &options.program {
        setup.program.clone_from(program);
    }
    let mut all: Vec<Outcome> = options.series.iter().map(|series| Outcome::new(*series)).collect();
    for round in 1..=options.rounds {
        for outcome in &mut all {
            let series = outcome.series;
            for point in &mut outcome.points {
                let sample = once(&setup, series, point.at)
                    .map_err(|failure| format!("{} {}: {failure}", series.name(), point.at))?;
                eprintln!("round {round} {:8} {:>9} {}", series.name(), point.at, sample.line());
                point.samples.push(sample);
            }
        }
    }
    if options.json {
        println!("{}", table::json(&all));
    } else {
        print!("{}", table::table(&all));
    }
    match &options.svg {
        Some(directory) => draw(directory, &all),
        None => Ok(()),
    }
}

fn once(setup: &Setup, series: Series, at: usize) -> Result<Sample, Failure> {
    let scenario = series.scenario(at);
    let backend = backends::start(setup, &scenario)?;
    let sample = match series {
        Series::Reload => reload::measure(setup, &scenario),
        _ => load::measure(setup, series, &scenario, at),
    };
    drop(backend);
    sample
}

fn draw(directory: &Path, all: &[Outcome]) -> Result<(), Failure> {
    fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    for outcome in all {
        for (name, picture) in pictures::pictures(outcome)? {
            let file = directory.join(name);
            fs::write(&file, picture).map_err(|error| format!("{}: {error}", file.display()))?;
            eprintln!("wrote {}", file.display());
        }
    }
    Ok(())
}
