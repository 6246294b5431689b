//! Who may use what. `docs/ARCHITECTURE.md` says why.

use super::files::File;

/// In files whose path begins with one of `within`, none of `words` appears in code.
struct Ban {
    within: &'static [&'static str],
    words: &'static [&'static str],
    because: &'static str,
}

/// Only files whose path begins with one of `within` may have `word` in code (tests aside).
struct Reserved {
    word: &'static str,
    within: &'static [&'static str],
    because: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        within: &["crates/core/src/"],
        words: &[
            "tokio",
            "hyper",
            "serde",
            "std::time::Instant",
            "SystemTime",
            "Instant::now",
            "std::net::Tcp",
            "rand",
        ],
        because: "core decides: no I/O, no clock, no runtime",
    },
    Ban {
        within: &["crates/config/src/"],
        words: &["tokio", "hyper", "evenkeel_proxy"],
        because: "configuration is read without a runtime",
    },
    Ban {
        within: &["crates/rehearse/src/"],
        words: &[
            "tokio",
            "hyper",
            "std::net::Tcp",
            "ToSocketAddrs",
            "Instant::now",
            "std::fs",
            "evenkeel_proxy",
        ],
        because: "a rehearsal opens nothing, and its time is its own",
    },
    Ban {
        within: &["crates/journal/src/"],
        words: &["tokio", "hyper", "evenkeel_proxy", "evenkeel_config", "evenkeel_core"],
        because: "the journal needs no runtime, and knows nobody who tells it something",
    },
    Ban {
        within: &["crates/testkit/", "crates/evenkeel/tests/"],
        words: &["evenkeel_proxy", "evenkeel_config", "evenkeel_core"],
        because: "tests from outside share no code with what they test",
    },
    Ban {
        within: &["crates/proxy/src/http1/", "crates/proxy/src/proxy_protocol/"],
        words: &[
            "tokio",
            "std::time",
            "std::net::Tcp",
            "crate::http::",
            "crate::listen",
            "crate::pool",
            "crate::route",
        ],
        because: "parsing is pure",
    },
    Ban {
        within: &["crates/proxy/src/pool/"],
        words: &["crate::http::", "crate::listen", "crate::route", "crate::worker"],
        because: "the control side never touches a client connection",
    },
    Ban {
        within: &["crates/proxy/src/route/"],
        words: &["tokio", "crate::http::", "crate::listen", "pool::keeper", "pool::probe", "pool::resolve"],
        because: "routing reads tables, nothing else",
    },
    Ban {
        within: &["crates/proxy/src/upstream/"],
        words: &["crate::http::", "crate::listen", "crate::route", "crate::pool"],
        because: "connections to backends know nothing of requests",
    },
    Ban {
        within: &["crates/proxy/src/listen/"],
        words: &["crate::upstream", "pool::keeper", "pool::probe"],
        because: "accepting knows nothing of backends",
    },
];

const RESERVED: &[Reserved] = &[
    Reserved {
        word: "prometheus",
        within: &["crates/proxy/src/telemetry/"],
        because: "metrics have one catalogue, and one place that knows their library",
    },
    Reserved {
        word: "redb",
        within: &["crates/journal/src/store/", "crates/journal/src/dead.rs"],
        because: "what is on disk has one place that knows how",
    },
    Reserved {
        word: "arc_swap",
        within: &[
            "crates/proxy/src/pool/",
            "crates/proxy/src/listen/",
            "crates/proxy/src/tls/",
            "crates/proxy/src/proxy.rs",
            "benches/",
        ],
        because: "what is swapped under running requests is known by name",
    },
];

pub(super) fn check(file: &File) -> Vec<String> {
    let code = file.text.lines().enumerate().map(|(number, line)| (number, without_comment(line)));
    let mut complaints = Vec::new();
    for (number, line) in code {
        for ban in BANS.iter().filter(|ban| is_within(file, ban.within)) {
            for word in ban.words.iter().filter(|word| has_word(line, word)) {
                complaints
                    .push(file.complain(number, format!("`{word}` has no place here: {}", ban.because)));
            }
        }
        for reserved in
            RESERVED.iter().filter(|reserved| is_product(file) && !is_within(file, reserved.within))
        {
            if has_word(line, &format!("{}::", reserved.word)) {
                complaints.push(file.complain(number, format!("`{}`: {}", reserved.word, reserved.because)));
            }
        }
    }
    complaints
}

/// Code that ships, unlike this very file, which names what it looks for.
fn is_product(file: &File) -> bool {
    !file.path.starts_with("crates/xtask/") && !file.path.contains("/tests/")
}

fn is_within(file: &File, places: &[&str]) -> bool {
    places.iter().any(|place| file.path.starts_with(place))
}

fn without_comment(line: &str) -> &str {
    line.find("//").map_or(line, |start| &line[..start])
}

/// Whether `word` stands in `line` with no letter, digit or underscore at either end.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back().is_some_and(is_part);
        let after = line[start + word.len()..].chars().next().is_some_and(is_part);
        !before && (!after || word.ends_with(':') || word.ends_with("Tcp"))
    })
}
