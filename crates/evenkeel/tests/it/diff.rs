//! `diff` and `drift`, between files and against a running balancer.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use evenkeel_testkit::{
    ClosedPort, Evenkeel, Finished, Json, Load, TempDir, assert_shares, run_to_end, until,
};

use crate::support::{BINARY, Setup, backends, counts};

const LIMIT: Duration = Duration::from_secs(30);

async fn run(directory: &Path, arguments: &[&str]) -> Finished {
    run_to_end(BINARY, arguments, directory, LIMIT).await
}

fn json(done: &Finished) -> Json {
    serde_json::from_str(&done.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", done.stdout, done.stderr))
}

fn file(weight: u32) -> String {
    format!(
        "[listener.web]\nbind = \"127.0.0.1:8080\"\npool = \"web\"\n[pool.web]\nhealth = false\nbackends = [\n\
         {{ name = \"web1\", address = \"10.0.0.11:80\", weight = {weight} }},\n\
         {{ name = \"web2\", address = \"10.0.0.12:80\" }},\n{{ name = \"web3\", address = \"10.0.0.13:80\" }},\n]\n"
    )
}

#[tokio::test]
async fn the_outage_of_one_weight_reads_at_the_top() {
    let directory = TempDir::new("diff");
    directory.write("old.toml", &file(1));
    directory.write("new.toml", &file(5));
    let done = run(directory.path(), &["diff", "old.toml", "new.toml"]).await;
    assert_eq!(done.status.code(), Some(0), "{}", done.stderr);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines[0].starts_with("old.toml -> new.toml: 1 danger"), "{}", done.stdout);
    assert!(lines[2].starts_with("danger  pool web: web1 33 % -> 71 %"), "{}", done.stdout);
    assert!(
        lines.iter().all(|line| line.chars().count() <= 100) && !done.stdout.contains('\x1b'),
        "{}",
        done.stdout
    );

    let strict = run(directory.path(), &["diff", "old.toml", "new.toml", "--exit-code", "--json"]).await;
    assert_eq!(strict.status.code(), Some(1));
    let document = json(&strict);
    assert_eq!((&document["schema"], &document["changed"]), (&1.into(), &true.into()), "{document}");
    assert_eq!(document["items"][0]["kind"], "shares");
    assert_eq!(document["pools"][0]["backends"][0]["edits"][0], "weight 1 -> 5");
    let same = run(directory.path(), &["diff", "old.toml", "old.toml", "--exit-code"]).await;
    assert_eq!(
        (same.status.code(), same.stdout.as_str()),
        (Some(0), "old.toml -> old.toml: nothing changes")
    );

    let comment = run(directory.path(), &["diff", "old.toml", "new.toml", "--markdown"]).await;
    assert!(comment.stdout.starts_with("### Traffic: old.toml → new.toml"), "{}", comment.stdout);
    assert!(comment.stdout.contains("- **danger** · pool web: web1 33 %"), "{}", comment.stdout);
}

#[tokio::test]
async fn what_cannot_be_compared_is_said() {
    let directory = TempDir::new("diff");
    directory.write("good.toml", &file(1));
    directory.write("bad.toml", &file(1).replace("weight", "wieght"));
    let status = async |arguments: &[&str]| {
        let done = run(directory.path(), &[&["diff"], arguments].concat()).await;
        (done.status.code(), format!("{}{}", done.stdout, done.stderr))
    };
    let (code, said) = status(&["good.toml", "bad.toml"]).await;
    assert!(code == Some(1) && said.contains("wieght") && said.contains("weight"), "{said}");
    let (code, said) = status(&["bad.toml", "good.toml"]).await;
    assert!(code == Some(2) && said.contains("bad.toml"), "{said}");
    let (code, said) = status(&["good.toml", "bad.toml", "--json"]).await;
    assert!(
        code == Some(1) && said.contains("\"refused\": \"new\"") && said.contains("unknown-key"),
        "{said}"
    );
    for misuse in [
        &["good.toml"][..],
        &["good.toml", "none.toml"],
        &["-", "-"],
        &["good.toml", "bad.toml", "--json", "--markdown"],
    ] {
        let (code, said) = status(misuse).await;
        assert_eq!(code, Some(2), "{misuse:?}: {said}");
    }
    let (code, said) = status(&["running", "good.toml", "--admin", "127.0.0.1:1"]).await;
    assert!(code == Some(1) && said.contains("admin interface"), "{said}");
}

/// Who awaits a document gets one, and the exit code and the words for people stay what they are.
#[tokio::test]
async fn a_script_learns_in_json_why_there_is_no_report() {
    let directory = TempDir::new("refusals");
    directory.write("e.toml", &file(1));
    for (arguments, code, why) in [
        (&["diff", "e.toml", "none.toml"][..], 2, "cannot read none.toml"),
        (&["diff", "running", "e.toml", "--admin", "127.0.0.1:1"], 1, "admin interface"),
        (&["drift", "--admin", "127.0.0.1:1"], 1, "admin interface"),
        (&["analyze", "none.log"], 2, "none.log"),
        (&["load", "http://127.0.0.1:1/", "--config", "none.toml"], 1, "cannot read none.toml"),
        (&["verify", "http://127.0.0.1:1/", "--config", "none.toml"], 1, "cannot read none.toml"),
    ] {
        let done = run(directory.path(), &[arguments, &["--json"]].concat()).await;
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {}", done.stderr);
        assert!(done.stderr.contains(why), "{arguments:?}: {}", done.stderr);
        let document = json(&done);
        assert_eq!(document["schema"], 1, "{document}");
        assert!(document["error"].as_str().is_some_and(|error| error.contains(why)), "{document}");
        let plain = run(directory.path(), arguments).await;
        assert_eq!((plain.status.code(), &*plain.stdout), (Some(code), ""), "{arguments:?}");
    }
}

/// As `git show main:evenkeel.toml | evenkeel diff - evenkeel.toml` does.
#[test]
fn one_side_may_come_from_standard_input() {
    let directory = TempDir::new("diff");
    directory.write("new.toml", &file(5));
    let mut child = Command::new(BINARY)
        .args(["diff", "-", "new.toml"])
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(file(1).as_bytes()).expect("it reads");
    let done = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.starts_with("standard input -> new.toml: 1 danger"), "{said}");
}

/// What is foretold for a running balancer is what happens once it has reloaded.
#[tokio::test]
async fn the_running_balancer_against_a_file() {
    let all = backends(["a", "b"]).await;
    let entry = |index: usize, weight: u32| all[index].entry(weight);
    let pool = "strategy = \"round_robin\"\nintent = \"weights\"\nhealth = false\npassive = false";
    let setup = |weight| Setup::of_entries([entry(0, 1), entry(1, weight)]).pool(pool);
    let evenkeel = setup(1).start().await;
    let admin = evenkeel.address("admin").to_string();
    let config = evenkeel.admin_json("/config").await;
    assert_eq!(config["file"]["text"].as_str(), Some(&*setup(1).text()));
    assert_eq!(
        (&config["file"]["path"], &config["file"]["generation"]),
        (&"evenkeel.toml".into(), &1.into())
    );

    let directory = TempDir::new("diff");
    directory.write("new.toml", &setup(3).text());
    let diff = async || run(directory.path(), &["diff", "--admin", &admin, "new.toml", "--json"]).await;
    let before = json(&diff().await);
    assert_eq!(before["old"]["generation"], 1, "{before}");
    let shares: Vec<f64> = before["pools"][0]["backends"]
        .as_array()
        .expect("both change")
        .iter()
        .map(|one| one["after"].as_f64().expect("a share"))
        .collect();
    assert_eq!(shares, [0.25, 0.75]);

    evenkeel.reload(&setup(3).text()).await;
    Load::new(evenkeel.address("web"), 4).run(400).await.assert_all_ok();
    assert_shares(&counts(&all), &[("a", 1), ("b", 3)], 1.0);
    let after = json(&diff().await);
    assert_eq!((&after["changed"], &after["old"]["generation"]), (&false.into(), &2.into()), "{after}");

    // A refused file is not what runs.
    evenkeel.reload(&setup(5).pool("strategy = \"round_robbin\"").text()).await;
    assert_eq!(json(&diff().await)["old"]["generation"], 2);
}

/// A route that is foretold to be lost is lost: the request that is told shows it.
#[tokio::test]
async fn the_request_that_is_told_shows_the_change() {
    let [a] = backends(["a"]).await;
    let route = "[[route]]\nlistener = \"web\"\nhost = \"shop.example\"\npath = \"/api/\"\npool = \"web\"";
    let text = |routes: &str| {
        Setup::new([&a]).top(routes).text().replacen("pool = \"web\"\n\n\n[pool", "\n[pool", 1)
    };
    let old = text(&format!("{route}\n[[route]]\nlistener = \"web\"\npath = \"/other\"\npool = \"web\""));
    let new = text("[[route]]\nlistener = \"web\"\npath = \"/other\"\npool = \"web\"");
    let evenkeel = Evenkeel::start(BINARY, &old).await;
    let directory = TempDir::new("diff");
    directory.write("new.toml", &new);
    let admin = evenkeel.address("admin").to_string();
    let document =
        json(&run(directory.path(), &["diff", "running", "new.toml", "--admin", &admin, "--json"]).await);
    let change = &document["routes"][0];
    assert_eq!(
        (&change["before"]["pool"], &change["after"]["answer"]),
        (&"web".into(), &"not_found".into()),
        "{document}"
    );
    let request = &change["requests"][0];
    let (host, path) = (request["host"].as_str().expect("a host"), request["path"].as_str().expect("a path"));
    let ask = async || evenkeel.client("web").await.get(host, path).await.status();
    assert_eq!(ask().await, 200);
    evenkeel.reload(&new).await;
    assert_eq!(ask().await, 404);
}

#[tokio::test]
async fn without_a_file_what_runs_can_be_compared_too() {
    let [a, b] = backends(["a", "b"]).await;
    let (to, other) = (a.address().to_string(), b.address().to_string());
    let arguments = ["run", "--listen", "127.0.0.1:0", "--to", &to, "--to", &other, "--admin", "127.0.0.1:0"];
    let evenkeel = Evenkeel::launch(BINARY, "", &arguments);
    evenkeel.await_message("ready").await;
    let admin = evenkeel.address("admin").to_string();
    let directory = TempDir::new("diff");
    directory.write("new.toml", &format!(
        "[admin]\nlisten = \"127.0.0.1:0\"\n[listener.web]\nbind = \"127.0.0.1:0\"\npool = \"web\"\n[pool.web]\nbackends = [\"{to}\"]\n"
    ));
    let done = run(directory.path(), &["diff", "running", "new.toml", "--admin", &admin]).await;
    assert!(done.stdout.contains(&format!("1 backend removed: {other}")), "{} {}", done.stdout, done.stderr);
    let drift = run(directory.path(), &["drift", "--admin", &admin]).await;
    assert!(drift.stdout.contains("started with --listen"), "{} {}", drift.stdout, drift.stderr);
}

#[tokio::test]
async fn drift_of_the_file_and_of_reloads() {
    let [a, b] = backends(["a", "b"]).await;
    let evenkeel = Setup::new([&a]).start().await;
    let admin = evenkeel.address("admin").to_string();
    let elsewhere = TempDir::new("drift");
    // Its file is named by a relative path, and this command runs in another folder.
    let drift = async || run(elsewhere.path(), &["drift", "--admin", &admin]).await;
    let none = drift().await;
    assert_eq!(none.status.code(), Some(0), "{} {}", none.stdout, none.stderr);
    assert!(
        none.stdout.contains("evenkeel.toml, generation 1 applied 2") && none.stdout.ends_with("no drift"),
        "{}",
        none.stdout
    );

    evenkeel.write_config(&Setup::new([&a, &b]).text());
    let edited = drift().await;
    assert_eq!(edited.status.code(), Some(1), "{}", edited.stdout);
    assert!(
        edited.stdout.contains("is not what runs") && edited.stdout.contains("was edited"),
        "{}",
        edited.stdout
    );

    evenkeel.reload("[listener.web]\nbind = 1\n").await;
    let refused = run(elsewhere.path(), &["drift", "--admin", &admin, "--json"]).await;
    let kinds: Vec<Json> = json(&refused)["differences"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["kind"].clone())
        .collect();
    assert_eq!(kinds, ["file-refused", "reload-refused"], "{}", refused.stdout);

    evenkeel.reload(&Setup::new([&a, &b]).text()).await;
    assert_eq!(drift().await.status.code(), Some(0));
    std::fs::remove_file(evenkeel.config_path()).expect("it is there");
    let gone = drift().await;
    assert!(gone.status.code() == Some(1) && gone.stdout.contains("cannot be read"), "{}", gone.stdout);
}

/// An infrastructure change has taken a backend away, and a name has come to mean another pool's.
#[tokio::test]
async fn drift_of_the_backends() {
    let [a, b] = backends(["a", "b"]).await;
    let closed = ClosedPort::new();
    let gone = format!("{{ name = \"gone\", address = \"{}\" }}", closed.address());
    let by_name = format!("{{ name = \"named\", address = \"localhost:{}\" }}", b.address().port());
    let other = format!(
        "[pool.other]\nhealth = false\nbackends = [{}, \"127.0.0.1:9\"]\n[listener.other]\nbind = \"127.0.0.1:0\"\n\
         protocol = \"tcp\"\npool = \"other\"",
        b.entry(1)
    );
    let pool = "strategy = \"round_robin\"\npassive = false\npanic_threshold = 0\n\
                health = { type = \"tcp\", interval = \"200ms\", timeout = \"200ms\", rise = 1, fall = 1 }";
    let setup = Setup::of_entries([a.entry(1), gone, by_name]).pool(pool).top(&other);
    let evenkeel = setup.start().await;
    let admin = evenkeel.address("admin").to_string();
    let kinds = async || {
        let done = run(evenkeel.directory(), &["drift", "--admin", &admin, "--json"]).await;
        let found = json(&done)["differences"].as_array().expect("a list").clone();
        found
            .iter()
            .map(|one| format!("{} {}", one["kind"], one["text"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    let found = until("the check to fail", async || {
        Some(kinds().await).filter(|found| found.iter().any(|one| one.contains("unhealthy")))
    })
    .await;
    assert!(found.iter().any(|one| one.starts_with("never-served gone has never served")), "{found:?}");
    let same = format!("same-address localhost:{} resolves to {}", b.address().port(), b.address());
    assert!(found.iter().any(|one| one.starts_with(&same)), "{found:?}");
}
