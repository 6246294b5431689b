//! How often a proxied request asks for memory: raw figures, a line each.
//!
//! `cargo xtask bench pick` runs this and judges; see there. Client and backend are processes of their own, so that
//! only what the proxy does is counted.

mod bare;
mod ours;
mod peers;

use std::alloc::System;
use std::error::Error;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, Stats, StatsAlloc};

use peers::Peer;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => print(),
        [peers::BACKEND] => peers::backend(),
        [peers::CLIENT, address] => peers::client(address),
        _ => {
            eprintln!("usage: bench-request");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-request: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `proxy allocations bytes`, each of one request.
fn print() -> Result<()> {
    let mut backend = Peer::start(&[peers::BACKEND])?;
    let address = backend.line()?.parse()?;
    let (allocations, bytes) = per_request(bare::start(address)?)?;
    println!("hyper {allocations:.3} {bytes:.1}");
    let (allocations, bytes) = per_request(ours::start(address)?)?;
    println!("evenkeel {allocations:.3} {bytes:.1}");
    Ok(())
}

/// The difference of two loads on the same kept connections, so that what does not grow with requests cancels.
fn per_request(proxy: std::net::SocketAddr) -> Result<(f64, f64)> {
    let mut client = Peer::start(&[peers::CLIENT, &proxy.to_string()])?;
    let mut load = |requests: u32| -> Result<Stats> {
        let before = ALLOCATOR.stats();
        client.tell(requests)?;
        client.line()?;
        Ok(ALLOCATOR.stats() - before)
    };
    load(WARM_UP)?;
    let more = {
        let short = load(SHORT)?;
        load(LONG)? - short
    };
    let each = |count: usize| count as f64 / f64::from(LONG - SHORT);
    // A buffer that grows is a call to the allocator like any other.
    Ok((each(more.allocations + more.reallocations), each(more.bytes_allocated)))
}

const WARM_UP: u32 = 2_000;
const SHORT: u32 = 10_000;
const LONG: u32 = 30_000;
