//! The command line: what it prints and what it exits with (0 ok, 1 the answer is no, 2 called wrongly).

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use evenkeel_testkit::{Backend, ClosedPort, Evenkeel, Finished, Json, TempDir, run_to_end};

use crate::support::{BINARY, Setup, backends};

const GOOD: &str = "[listener.web]\nbind = \"127.0.0.1:8080\"\npool = \"web\"\n\
    [pool.web]\nhealth = false\nbackends = [\"127.0.0.1:9001\", \"127.0.0.1:9002\"]\n";
/// Weights that differ without a word on whether that is meant.
const DOUBTFUL: &str = "[listener.web]\nbind = \"127.0.0.1:8080\"\npool = \"web\"\n[pool.web]\nhealth = false\n\
    backends = [{ address = \"127.0.0.1:9001\", weight = 5 }, { address = \"127.0.0.1:9002\", weight = 1 }]\n";
const BAD: &str = "[listener.web]\nbind = \"127.0.0.1:8080\"\npool = \"web\"\n\
    [pool.web]\nstrategy = \"round_robbin\"\nbackend = []\nbackends = [\"127.0.0.1:9001\"]\n";

async fn run(directory: &TempDir, arguments: &[&str]) -> Finished {
    run_to_end(BINARY, arguments, directory.path(), Duration::from_secs(30)).await
}

fn directory() -> TempDir {
    let directory = TempDir::new("cli");
    directory.write("good.toml", GOOD);
    directory.write("doubtful.toml", DOUBTFUL);
    directory.write("bad.toml", BAD);
    directory
}

fn json(text: &str) -> Json {
    text.parse().unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn check_says_yes_or_no() {
    let directory = directory();
    for (arguments, code) in [
        (["check", "good.toml"].as_slice(), 0),
        (&["-t", "good.toml"], 0),
        (&["-t", "-c", "good.toml"], 0),
        (&["check", "--strict", "good.toml"], 0),
        (&["check", "doubtful.toml"], 0),
        (&["check", "--strict", "doubtful.toml"], 1),
        (&["check", "bad.toml"], 1),
        (&["-t", "bad.toml"], 1),
        (&["check", "missing.toml"], 1),
        (&["check"], 2),
        (&["check", "--no-such-flag", "good.toml"], 2),
        (&["no-such-command"], 2),
    ] {
        let done = run(&directory, arguments).await;
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {} {}", done.stdout, done.stderr);
    }
}

#[tokio::test]
async fn check_tells_where_why_and_what_instead() {
    let directory = directory();
    let good = run(&directory, &["check", "good.toml"]).await;
    assert!(good.stdout.contains("good.toml: ok") && good.stderr.is_empty(), "{good:?}");
    let bad = run(&directory, &["check", "bad.toml"]).await;
    for part in ["bad.toml:5:", "round_robbin", "round_robin", "bad.toml:6:", "backends"] {
        assert!(bad.stderr.contains(part), "{part} in\n{}", bad.stderr);
    }
    assert!(!bad.stderr.contains('\x1b'), "no colours but on a terminal");
    let doubtful = run(&directory, &["check", "doubtful.toml"]).await;
    assert!(doubtful.stderr.contains("83.3") && doubtful.stderr.contains("intent"), "{}", doubtful.stderr);
}

#[tokio::test]
async fn check_speaks_json() {
    let directory = directory();
    let bad = json(&run(&directory, &["check", "--json", "bad.toml"]).await.stdout);
    assert_eq!((bad["schema"].as_u64(), bad["ok"].as_bool()), (Some(1), Some(false)), "{bad}");
    let diagnostics = bad["diagnostics"].as_array().expect("a list");
    assert!(diagnostics.len() >= 2, "all problems at once: {bad}");
    assert!(diagnostics.iter().any(|diagnostic| diagnostic["line"] == 5), "{bad}");
    let good = json(&run(&directory, &["check", "--json", "good.toml"]).await.stdout);
    assert_eq!((good["ok"].as_bool(), good["errors"].as_u64()), (Some(true), Some(0)), "{good}");
}

const MEANT: &str = "[listener.web]\nbind = \"127.0.0.1:8080\"\npool = \"web\"\n[pool.web]\nhealth = false\n\
    backends = [\"127.0.0.1:9001\"]\nallow = [{ rule = \"pool-of-one\", reason = \"a licence\" }]\n";

#[tokio::test]
async fn a_warning_that_is_meant_is_counted_and_no_more() {
    let directory = directory();
    directory.write("meant.toml", MEANT);
    let done = run(&directory, &["check", "--strict", "meant.toml"]).await;
    assert_eq!(done.status.code(), Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("allowed: 1\n    pool-of-one: a licence"), "{}", done.stdout);
    assert!(done.stderr.is_empty(), "{}", done.stderr);
    let told = json(&run(&directory, &["check", "--json", "--strict", "meant.toml"]).await.stdout);
    assert_eq!((told["ok"].as_bool(), told["warnings"].as_u64()), (Some(true), Some(0)), "{told}");
    assert_eq!(
        (&told["allowed"][0]["code"], &told["allowed"][0]["reason"]),
        (&"pool-of-one".into(), &"a licence".into())
    );
    directory.write("typo.toml", &MEANT.replace("pool-of-one", "pool-of-won"));
    let done = run(&directory, &["check", "typo.toml"]).await;
    assert_eq!(done.status.code(), Some(1));
    assert!(done.stderr.contains("did you mean \"pool-of-one\"?"), "{}", done.stderr);
}

#[tokio::test]
async fn check_speaks_sarif() {
    let directory = directory();
    for (file, code, results) in
        [("good.toml", 0, 0), ("doubtful.toml", 0, 1), ("bad.toml", 1, 4), ("missing.toml", 1, 0)]
    {
        let done = run(&directory, &["check", "--sarif", file]).await;
        assert_eq!(done.status.code(), Some(code), "{file}: {}", done.stderr);
        let log = json(&done.stdout);
        assert_eq!(log["version"], "2.1.0", "{file}");
        let found = log["runs"][0]["results"].as_array().map(Vec::len);
        assert_eq!(found, Some(results), "{file}");
        let read = log["runs"][0]["invocations"][0]["executionSuccessful"].as_bool();
        assert_eq!(read, Some(file != "missing.toml"), "{file}");
    }
    let both = run(&directory, &["check", "--sarif", "--json", "good.toml"]).await;
    assert_eq!(both.status.code(), Some(2), "one document or the other");
}

#[tokio::test]
async fn explain_lists_the_rules_and_tells_of_one() {
    let directory = directory();
    let list = run(&directory, &["explain"]).await;
    assert!(list.status.success() && list.stdout.contains("\npool-of-one "), "{}", list.stdout);
    let one = run(&directory, &["explain", "pool-of-one"]).await;
    assert!(one.status.success() && one.stdout.starts_with("warning[pool-of-one]\n"), "{}", one.stdout);
    let told = json(&run(&directory, &["explain", "pool-of-one", "--json"]).await.stdout);
    assert_eq!((told["schema"].as_u64(), &told["rules"][0]["id"]), (Some(1), &"pool-of-one".into()));
    let none = run(&directory, &["explain", "pool-of-won"]).await;
    assert_eq!(none.status.code(), Some(2));
    assert!(none.stderr.contains("evenkeel explain pool-of-one"), "{}", none.stderr);
}

#[tokio::test]
async fn schema_is_a_json_schema() {
    let done = run(&directory(), &["schema"]).await;
    assert_eq!(done.status.code(), Some(0));
    let schema = json(&done.stdout);
    assert!(
        schema["$schema"].as_str().is_some_and(|dialect| dialect.contains("2020-12")),
        "{}",
        schema["$schema"]
    );
    assert!(schema["properties"]["pool"].is_object() && schema["properties"]["listener"].is_object());
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let done = Command::new(BINARY).arg("schema").stdout(full).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(stderr.contains("standard output"), "{stderr}");
}

#[tokio::test]
async fn help_and_version() {
    let directory = directory();
    let version = run(&directory, &["--version"]).await;
    assert!(version.status.success() && version.stdout.starts_with("evenkeel "), "{}", version.stdout);
    let help = run(&directory, &["--help"]).await;
    for command in ["run", "check", "schema", "status", "reload", "demo"] {
        assert!(help.stdout.contains(&format!("  {command} ")), "{command} in\n{}", help.stdout);
        let own = run(&directory, &[command, "--help"]).await;
        assert!(own.status.success() && own.stdout.contains("Example"), "{command}:\n{}", own.stdout);
    }
}

#[tokio::test]
async fn status_shows_the_running_balancer() {
    let all = backends(["first", "second"]).await;
    let evenkeel = Setup::new(&all).start().await;
    evenkeel_testkit::Load::new(evenkeel.address("web"), 2).run(10).await.assert_all_ok();
    let (directory, admin) = (directory(), evenkeel.address("admin").to_string());
    let table = run(&directory, &["status", "--admin", &admin]).await;
    assert_eq!(table.status.code(), Some(0), "{}", table.stderr);
    for part in ["web", "first", "second", "serving", "50.0%"] {
        assert!(table.stdout.contains(part), "{part} in\n{}", table.stdout);
    }
    assert!(table.stdout.lines().all(|line| line.chars().count() <= 100), "{}", table.stdout);
    let parsed = json(&run(&directory, &["status", "--json", "--admin", &admin]).await.stdout);
    assert_eq!(parsed["schema"], 1);
    assert_eq!(parsed["pools"][0]["backends"][0]["attempts"], 5, "{parsed}");
}

#[tokio::test]
async fn commands_for_a_running_balancer_say_when_there_is_none() {
    let port = ClosedPort::new();
    let admin = port.address().to_string();
    for command in ["status", "reload"] {
        let done = run(&directory(), &[command, "--admin", &admin]).await;
        assert_eq!(done.status.code(), Some(1), "{command}: {}", done.stderr);
        assert!(done.stderr.contains(&admin), "{command}: {}", done.stderr);
    }
}

/// The id of its process means another process here, if any.
#[tokio::test]
async fn reload_signals_nobody_for_a_balancer_elsewhere() {
    let answer = format!(
        r#"{{"schema":1,"generation":1,"pid":{},"process_start_ticks":1,"reloads_begun":0,"last_reload":null}}"#,
        std::process::id()
    );
    let elsewhere = Backend::with_reply("elsewhere", evenkeel_testkit::Reply::text(200, &answer)).await;
    let admin = elsewhere.address().to_string();
    let done = run(&directory(), &["reload", "--admin", &admin]).await;
    assert_eq!(done.status.code(), Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("elsewhere") && done.stderr.contains(&admin), "{}", done.stderr);
}

#[tokio::test]
async fn run_without_a_file() {
    let [a, b] = backends(["a", "b"]).await;
    let (one, two) = (a.address().to_string(), b.address().to_string());
    let arguments = ["run", "--listen", "127.0.0.1:0", "--to", &one, "--to", &two, "--admin", "127.0.0.1:0"];
    let evenkeel = Evenkeel::launch(BINARY, "", &arguments);
    evenkeel.await_message("ready").await;
    evenkeel_testkit::Load::new(evenkeel.address("web"), 2).run(20).await.assert_all_ok();
    assert_eq!(a.requests() + b.requests(), 20);
    assert!(a.requests().abs_diff(b.requests()) <= 4, "{} {}", a.requests(), b.requests());
}

#[tokio::test]
async fn run_refuses_to_send_requests_to_itself() {
    let port = ClosedPort::new();
    let port = port.address().port();
    let (here, any) = (format!("127.0.0.1:{port}"), format!(":{port}"));
    for arguments in [
        ["run", "--listen", &here, "--to", &here, "--admin", "127.0.0.1:0"],
        ["run", "--listen", &any, "--to", &here, "--admin", "127.0.0.1:0"],
        ["run", "--listen", "127.0.0.1:0", "--to", &here, "--admin", &here],
    ] {
        let done = run(&directory(), &arguments).await;
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {}", done.stderr);
        assert!(done.stderr.contains(&here) && done.stderr.contains("back here"), "{}", done.stderr);
    }
}

#[tokio::test]
async fn run_says_when_it_is_in_its_own_way() {
    let port = ClosedPort::new();
    let (listen, admin) = (format!(":{}", port.address().port()), port.address().to_string());
    let arguments = ["run", "--listen", &listen, "--to", "127.0.0.1:1", "--admin", &admin];
    let done = run(&directory(), &arguments).await;
    assert_eq!(done.status.code(), Some(1), "{}", done.stderr);
    assert!(done.stderr.contains("the admin interface") && done.stderr.contains(&admin), "{}", done.stderr);
}

#[tokio::test]
async fn run_refuses_what_check_refuses() {
    let done = run(&directory(), &["run", "-c", "bad.toml"]).await;
    assert_eq!(done.status.code(), Some(1));
    assert!(done.stderr.contains("round_robbin") && done.stderr.contains("bad.toml:5"), "{}", done.stderr);
}

#[tokio::test]
async fn run_says_which_listener_cannot_be_had() {
    let taken = Backend::start("taken").await;
    let directory = directory();
    let address = taken.address().to_string();
    directory.write("taken.toml", &format!("admin = false\n{}", GOOD.replace("127.0.0.1:8080", &address)));
    let done = run(&directory, &["run", "-c", "taken.toml"]).await;
    assert_eq!(done.status.code(), Some(1));
    assert!(done.stderr.contains("web") && done.stderr.contains(&address), "{}", done.stderr);
}

#[tokio::test]
async fn demo_needs_nothing() {
    let started = Instant::now();
    let done = run(&directory(), &["demo", "--plain", "--duration", "2s"]).await;
    assert_eq!(done.status.code(), Some(0), "{} {}", done.stdout, done.stderr);
    assert!(started.elapsed() >= Duration::from_secs(2) && started.elapsed() < Duration::from_secs(15));
    assert!(done.stdout.lines().count() >= 4, "{}", done.stdout);
    assert!(done.stdout.contains("evenkeel run"), "what to do next:\n{}", done.stdout);
    assert!(!done.stdout.contains('\x1b'), "plain is plain");
}

/// A terminal that goes away takes the demo with it: it once read a dead terminal for ever, on a whole core.
#[test]
fn the_demo_ends_with_its_terminal() {
    let mut script = Command::new("script");
    // `script` gives it a terminal of its own, and takes it away when it is killed.
    let demo = format!("stty cols 100 rows 24; exec {BINARY} demo --duration 60s");
    script.args(["-q", "-c", &demo, "/dev/null"]).env("TERM", "xterm");
    let mut terminal =
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script (util-linux)");
    let mut screen = terminal.stdout.take().expect("piped");
    let mut shown = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&shown).contains("Ctrl-C ends") {
        let read = screen.read(&mut piece).expect("a picture");
        assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&piece[..read]);
    }
    let demo = children(terminal.id());
    assert_eq!(demo.len(), 1, "one demo under the terminal");
    terminal.kill().expect("killed");
    terminal.wait().expect("gone");
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::fs::read_to_string(format!("/proc/{}/comm", demo[0]))
        .is_ok_and(|name| name.trim() == "evenkeel")
    {
        assert!(Instant::now() < deadline, "it still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn children(parent: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
