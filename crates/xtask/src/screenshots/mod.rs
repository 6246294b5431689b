//! `cargo xtask screenshots`: the pictures of the guide, from a terminal on which the demo has really run.

mod svg;
mod terminal;

use std::path::{Path, PathBuf};

use crate::Failure;
use crate::steps::Steps;

/// What is on the screen when `diagnose` has named the fault.
const NAMED: &str = "Named by `diagnose`";
/// What is on it when the demo has run long enough for its figures to mean something.
const SETTLED: &str = " 8 s";

/// A picture: its name, what is run, and what is on the screen when it is taken.
struct Shot {
    name: String,
    arguments: String,
    shows: &'static str,
    about: String,
}

/// Takes every picture, or those of some faults, into `docs/images`.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let (program, wanted) = program(root, arguments)?;
    let faults = faults(&program)?;
    let mut shots = vec![Shot {
        name: "demo".to_owned(),
        arguments: "demo --duration 10s".to_owned(),
        shows: SETTLED,
        about: "evenkeel demo".to_owned(),
    }];
    shots.extend(faults.iter().map(|fault| Shot {
        name: format!("demo-{fault}"),
        arguments: format!("demo --fault {fault} --exit --speed 4"),
        shows: NAMED,
        about: format!("evenkeel demo --fault {fault}: the verdict"),
    }));
    shots.retain(|shot| wanted.is_empty() || wanted.iter().any(|name| shot.name == *name));
    if shots.is_empty() {
        return Err(format!("no such picture; there are: demo, demo-{}", faults.join(", demo-")));
    }
    let mut steps = Steps::new(shots.len());
    for shot in &shots {
        steps.run(&shot.arguments, || take(&program, shot, &root.join("docs/images")))?;
    }
    Ok(())
}

fn take(program: &Path, shot: &Shot, into: &Path) -> Result<(), Failure> {
    let screen = terminal::watch(program, &shot.arguments, shot.shows)?;
    let file = into.join(format!("{}.svg", shot.name));
    std::fs::write(&file, svg::render(&screen, &shot.about))
        .map_err(|error| format!("writing {}: {error}", file.display()))?;
    println!("    {}", file.display());
    Ok(())
}

/// The program that is run, `--program FILE` or a build of this tree, and the pictures that are wanted.
fn program<'a>(root: &Path, arguments: &[&'a str]) -> Result<(PathBuf, Vec<&'a str>), Failure> {
    if let ["--program", file, wanted @ ..] = arguments {
        return Ok((PathBuf::from(file), wanted.to_vec()));
    }
    crate::steps::command(root, "cargo", &["build", "--release", "-p", "evenkeel"])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok((target.join("release/evenkeel"), arguments.to_vec()))
}

/// The faults that its help lists: `- NAME: what it is`.
fn faults(program: &Path) -> Result<Vec<String>, Failure> {
    let help = std::process::Command::new(program).args(["demo", "--help"]).output();
    let help = help.map_err(|error| format!("{}: {error}", program.display()))?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let listed = help.lines().filter_map(|line| line.trim_start().strip_prefix("- ")?.split_once(':'));
    let faults: Vec<String> = listed.map(|(name, _)| name.to_owned()).collect();
    if faults.is_empty() { Err("`evenkeel demo --help` lists no faults".to_owned()) } else { Ok(faults) }
}
