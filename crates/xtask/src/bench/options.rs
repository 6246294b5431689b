//! What to compare, and how often.

use std::path::PathBuf;

use crate::Failure;

use super::scenario::{SCENARIOS, Scenario};

/// Read from the command line.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) scenarios: Vec<&'static Scenario>,
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    /// How often the whole comparison is repeated.
    pub(crate) runs: usize,
    /// The Evenkeel to measure, instead of one that is built.
    pub(crate) program: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) svg: Option<String>,
}

impl Options {
    /// `[SCENARIO...] [--rounds N] [--seconds N] [--runs N] [--program FILE] [--json] [--svg FILE]`
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self {
            scenarios: Vec::new(),
            rounds: 3,
            seconds: 4,
            runs: 1,
            program: None,
            json: false,
            svg: None,
        };
        let mut arguments = arguments.iter();
        while let Some(&argument) = arguments.next() {
            let mut value = || arguments.next().copied().ok_or(format!("{argument} needs a value"));
            match argument {
                "--rounds" => options.rounds = number(argument, value()?)? as usize,
                "--seconds" => options.seconds = number(argument, value()?)?,
                "--runs" => options.runs = number(argument, value()?)? as usize,
                "--program" => options.program = Some(value()?.into()),
                "--json" => options.json = true,
                "--svg" => options.svg = Some(value()?.to_owned()),
                name => options.scenarios.push(scenario(name)?),
            }
        }
        if options.scenarios.is_empty() {
            options.scenarios.extend(SCENARIOS);
        }
        Ok(options)
    }
}

pub(crate) fn number(argument: &str, text: &str) -> Result<u64, Failure> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| format!("{argument} needs a number above 0"))
}

fn scenario(name: &str) -> Result<&'static Scenario, Failure> {
    let names = || SCENARIOS.iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
    SCENARIOS.iter().find(|known| known.name == name).ok_or_else(|| format!("{name}: not one of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_arguments_everything_is_compared_in_three_rounds() {
        let options = Options::parse(&[]).unwrap();
        assert_eq!((options.scenarios.len(), options.rounds, options.runs), (SCENARIOS.len(), 3, 1));
    }

    #[test]
    fn arguments_choose() {
        let line = ["h1_tail", "--runs", "2", "--rounds", "5", "reload", "--program", "/a/b"];
        let options = Options::parse(&line).unwrap();
        let names: Vec<_> = options.scenarios.iter().map(|scenario| scenario.name).collect();
        assert_eq!((names, options.runs, options.rounds), (vec!["h1_tail", "reload"], 2, 5));
        assert_eq!(options.program, Some("/a/b".into()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [&["h3"][..], &["--runs"], &["--runs", "0"], &["--rounds", "x"]] {
            assert!(Options::parse(line).is_err(), "{line:?}");
        }
    }
}
