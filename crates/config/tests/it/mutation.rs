//! Damaged files never make the loader panic, and are never refused without a reason and a place.

use std::panic;

use crate::examples;
use evenkeel_config::{RenderStyle, Severity, Source, load, render, to_json};
use evenkeel_core::Rng;

const MUTATIONS: u64 = 2000;

#[test]
fn a_damaged_file_is_accepted_or_refused_with_a_place() {
    let examples: Vec<Vec<u8>> =
        examples::examples().into_iter().map(|(_, text)| text.into_bytes()).collect();
    let mut refused = 0;
    for seed in 0..MUTATIONS {
        let mut rng = Rng::from_seed(seed);
        let mut bytes = examples[below(&mut rng, examples.len())].clone();
        for _ in 0..=rng.below(3) {
            damage(&mut bytes, &mut rng);
        }
        let outcome = panic::catch_unwind(|| check(&bytes));
        match outcome {
            Ok(Ok(ok)) => refused += u64::from(!ok),
            Ok(Err(problem)) => panic!("seed {seed}: {problem}\n{}", String::from_utf8_lossy(&bytes)),
            Err(_) => panic!("seed {seed} panics\n{}", String::from_utf8_lossy(&bytes)),
        }
    }
    // Comments take some of the damage. If hardly any file were refused, nothing would have been tested.
    assert!(refused > MUTATIONS / 2, "only {refused} of {MUTATIONS} were refused");
}

/// Whether the file is accepted, or what is wrong with how it is refused.
fn check(bytes: &[u8]) -> Result<bool, String> {
    let source = Source::from_bytes("damaged.toml", bytes);
    let loaded = load(&source);
    let errors = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    if loaded.config.is_some() != (errors == 0) {
        return Err(format!("{errors} errors, configuration: {}", loaded.config.is_some()));
    }
    for found in &loaded.diagnostics {
        if source.text().get(found.span.clone()).is_none() {
            return Err(format!("{found} has no place: {:?}", found.span));
        }
    }
    let said = render(&source, &loaded.diagnostics, RenderStyle { color: true, width: 80 });
    if said.is_empty() != loaded.diagnostics.is_empty() {
        return Err("rendered to nothing".into());
    }
    let json = to_json(&source, &loaded.diagnostics);
    match json["ok"] == (errors == 0) {
        true => Ok(errors == 0),
        false => Err("JSON disagrees".into()),
    }
}

fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    if bytes.is_empty() {
        return;
    }
    let at = below(rng, bytes.len());
    let until = (at + 1 + below(rng, 12)).min(bytes.len());
    match rng.below(7) {
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => drop(bytes.drain(at..until)),
        2 => {
            let piece = bytes[at..until].to_vec();
            bytes.splice(at..at, piece);
        }
        3 => bytes.insert(at, b"[]{}\"'=.,#\n\\-0"[below(rng, 14)]),
        kind => lines(bytes, rng, kind),
    }
}

fn lines(bytes: &mut Vec<u8>, rng: &mut Rng, kind: u32) {
    let mut lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (a, b) = (below(rng, lines.len()), below(rng, lines.len()));
    match kind {
        4 => lines.swap(a, b),
        5 => drop(lines.remove(a)),
        _ => lines.insert(b, lines[a].clone()),
    }
    *bytes = lines.concat();
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    rng.below(u32::try_from(bound).expect("examples are small")) as usize
}
