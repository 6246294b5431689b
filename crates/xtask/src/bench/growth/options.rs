//! Which series, and how long.

use std::path::PathBuf;

use crate::Failure;

use super::super::options::number;
use super::series::Series;

/// Read from the command line.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) series: Vec<Series>,
    pub(super) rounds: usize,
    /// Of load at each point.
    pub(super) seconds: u64,
    /// The Evenkeel to measure, instead of one that is built.
    pub(super) program: Option<PathBuf>,
    pub(super) json: bool,
    /// Where pictures go.
    pub(super) svg: Option<PathBuf>,
}

impl Options {
    pub(super) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options =
            Self { series: Vec::new(), rounds: 3, seconds: 2, program: None, json: false, svg: None };
        let mut arguments = arguments.iter();
        while let Some(&argument) = arguments.next() {
            let mut value = || arguments.next().copied().ok_or(format!("{argument} needs a value"));
            match argument {
                "--rounds" => options.rounds = number(argument, value()?)? as usize,
                "--seconds" => options.seconds = number(argument, value()?)?,
                "--program" => options.program = Some(value()?.into()),
                "--json" => options.json = true,
                "--svg" => options.svg = Some(value()?.into()),
                name => options.series.push(series(name)?),
            }
        }
        if options.series.is_empty() {
            options.series.extend(Series::ALL);
        }
        Ok(options)
    }
}

fn series(name: &str) -> Result<Series, Failure> {
    let names = || Series::ALL.map(Series::name).join(", ");
    Series::ALL
        .into_iter()
        .find(|known| known.name() == name)
        .ok_or_else(|| format!("{name}: not one of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_arguments_every_series_is_measured_in_three_rounds() {
        let options = Options::parse(&[]).unwrap();
        assert_eq!((options.series, options.rounds), (Series::ALL.to_vec(), 3));
    }

    #[test]
    fn arguments_choose() {
        let options = Options::parse(&["idle", "--svg", "there", "body", "--rounds", "1"]).unwrap();
        assert_eq!((options.series, options.rounds), (vec![Series::Idle, Series::Body], 1));
        assert_eq!(options.svg, Some("there".into()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [&["h1"][..], &["--svg"], &["--rounds", "0"], &["--seconds", "x"]] {
            assert!(Options::parse(line).is_err(), "{line:?}");
        }
    }
}
