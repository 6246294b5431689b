//! What a pick costs: nanoseconds per pick and end of a lease, for every strategy in the registry.
//!
//! `cargo run --profile bench-fast -p evenkeel-benches [-- --json]`. Wall time, so compare only numbers of
//! one run on an otherwise idle machine.

mod measure;
mod report;

use std::process::ExitCode;

use evenkeel_core::{REGISTRY, StrategyKind};
use measure::{Case, Load};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let json = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--json"] => true,
        _ => {
            eprintln!("usage: evenkeel-benches [--json]");
            return ExitCode::from(2);
        }
    };
    let measured: Vec<_> = cases().map(|case| (case, measure::nanos_per_pick(case))).collect();
    print!("{}", if json { report::json(&measured) } else { report::table(&measured) });
    ExitCode::SUCCESS
}

fn cases() -> impl Iterator<Item = Case> {
    let kinds = REGISTRY.iter().map(|known| known.kind);
    kinds.flat_map(|strategy| THREADS.into_iter().flat_map(move |threads| rows(strategy, threads)))
}

fn rows(strategy: StrategyKind, threads: usize) -> impl Iterator<Item = Case> {
    let row =
        move |load| BACKENDS.into_iter().map(move |backends| Case { strategy, threads, load, backends });
    Load::ALL.into_iter().flat_map(row)
}

const BACKENDS: [usize; 5] = [8, 32, 100, 1_000, 10_000];
const THREADS: [usize; 2] = [1, 2];
