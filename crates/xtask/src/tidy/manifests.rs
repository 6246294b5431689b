//! Dependencies between the crates of the workspace.

use super::files::File;

/// A crate's directory and what its manifest must not name.
const BANS: &[(&str, &[&str])] = &[
    ("crates/core/", &["tokio", "hyper", "serde", "evenkeel-config", "evenkeel-proxy"]),
    ("crates/config/", &["tokio", "hyper", "evenkeel-proxy"]),
    ("crates/rehearse/", &["tokio", "hyper", "evenkeel-proxy"]),
    ("crates/journal/", &["tokio", "hyper", "evenkeel-proxy", "evenkeel-config", "evenkeel-core"]),
    ("crates/proxy/", &["evenkeel "]),
    ("crates/testkit/", &["evenkeel-proxy", "evenkeel-config", "hyper"]),
];

pub(super) fn check(file: &File) -> Vec<String> {
    let banned =
        BANS.iter().filter(|(crate_, _)| file.path.starts_with(crate_)).flat_map(|(_, names)| *names);
    let mut complaints = Vec::new();
    for name in banned {
        for (number, line) in file.text.lines().enumerate() {
            let names_it =
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=', '_', '-']));
            if names_it {
                complaints.push(file.complain(number, format!("must not depend on {}", name.trim())));
            }
        }
    }
    complaints
}
