//! `cargo xtask bench pick`: what a pick costs, and how often memory is asked for.
//!
//! Three kinds of figures: wall time, which drifts with the machine and is therefore marked but fails nothing; counted
//! instructions, to be compared from one change to the next; counted allocations, which have bars that fail the run.

mod callgrind;
mod figures;
mod json;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;

use figures::{Allocations, Figures, Request, Time, rows};

/// `[--json]`
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let json = match arguments {
        [] => false,
        ["--json"] => true,
        other => return Err(format!("unknown: {}; only --json", other.join(" "))),
    };
    let figures = measure(root)?;
    if json {
        print!("{}", json::json(&figures));
    } else {
        print!("{}", table::table(&figures));
    }
    let missed = figures.missed();
    if missed.is_empty() { Ok(()) } else { Err(missed.join("; ")) }
}

fn measure(root: &Path) -> Result<Figures, Failure> {
    let cargo = ["build", "--quiet", "--release", "--package", "evenkeel-benches"];
    let built = Command::new("cargo").args(cargo).current_dir(root).status();
    let built = built.map_err(|error| format!("cargo: {error}"))?;
    if !built.success() {
        return Err("the benchmarks do not build".to_owned());
    }
    let pick = built_program(root, "bench-pick");
    eprintln!("allocations");
    let allocations = rows(&said(&pick, &["allocations"])?, Allocations::parse)?;
    let requests = rows(&said(&built_program(root, "bench-request"), &[])?, Request::parse)?;
    eprintln!("instructions");
    let instructions = callgrind::count(&pick)?;
    eprintln!("time");
    let times = rows(&said(&pick, &["times"])?, Time::parse)?;
    Ok(Figures { times, instructions, allocations, requests })
}

/// Where cargo puts it: beside this very program's profile.
fn built_program(root: &Path, name: &str) -> PathBuf {
    let own = std::env::current_exe().ok();
    let target = own.as_deref().and_then(|own| own.ancestors().nth(2));
    target.map_or_else(|| root.join("target"), Path::to_path_buf).join("release").join(name)
}

/// What a program says on its output.
fn said(program: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let name = program.display();
    let output = Command::new(program).args(arguments).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{name}: {error}"))
}
