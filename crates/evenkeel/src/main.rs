//! The `evenkeel` command.

mod admin;
mod analyze;
mod app;
mod certificates;
mod check;
mod cli;
mod client;
mod demo;
mod diagnose;
mod diff;
mod drift;
mod events;
mod explain;
mod lines;
mod load;
mod output;
mod parse;
mod postmortem;
mod rehearse;
mod reload;
mod status;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::output::Answer;

/// Requests allocate a little and often, on every worker: what the system's allocator is worst at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let answer = match Cli::parse().into_command() {
        Ok(Command::Demo(arguments)) => demo::demo(&arguments),
        Ok(Command::Run(arguments)) => app::run(&arguments),
        Ok(Command::Check(arguments)) => check::check(&arguments),
        Ok(Command::Rehearse(arguments)) => rehearse::rehearse(&arguments),
        Ok(Command::Explain(arguments)) => explain::explain(&arguments),
        Ok(Command::Schema) => check::schema(),
        Ok(Command::Diff(arguments)) => diff::diff(&arguments),
        Ok(Command::Drift(arguments)) => drift::drift(&arguments),
        Ok(Command::Analyze(arguments)) => analyze::analyze(&arguments),
        Ok(Command::Load(arguments)) => load::load(&arguments),
        Ok(Command::Verify(arguments)) => verify::verify(&arguments),
        Ok(Command::Diagnose(arguments)) => diagnose::diagnose(&arguments),
        Ok(Command::Status(arguments)) => status::status(&arguments),
        Ok(Command::Events(arguments)) => events::events(&arguments),
        Ok(Command::Postmortem(arguments)) => postmortem::postmortem(&arguments),
        Ok(Command::Reload(arguments)) => reload::reload(&arguments),
        Err(usage) => usage.exit(),
    };
    match answer {
        Answer::Yes => ExitCode::SUCCESS,
        Answer::No => ExitCode::FAILURE,
        Answer::Misused => ExitCode::from(2),
    }
}
