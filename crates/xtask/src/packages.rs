//! Debian packages whose programs the tests run.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;

/// Program, or module of one, and the package that brings it.
const NEEDED: &[(&str, &str)] = &[
    ("nginx", "nginx"),
    ("haproxy", "haproxy"),
    ("wrk", "wrk"),
    ("prometheus", "prometheus"),
    ("promtool", "prometheus"),
    ("prometheus-alertmanager", "prometheus-alertmanager"),
    ("amtool", "prometheus-alertmanager"),
    ("curl", "curl"),
    ("openssl", "openssl"),
    ("h2load", "nghttp2-client"),
    ("ngx_stream_module.so", "libnginx-mod-stream"),
    ("valgrind", "valgrind"),
    ("dnsmasq", "dnsmasq-base"),
    ("dig", "bind9-dnsutils"),
];

/// Directories where Debian puts programs; not all of them are in everybody's PATH.
const DIRECTORIES: &[&str] =
    &["/usr/sbin", "/usr/bin", "/usr/local/bin", "/sbin", "/bin", "/usr/lib/nginx/modules"];

/// The load generators and peers among them.
const COMPARED: &[&str] = &["nginx", "haproxy", "wrk", "curl", "openssl", "h2load", "ngx_stream_module.so"];

/// What replays run beside Evenkeel.
const REPLAYED: &[&str] = &["prometheus", "prometheus-alertmanager"];

/// Makes sure that all of them are there; installs what is missing when `install` and we may.
pub(crate) fn ensure(root: &Path, install: bool) -> Result<(), Failure> {
    provide(root, install, &missing(is_there))
}

/// The same for what the comparison runs.
pub(crate) fn ensure_compared(root: &Path) -> Result<(), Failure> {
    provide(root, true, &missing(|program| !COMPARED.contains(&program) || is_there(program)))
}

/// The same for what replays run.
pub(crate) fn ensure_replayed(root: &Path) -> Result<(), Failure> {
    provide(root, true, &missing(|program| !REPLAYED.contains(&program) || is_there(program)))
}

/// The same for virtual environments of Python, which Debian has apart from Python itself.
pub(crate) fn ensure_python(root: &Path) -> Result<(), Failure> {
    let works = Command::new("python3").args(["-c", "import ensurepip"]).stderr(Stdio::null()).status();
    let missing: &[_] = if works.is_ok_and(|status| status.success()) { &[] } else { &["python3-venv"] };
    provide(root, true, missing)
}

/// What is told goes to standard error: standard output may be somebody's figures.
fn provide(root: &Path, install: bool, missing: &[&str]) -> Result<(), Failure> {
    if missing.is_empty() {
        eprintln!("    programs: all there");
        return Ok(());
    }
    let is_root = rustix::process::geteuid().is_root();
    if !install || !is_root {
        return Err(advice(missing));
    }
    eprintln!("    missing: {}", missing.join(" "));
    apt_get(root, &["update", "-q"])
        .and_then(|()| {
            apt_get(root, &[&["install", "-q", "-y", "--no-install-recommends"], missing].concat())
        })
        .map_err(|failure| format!("{failure}; {}", advice(missing)))
}

fn apt_get(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Otherwise the packages start their services.
        .env("RUNLEVEL", "1")
        .current_dir(root)
        .stdout(std::io::stderr())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("apt-get {} ended with {status}", arguments.join(" "))),
        Err(error) => Err(format!("apt-get: {error}")),
    }
}

fn is_there(program: &str) -> bool {
    DIRECTORIES.iter().any(|directory| Path::new(directory).join(program).exists())
}

fn missing(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages: Vec<_> =
        NEEDED.iter().filter(|(program, _)| !is_there(program)).map(|&(_, package)| package).collect();
    packages.dedup();
    packages
}

fn advice(missing: &[&str]) -> Failure {
    let packages = missing.join(" ");
    format!(
        "programs that the tests run are missing; install them with\n  \
         apt-get update && apt-get install --no-install-recommends {packages}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_missing_package_once() {
        let all = [
            "nginx",
            "haproxy",
            "wrk",
            "prometheus",
            "prometheus-alertmanager",
            "curl",
            "openssl",
            "nghttp2-client",
            "libnginx-mod-stream",
            "valgrind",
            "dnsmasq-base",
            "bind9-dnsutils",
        ];
        assert_eq!(missing(|_| false), all);
        assert_eq!(missing(|program| program != "promtool"), ["prometheus"]);
        assert!(missing(|_| true).is_empty());
    }

    #[test]
    fn comparison_and_replays_need_programs_that_a_package_brings() {
        assert!(
            COMPARED.iter().chain(REPLAYED).all(|name| NEEDED.iter().any(|(program, _)| program == name))
        );
    }

    #[test]
    fn says_what_to_type() {
        assert!(advice(&["wrk", "curl"]).ends_with("apt-get install --no-install-recommends wrk curl"));
    }
}
