//! `cargo xtask replay`: outages as they happen, played with real processes, and what Evenkeel makes of each.
//!
//! Servers that can do only so much, the database behind them, Evenkeel, users who come whether or not they are served,
//! Prometheus and Alertmanager with the shipped rules: each is a process of its own. Every story is played twice at the
//! same time, with its fault and without.

mod alerting;
mod before;
mod course;
mod machine;
mod options;
mod outcome;
mod page;
mod picture;
mod site;
mod story;
mod table;
mod users;
mod watcher;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::Failure;
use crate::packages;
use crate::steps::command;

use before::Before;
use course::{Course, play};
use outcome::Outcome;
use story::Story;

pub(crate) use machine::main as machine;
pub(crate) use options::Options;

/// Plays what is asked for, and tells of each what was promised and did not hold.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Failure> {
    packages::ensure_replayed(root)?;
    let program = program(root, options)?;
    let mut outcomes = Vec::new();
    for story in &options.stories {
        eprintln!("\n==> {}: {}", story.id, story.title);
        let outcome = one(root, &program, story)?;
        eprint!("{}", table::story(&outcome));
        outcomes.push(outcome);
    }
    if options.json {
        println!("{}", table::json(&outcomes));
    } else {
        print!("\n{}", table::text(&outcomes));
    }
    if options.write {
        page::write(root, &outcomes)?;
    }
    let missed =
        outcomes.iter().filter(|outcome| !outcome.missed().is_empty()).map(|outcome| outcome.story.id);
    match missed.collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        missed => Err(format!("not as promised: {}", missed.join(", "))),
    }
}

/// The given one, or a release build.
fn program(root: &Path, options: &Options) -> Result<PathBuf, Failure> {
    if let Some(program) = &options.program {
        return Ok(program.clone());
    }
    command(root, "cargo", &["build", "--release", "--package", "evenkeel"])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/evenkeel"))
}

/// A story and the same without its fault, at the same time.
fn one(root: &Path, program: &Path, story: &'static Story) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let (course, control, before) = std::thread::scope(|scope| {
        let control = scope.spawn(|| block_on(play(root, program, story, false)));
        let before = block_on(async { Ok(Before::of(program, story).await) });
        let course = block_on(play(root, program, story, true));
        // A panic of the other thread has been told there.
        let control = control.join().unwrap_or_else(|_| Err("the run without the fault panicked".to_owned()));
        Ok::<(Course, Course, Before), Failure>((course?, control?, before?))
    })?;
    Ok(Outcome { story, before, course, control, seconds: started.elapsed().as_secs_f64() })
}

fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(future)
}
