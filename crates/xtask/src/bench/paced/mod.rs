//! Load at a constant rate, whether or not it is kept up with.
//!
//! A request is due at its own moment and its latency counts from then, not from when a connection was free for it: a
//! proxy that stalls is charged for everybody who had to wait meanwhile. The generator is a process of its own, so that
//! it has the load's core and nothing else; it is this very program, called again.

mod connection;
mod generator;
mod offer;
mod record;

use std::io::Read as _;
use std::process::{Child, Stdio};

use crate::Failure;

use super::own;

pub(crate) use offer::Offer;
pub(crate) use record::{Longest, Paced};

/// A generator at work.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    /// Waits for its end and reads what it counted.
    pub(crate) fn finish(mut self) -> Result<Paced, Failure> {
        let mut output = String::new();
        if let Some(stdout) = &mut self.0.stdout {
            stdout.read_to_string(&mut output).map_err(|error| format!("load generator: {error}"))?;
        }
        let status = self.0.wait().map_err(|error| format!("load generator: {error}"))?;
        if !status.success() {
            return Err(format!("load generator ended with {status}"));
        }
        Paced::parse(&output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a generator on the load's core.
pub(crate) fn start(offer: &Offer) -> Result<Running, Failure> {
    let child = own::command("paced")?.args(offer.arguments()).stdout(Stdio::piped()).spawn();
    child.map(Running).map_err(|error| format!("load generator: {error}"))
}

/// The generator itself: prints one line for [`Running::finish`].
pub(crate) fn main(arguments: &[&str]) -> Result<(), Failure> {
    let offer = Offer::parse(arguments)?;
    println!("{}", generator::run(&offer)?.line());
    Ok(())
}
