//! Large bodies: unchanged, in little memory.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use evenkeel_testkit::{Evenkeel, Nginx, TempDir};

use super::report::Row;
use super::stage::{Stage, config};

const GIB: u64 = 1 << 30;
const RESIDENT_MAX_MIB: f64 = 40.0;
/// Slow enough that the kernel's buffers are full for most of the time.
const SLOW: &str = "8M";
const SLOW_BYTES: u64 = 64 << 20;

/// 1 GiB down and up, then 64 MiB to a client that takes its time.
pub(crate) fn run(stage: Stage) -> Vec<Row> {
    stage.block_on(async {
        let files = TempDir::new("transfer");
        let at = |name: &str| files.path().join(name);
        shell(&format!("head -c {GIB} /dev/urandom > {}", at("large").display()));
        shell(&format!("head -c {SLOW_BYTES} {} > {}", at("large").display(), at("small").display()));
        let server = format!(
            "location / {{ root {}; dav_methods PUT; dav_access user:rw; }} location = / {{ return 200; }}",
            files.path().display()
        );
        let nginx = Nginx::start_with(&server).await;
        let entry = format!("  \"{}\",\n", nginx.address());
        let evenkeel = stage.start(&config(&entry, "", ""), 1).await;
        let web = evenkeel.address("web");
        let mut rows = Vec::new();

        curl(&["-o", &at("down").display().to_string()], web, "/large");
        rows.push(same("1 GiB down: the same SHA-256", &at("large"), &at("down")));
        rows.push(lean("  resident memory below 40 MiB", &evenkeel));

        curl(&["-T", &at("large").display().to_string()], web, "/up");
        rows.push(same("1 GiB up: the same SHA-256", &at("large"), &at("up")));
        rows.push(lean("  resident memory below 40 MiB", &evenkeel));

        curl(&["--limit-rate", SLOW, "-o", &at("slow").display().to_string()], web, "/small");
        rows.push(same("64 MiB to a reader of 8 MB/s: the same SHA-256", &at("small"), &at("slow")));
        rows.push(lean("  resident memory below 40 MiB", &evenkeel));
        rows
    })
}

fn curl(arguments: &[&str], web: SocketAddr, path: &str) {
    let url = format!("http://{web}{path}");
    let status =
        Command::new("curl").args(["-sS", "--fail", "--noproxy", "*"]).args(arguments).arg(url).status();
    let status = status.unwrap_or_else(|error| panic!("curl: {error}"));
    assert!(status.success(), "curl {path} ended with {status}");
}

fn same(claim: &str, one: &Path, other: &Path) -> Row {
    let (one, other) = (sha256(one), sha256(other));
    let got = if one == other { one.clone() } else { format!("{one} and {other}") };
    Row::new(claim, got, one == other)
}

fn sha256(file: &Path) -> String {
    let done = Command::new("sha256sum").arg(file).stderr(Stdio::inherit()).output();
    let done = done.unwrap_or_else(|error| panic!("sha256sum: {error}"));
    assert!(done.status.success(), "sha256sum {} ended with {}", file.display(), done.status);
    // What follows is the name of the file.
    String::from_utf8_lossy(&done.stdout).split_whitespace().next().unwrap_or_default().to_owned()
}

/// The peak since the process began, so nothing between two looks is missed.
fn lean(claim: &str, evenkeel: &Evenkeel) -> Row {
    Row::at_most(
        claim,
        evenkeel.peak_resident_bytes() as f64 / f64::from(1 << 20),
        RESIDENT_MAX_MIB,
        " MiB at the peak",
    )
}

fn shell(line: &str) {
    let status = Command::new("sh").args(["-c", line]).status();
    let status = status.unwrap_or_else(|error| panic!("sh: {error}"));
    assert!(status.success(), "{line} ended with {status}");
}
