//! The comparison: every contender takes its turn in every round.

use std::path::Path;
use std::time::Duration;

use crate::{Failure, packages};

use super::bar::Against;
use super::contender::Contender;
use super::figures::Figures;
use super::measure::{self, Setup, aside};
use super::measured::{Measured, Pair};
use super::options::Options;
use super::scenario::{Load, Protocol, Scenario};
use super::{backends, reload, report, table, tail};

/// Turns after which there is no figure.
const TURNS: usize = 4;

/// In each round, of every scenario that is held against another of our own.
const PAIRS: usize = 3;

/// Runs the comparison and prints it; fails when a figure is not what it must be.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Failure> {
    packages::ensure_compared(root)?;
    if options.program.is_none() {
        aside(root, "cargo", &["build", "--release", "--package", "evenkeel"])?;
    }
    let mut setup =
        Setup::new(root, &measure::target(root).join("bench"), Duration::from_secs(options.seconds))?;
    if let Some(program) = &options.program {
        setup.program.clone_from(program);
    }
    setup.install_envoy()?;
    setup.certificate().make()?;
    let mut runs = Vec::new();
    for run in 1..=options.runs {
        if options.runs > 1 {
            eprintln!("run {run} of {}", options.runs);
        }
        let all: Result<Vec<_>, _> =
            options.scenarios.iter().map(|scenario| compare(&setup, scenario, options.rounds)).collect();
        runs.push(all?);
        if !options.json {
            print!("{}", runs.last().map(|all| table::table(all)).unwrap_or_default());
        }
    }
    if options.json {
        println!("{}", table::json(&runs));
    }
    if let (Some(file), Some(last)) = (&options.svg, runs.last()) {
        std::fs::write(file, report::svg(last)?).map_err(|error| format!("{file}: {error}"))?;
    }
    judge(&runs)
}

fn compare(setup: &Setup, scenario: &'static Scenario, rounds: usize) -> Result<Measured, Failure> {
    eprintln!("{}: {}", scenario.name, scenario.about);
    let backend = backends::start(setup, scenario)?;
    let rate = offered(setup, scenario)?;
    let mut measured = Measured {
        scenario,
        contenders: scenario.contenders().iter().map(|contender| (contender.name(), Vec::new())).collect(),
        pairs: Vec::new(),
    };
    for round in 1..=rounds {
        for (contender, (name, figures)) in scenario.contenders().iter().zip(&mut measured.contenders) {
            let got = tried(name, || once(setup, *contender, scenario, rate))?;
            let line = got.as_ref().map_or("cannot keep up, no figure".to_owned(), Figures::line);
            eprintln!("  round {round} {name:9} {line}");
            figures.extend(got);
        }
        for reference in scenario.references() {
            for turn in 1..=PAIRS {
                measured.pairs.push(pair(setup, scenario, reference, turn % 2 == 0)?);
            }
        }
    }
    drop(backend);
    Ok(measured)
}

/// Ours in two scenarios, one right after the other: what the machine does to one it then does to both. The order
/// changes from pair to pair.
fn pair(
    setup: &Setup,
    scenario: &'static Scenario,
    reference: &'static Scenario,
    reference_first: bool,
) -> Result<Pair, Failure> {
    let turn = |scenario: &'static Scenario| -> Result<Figures, Failure> {
        let figures = tried(scenario.name, || measure::measure(setup, Contender::Evenkeel, scenario))?;
        eprintln!("  in pairs {:16} {}", scenario.name, figures.line());
        Ok(figures)
    };
    if reference_first {
        let reference = turn(reference)?;
        return Ok(Pair { ours: turn(scenario)?, reference });
    }
    Ok(Pair { ours: turn(scenario)?, reference: turn(reference)? })
}

/// A turn that gives no figure, because somebody else used the machine or a request failed, is taken again, and that is
/// told. A comparison takes long; it ends only where no figure comes of several turns.
fn tried<T>(name: &str, turn: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
    for _ in 1..TURNS {
        match turn() {
            Ok(figures) => return Ok(figures),
            Err(failure) => eprintln!("  once more: {name}: {failure}"),
        }
    }
    turn().map_err(|failure| format!("{name}: {failure}"))
}

/// One contender's turn; nothing where one that no bar is about cannot take part.
fn once(
    setup: &Setup,
    contender: Contender,
    scenario: &Scenario,
    rate: f64,
) -> Result<Option<Figures>, Failure> {
    match scenario.load {
        Load::Tail { .. } => tail::measure(setup, contender, scenario, rate),
        Load::Reload { rate, .. } => reload::measure(setup, scenario, rate).map(Some),
        _ => measure::measure(setup, contender, scenario).map(Some),
    }
}

/// Requests a second that everybody is offered, where the scenario says so: part of the better peer's peak.
fn offered(setup: &Setup, scenario: &Scenario) -> Result<f64, Failure> {
    let Load::Tail { bytes, part } = scenario.load else { return Ok(0.0) };
    let closed = Scenario { load: Load::Get { bytes }, ..*scenario };
    let mut best = 0.0_f64;
    for peer in Contender::PEERS {
        let figures = tried(peer.name(), || measure::measure(setup, peer, &closed))?;
        eprintln!("  peak    {:9} {}", peer.name(), figures.line());
        best = best.max(figures.per_second);
    }
    eprintln!("  offered: {:.0}/s", best * part);
    Ok(best * part)
}

/// Every bar in every run.
fn judge(runs: &[Vec<Measured>]) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for (index, all) in runs.iter().enumerate() {
        let missed = table::missed(all);
        if !missed.is_empty() {
            failures.push(format!("run {} missed {}", index + 1, missed.join(", ")));
        }
    }
    match failures.len() {
        0 => {
            eprintln!("every figure is what it must be, in {} of {0} runs", runs.len());
            Ok(())
        }
        failed => {
            let met = runs.len() - failed;
            Err(format!(
                "every figure was what it must be in {met} of {} runs; {}",
                runs.len(),
                failures.join("; ")
            ))
        }
    }
}

impl Scenario {
    /// Who takes part.
    fn contenders(&self) -> &'static [Contender] {
        match (self.load, self.protocol) {
            (Load::Reload { .. }, _) => &[Contender::Evenkeel],
            // HAProxy balances no datagrams.
            (_, Protocol::Udp) => &[Contender::Evenkeel, Contender::Nginx],
            // nginx speaks HTTP/1 to backends.
            _ if self.http2_backends => &[Contender::Evenkeel, Contender::Haproxy, Contender::Envoy],
            _ => &Contender::ALL,
        }
    }

    /// What a bar of it names, measured beside it.
    fn references(&self) -> impl Iterator<Item = &'static Self> {
        self.bars.iter().filter_map(|bar| match bar.against {
            Against::Own(scenario) => Some(scenario),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measured::tests::measured;

    #[test]
    fn a_turn_without_a_figure_is_taken_again_but_not_for_ever() {
        let turns = std::cell::Cell::new(0);
        let turn = |good: usize| {
            turns.set(turns.get() + 1);
            if turns.get() == good { Ok(turns.get()) } else { Err("no figure".to_owned()) }
        };
        assert_eq!(tried("x", || turn(TURNS)), Ok(TURNS));
        turns.set(0);
        assert_eq!(tried("x", || turn(TURNS + 1)), Err("x: no figure".to_owned()));
        assert_eq!(turns.get(), TURNS);
    }

    #[test]
    fn one_missed_bar_in_one_run_fails_all_of_them() {
        let run = |ours: f64| {
            vec![
                measured("h1", [&[ours], &[15.0], &[16.0], &[1.0]], &[]),
                measured("h1_big", [&[5.0], &[15.0], &[10.0], &[1.0]], &[]),
            ]
        };
        assert_eq!(judge(&[run(15.0), run(13.0)]), Ok(()));
        let failure = judge(&[run(13.0), run(15.1), run(13.0)]).unwrap_err();
        assert!(failure.contains("in 2 of 3 runs; run 2 missed h1"), "{failure}");
        assert!(!failure.contains("h1_big"), "{failure}");
    }
}
