use super::*;
use evenkeel_testkit::TempDir;

/// A tree without a complaint, then `path` with `text`.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let directory = TempDir::new("tidy");
    let root = directory.path();
    for required in REQUIRED {
        put(root, required, "fine\n");
    }
    assert!(check(root).unwrap().is_empty());
    put(root, path, text);
    check(root).unwrap()
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[track_caller]
fn red(path: &str, text: &str, expected: &str) {
    let found = complaints(path, text);
    assert!(
        found.iter().any(|complaint| complaint.contains(expected)),
        "{text:?} gives {found:?}, not {expected:?}"
    );
}

#[track_caller]
fn green(path: &str, text: &str) {
    let found = complaints(path, text);
    assert!(found.is_empty(), "{text:?} gives {found:?}");
}

#[test]
fn core_has_no_runtime_and_no_clock() {
    for line in [
        "use tokio::sync::Mutex;",
        "use hyper::Request;",
        "use serde::Serialize;",
        "let now = std::time::Instant::now();",
        "use std::time::{Duration, SystemTime};",
        "use rand::Rng;",
    ] {
        red("crates/core/src/pool/state.rs", line, "core decides");
    }
    green(
        "crates/core/src/pool/state.rs",
        "use std::time::Duration; // not tokio\nstruct Rng; let operand = 1;\n",
    );
}

#[test]
fn configuration_has_no_runtime() {
    red("crates/config/src/lib.rs", "use tokio::fs;", "without a runtime");
    red("crates/config/src/lib.rs", "use evenkeel_proxy::Proxy;", "without a runtime");
    green("crates/config/src/lib.rs", "use toml::de::DeTable;");
}

#[test]
fn the_journal_has_no_runtime_and_its_database_one_place() {
    red("crates/journal/src/writer.rs", "use tokio::sync::mpsc;", "needs no runtime");
    red("crates/journal/src/ring.rs", "use redb::Database;", "has one place");
    green("crates/journal/src/store/mod.rs", "use redb::Database;");
}

#[test]
fn tests_from_outside_share_no_code() {
    red("crates/testkit/src/lib.rs", "use evenkeel_proxy::http1;", "share no code");
    red("crates/evenkeel/tests/it/main.rs", "use evenkeel_config::load;", "share no code");
    green("crates/testkit/src/lib.rs", "use tokio::net::TcpStream;");
}

#[test]
fn modules_of_the_proxy_keep_apart() {
    red("crates/proxy/src/http1/field.rs", "use tokio::io::ReadBuf;", "parsing is pure");
    red("crates/proxy/src/pool/keeper.rs", "use crate::http::Incoming;", "never touches a client connection");
    green("crates/proxy/src/pool/probe.rs", "use crate::http1::HeadScanner;");
    red("crates/proxy/src/route/table.rs", "use crate::pool::keeper::Keeper;", "routing reads tables");
    red("crates/proxy/src/upstream/idle.rs", "use crate::pool::PoolCell;", "know nothing of requests");
    red("crates/proxy/src/listen/accept.rs", "use crate::upstream::connect;", "knows nothing of backends");
}

#[test]
fn libraries_have_one_place() {
    red("crates/proxy/src/worker.rs", "use prometheus::Counter;", "one catalogue");
    green("crates/proxy/src/telemetry/collector.rs", "use prometheus::Counter;");
    red("crates/proxy/src/http/request.rs", "use arc_swap::ArcSwap;", "swapped under running requests");
    green("crates/proxy/src/pool/cell.rs", "use arc_swap::ArcSwap;");
}

#[test]
fn files_stay_short() {
    red("crates/core/src/long.rs", &"// line\n".repeat(601), "601 lines");
    green("crates/core/src/long.rs", &"// line\n".repeat(600));
}

#[test]
fn nothing_is_left_undone_or_unchecked() {
    for line in [
        concat!("// TO", "DO: later"),
        concat!("// FIX", "ME"),
        concat!("// XX", "X"),
        concat!("to", "do!()"),
        concat!("unimpl", "emented!()"),
        concat!("un", "safe { *pointer }"),
        concat!("#![allow(un", "safe_code)]"),
    ] {
        red("crates/core/src/lib.rs", line, "does not land");
    }
    green("crates/core/src/lib.rs", "#![forbid(unsafe_code)]\n");
}

#[test]
fn links_lead_somewhere() {
    red("docs/page.md", "see [there](missing.md) and more", "the link missing.md leads nowhere");
    red("docs/page.md", "see [there](../CHANGELOG2.md#top)", "leads nowhere");
    green(
        "docs/page.md",
        "[a](../CHANGELOG.md#x), [b](https://example.org/x), [c](#here)\n```\n[d](nowhere)\n```\n",
    );
}

#[test]
fn manifests_keep_the_crates_in_order() {
    red(
        "crates/testkit/Cargo.toml",
        "[dependencies]\nevenkeel-proxy.workspace = true\n",
        "must not depend on evenkeel-proxy",
    );
    red("crates/core/Cargo.toml", "[dependencies]\nserde = \"1\"\n", "must not depend on serde");
    red(
        "crates/core/Cargo.toml",
        "[dependencies]\nserde_json.workspace = true\n",
        "must not depend on serde",
    );
    red("crates/config/Cargo.toml", "[dependencies]\ntokio.workspace = true\n", "must not depend on tokio");
    green("crates/testkit/Cargo.toml", "[dependencies]\ntokio.workspace = true\n");
}

#[test]
fn required_files_are_required() {
    let directory = TempDir::new("tidy");
    let found = check(directory.path()).unwrap();
    assert_eq!(found.len(), REQUIRED.len());
    assert!(found.contains(&"CHANGELOG.md: is missing".to_owned()));
}
