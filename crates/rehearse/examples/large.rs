//! How long the rehearsal of a large configuration takes: `large [POOLS [BACKENDS [STRATEGY]]]`, 1,000 pools of 10 backends
//! with different weights if not said, every single failure included.

use std::fmt::Write as _;
use std::time::Instant;

use evenkeel_config::{Source, load};
use evenkeel_rehearse::{Options, rehearse};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (pools, backends): (usize, usize) = (number(0, 1000), number(1, 10));
    let strategy = arguments.get(2).map_or("least_request", String::as_str);
    let source = Source::new("large.toml", file(pools, backends, strategy));
    let started = Instant::now();
    let loaded = load(&source);
    let Some(config) = loaded.config else {
        eprintln!("{:?}", loaded.diagnostics);
        std::process::exit(2);
    };
    let (read, started) = (started.elapsed(), Instant::now());
    let report = rehearse(&config, &Options::default());
    println!(
        "{pools} pools of {backends} backends, {strategy}: read in {read:.1?}, rehearsed in {:.1?}; {} situations with {} \
         requests, {} problems, {} risks",
        started.elapsed(),
        report.situations,
        report.requests,
        report.problems.len(),
        report.risks.len()
    );
}

fn file(pools: usize, backends: usize, strategy: &str) -> String {
    let mut text = "[listener.web]\nbind = \":8080\"\n".to_owned();
    for pool in 0..pools {
        writeln!(text, "[[route]]\npath = \"/{pool}\"\npool = \"p{pool}\"").ok();
        writeln!(text, "[pool.p{pool}]\nstrategy = \"{strategy}\"\nintent = \"weights\"\nhealth = {{}}").ok();
        if matches!(strategy, "maglev" | "ring" | "rendezvous") {
            writeln!(text, "hash = {{ header = \"X-User\" }}").ok();
        }
        writeln!(text, "backends = [").ok();
        for backend in 0..backends {
            let address =
                format!("10.{}.{}.{}:{}", pool >> 8, pool & 255, backend & 255, 80 + (backend >> 8));
            writeln!(
                text,
                "  {{ address = \"{address}\", weight = {}, zone = \"z{}\" }},",
                1 + backend % 100,
                backend % 3
            )
            .ok();
        }
        writeln!(text, "]").ok();
    }
    text
}
