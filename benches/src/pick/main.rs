//! What a pick costs, for every strategy in the registry: raw figures, a line each.
//!
//! `cargo xtask bench pick` runs this, judges and explains; see there.

mod allocations;
mod case;
mod laps;
mod times;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["times"] => times::print(),
        ["laps"] => laps::print(),
        ["allocations"] => allocations::print(),
        _ => {
            eprintln!("usage: bench-pick times | laps | allocations");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
