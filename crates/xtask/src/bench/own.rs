//! Servers and load generators of the comparison that are this very program, called again: each has the load's core as
//! a process of its own.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use crate::Failure;

use super::measure::LOAD_CORE;

/// One of them on the load's core; its arguments are to be added.
pub(crate) fn command(name: &str) -> Result<Command, Failure> {
    let own = std::env::current_exe().map_err(|error| format!("this program's own file: {error}"))?;
    let mut command = Command::new("taskset");
    command.args(["-c", LOAD_CORE]).arg(own).args(["bench", name]).stdin(Stdio::null());
    Ok(command)
}

/// Starts a server.
pub(crate) fn serve(name: &str, arguments: impl IntoIterator<Item = String>) -> Result<Child, Failure> {
    command(name)?.args(arguments).spawn().map_err(|error| format!("{name}: {error}"))
}

/// Runs a generator to its end and returns the numbers of its line.
pub(crate) fn numbers(name: &str, arguments: impl IntoIterator<Item = String>) -> Result<Vec<f64>, Failure> {
    let child = command(name)?.args(arguments).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("{name}: {error}"))?;
    let mut output = String::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_string(&mut output).map_err(|error| format!("{name}: {error}"))?;
    }
    let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
    if !status.success() {
        return Err(format!("{name} ended with {status}"));
    }
    Ok(output.split_whitespace().filter_map(|number| number.parse().ok()).collect())
}
