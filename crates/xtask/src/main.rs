//! Evenkeel's chores. `cargo xtask` lists them.

mod accept;
mod bench;
mod chart;
mod packages;
mod python;
mod replay;
mod reproduce;
mod screenshots;
mod steps;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why a chore failed, for people.
type Failure = String;

const USAGE: &str = "\
cargo xtask test [--no-install]   everything that must pass before a change lands: Debian packages that the tests
                                  need, formatting, lints, tidiness, all tests
cargo xtask bench compare [SCENARIO...] [--rounds N] [--seconds N] [--runs N] [--program FILE] [--json] [--svg FILE]
                                  cost and latency of a request beside nginx, HAProxy and Envoy, in one run; fails when
                                  a figure is not what it must be. With --runs all of it N times over; with --program
                                  that Evenkeel instead of one that is built
cargo xtask bench pick [--json]   cost of a pick: time, instructions, allocations; fails when a pick allocates, or a
                                  proxied request more often than one of bare hyper + 2
cargo xtask bench growth [SERIES...] [--rounds N] [--seconds N] [--program FILE] [--json] [--svg DIRECTORY]
                                  how cost grows with backends, routes, idle connections, bodies, and a reload's with
                                  backends; with --svg pictures of it
cargo xtask accept [SCENARIO...] [--seconds N]
                                  the acceptance runs on a release build: shares, rehearsal, reloads, failures,
                                  transfers, crowds, attacks, leaving
cargo xtask replay [R1...] [--program FILE] [--json] [--write]
                                  outages as they happen, with real processes: what refuses each before deploy, when
                                  it is told and rightly so, whom it hurts, whether an alert fires, and how it is
                                  mended; fails when something is not as promised. With --write docs/replays.md and
                                  its pictures are brought up to date
cargo xtask reproduce [--quick] [--json] [--write] [NAME...]
                                  published figures of balancing, and the 99th percentile of every strategy, from
                                  the code that balances; fails when one is not reproduced. With --write the page
                                  about strategies and its pictures are brought up to date
cargo xtask screenshots [--program FILE] [NAME...]
                                  docs/images/demo*.svg, from a terminal on which the demo has run
cargo xtask tidy                  import rules, file lengths, forbidden words, links of the documentation
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["test"] => test::run(&root(), true),
        ["test", "--no-install"] => test::run(&root(), false),
        ["tidy"] => tidy::run(&root()),
        ["accept", rest @ ..] => {
            accept::Options::parse(rest).and_then(|options| accept::run(&root(), &options))
        }
        ["bench", "compare", rest @ ..] => {
            bench::Options::parse(rest).and_then(|options| bench::run(&root(), &options))
        }
        ["bench", "pick", rest @ ..] => bench::pick::run(&root(), rest),
        // A server of a replay, which it starts; not for people.
        ["replay", "machine", rest @ ..] => replay::machine(rest),
        ["replay", rest @ ..] => {
            replay::Options::parse(rest).and_then(|options| replay::run(&root(), &options))
        }
        ["screenshots", rest @ ..] => screenshots::run(&root(), rest),
        ["reproduce", rest @ ..] => reproduce::run(&root(), rest),
        ["bench", "growth", rest @ ..] => bench::growth::run(&root(), rest),
        // Load generators and backends, which the comparison starts; not for people.
        ["bench", "paced", rest @ ..] => bench::paced::main(rest),
        ["bench", "handshakes", rest @ ..] => bench::generate::handshakes::main(rest),
        ["bench", "datagrams", rest @ ..] => bench::generate::datagrams::main(rest),
        ["bench", "plain-server", rest @ ..] => bench::plain_server::main(rest),
        ["bench", "grpc-echo", rest @ ..] => bench::grpc_echo::main(rest),
        ["bench", "udp-echo", rest @ ..] => bench::udp_echo::main(rest),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        other => {
            eprint!("unknown chore: {}\n\n{USAGE}", other.join(" "));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nFAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace, wherever the command was given.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_path_buf()
}
