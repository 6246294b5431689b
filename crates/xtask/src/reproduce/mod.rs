//! `cargo xtask reproduce`: figures that were published, from the very code that balances.
//!
//! Everything is computed or simulated from a seed: the same build gives the same figures on every machine, however busy
//! it is. So a figure outside of its target is a change of behaviour, never noise.

mod adding;
mod around;
mod balls;
mod keys;
mod latency;
mod options;
mod page;
mod pictures;
mod pools;
mod queues;
mod row;
mod shares;
mod table;
mod work;

use std::path::Path;
use std::process::Command;

use crate::Failure;

pub(crate) use page::spliced;

use latency::Latency;
use options::Options;
use row::{Line, Row};

/// What one run found.
#[derive(Debug)]
struct Findings {
    lines: Vec<Line>,
    /// `None` when it was not asked for.
    latency: Option<Latency>,
}

/// What the table of latencies is called on the command line.
const LATENCY: &str = "latency";

/// `[--quick] [--json] [--write] [NAME...]`
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let options = Options::parse(arguments)?;
    if cfg!(debug_assertions) {
        return optimised(root, arguments);
    }
    let findings = find(&options);
    if options.json {
        println!("{}", table::json(&findings, options.effort));
    } else {
        print!("{}", table::text(&findings));
    }
    if options.write {
        write(root, &findings)?;
    }
    let failed: Vec<&str> =
        findings.lines.iter().filter(|line| !line.pass).map(|line| line.name.as_str()).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("not reproduced: {}", failed.join(", "))) }
}

/// Minutes of simulation are hours without an optimiser.
fn optimised(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let cargo = ["run", "--quiet", "--release", "--package", "xtask", "--", "reproduce"];
    let status = Command::new("cargo").args(cargo).args(arguments).current_dir(root).status();
    let status = status.map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("reproduce ended with {status}")) }
}

fn find(options: &Options) -> Findings {
    let rows: Vec<&Row> = row::all().into_iter().filter(|row| options.wants(row.name)).collect();
    let mut lines = work::spread(rows.len(), |index| {
        let line = rows[index].line(options.effort);
        eprintln!("{:18} {}", line.name, line.got);
        line
    });
    let latency = options.wants(LATENCY).then(|| Latency::measure(options.effort));
    lines.extend(latency.iter().flat_map(|latency| latency.lines(options.effort)));
    Findings { lines, latency }
}

/// The page with these figures, and its pictures.
fn write(root: &Path, findings: &Findings) -> Result<(), Failure> {
    page::write(root, findings)?;
    pictures::write(root, findings)
}
