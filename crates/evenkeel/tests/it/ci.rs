//! What is shipped for pipelines does what it says: each script is taken from its file and run as its platform runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use evenkeel_testkit::TempDir;

use crate::support::BINARY;

/// Sound, however strictly it is looked at.
const SOUND: &str = "[admin]\nlisten = \"127.0.0.1:9901\"\n\n[listener.web]\nbind = \"127.0.0.1:8080\"\npool = \"web\"\n\n\
                     [pool.web]\nstrategy = \"round_robin\"\nhealth = { path = \"/healthz\" }\nbackends = [\n\
                     \x20 { address = \"10.0.0.11:8080\", name = \"web1\" },\n\
                     \x20 { address = \"10.0.0.12:8080\", name = \"web2\" },\n\
                     \x20 { address = \"10.0.0.13:8080\", name = \"web3\" },\n]\n";

fn shipped(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/ci").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text blocks behind `key: |` or `- |`, without their indentation.
fn blocks(yaml: &str, key: &str) -> Vec<String> {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = yaml.lines().collect();
    let starts = (0..lines.len()).filter(|&at| lines[at].trim_start() == format!("{key} |"));
    let block = |at: usize| {
        let depth = indentation(lines[at + 1]);
        let inside = lines[at + 1..].iter().take_while(|line| line.is_empty() || indentation(line) >= depth);
        inside.map(|line| line.get(depth..).unwrap_or_default().to_owned() + "\n").collect()
    };
    starts.map(block).collect()
}

/// With one weight that nobody meant.
fn heavy() -> String {
    SOUND.replace("name = \"web1\"", "name = \"web1\", weight = 5")
}

/// A repository with a configuration, and the commit that a branch began at.
struct Repository {
    directory: TempDir,
    base: String,
}

impl Repository {
    fn new() -> Self {
        let directory = TempDir::new("ci");
        let repository = Self { directory, base: String::new() };
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository.commit(&[("evenkeel.toml", SOUND), ("gone/evenkeel.toml", SOUND), ("README.md", "x")]);
        let base = repository.git(&["rev-parse", "HEAD"]).trim().to_owned();
        std::fs::remove_file(repository.path().join("gone/evenkeel.toml")).expect("it is there");
        Self { base, ..repository }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let output = self.command("git").args(who).args(arguments).output().expect("git");
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn commit(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = self.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            std::fs::write(path, text).expect("a file");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", "x"]);
    }

    /// With the program under test on the PATH, and nothing of whoever runs the tests.
    fn command(&self, program: &str) -> Command {
        let own = PathBuf::from(BINARY);
        let own = own.parent().expect("a directory").display().to_string();
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env("PATH", format!("{own}:{}", std::env::var("PATH").unwrap_or_default()))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GITHUB_OUTPUT", self.path().join(".git/output"))
            .env("GITHUB_STEP_SUMMARY", self.path().join(".git/summary.md"));
        command
    }

    /// What a platform's shell makes of a script.
    fn run(&self, shell: &[&str], script: &str, variables: &[(&str, &str)]) -> Output {
        let file = self.path().join(".git/script");
        std::fs::write(&file, script).expect("a file");
        let mut command = self.command(shell[0]);
        command.args(&shell[1..]).arg(&file).envs(variables.iter().copied());
        command.output().expect("a shell")
    }

    fn left(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }
}

/// As GitHub runs `shell: bash`.
const GITHUB: &[&str] = &["bash", "--noprofile", "--norc", "-eo", "pipefail"];
/// As GitLab's runner does.
const GITLAB: &[&str] = &["bash", "-eo", "pipefail"];

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", text(output));
}

#[test]
fn github_refuses_a_change_that_spreads_badly_and_shows_what_it_would_do() {
    let script = &blocks(&shipped("github/check/action.yml"), "run:")[0];
    let repository = Repository::new();
    repository.commit(&[("evenkeel.toml", &heavy()), ("new one/my-evenkeel.toml", SOUND)]);
    let run = |base: &str| {
        let variables = [("FILES", "*evenkeel*.toml"), ("BASE", base), ("EVENKEEL", "evenkeel")];
        repository.run(GITHUB, script, &variables)
    };
    let refused = run(&repository.base);
    assert_code(&refused, 1);
    let told = text(&refused);
    assert!(told.contains("2 configurations have changed") && told.contains("71 %"), "{told}");
    assert!(told.contains("::group::new one/my-evenkeel.toml"), "{told}");
    let summary = repository.left(".git/summary.md");
    assert!(summary.contains("web1") && summary.contains("71"), "{summary}");
    let sarif = repository.left(".git/output").trim().replacen("sarif=", "", 1);
    let sarif = std::fs::read_to_string(Path::new(&sarif).join("1.sarif")).expect("a SARIF file");
    assert!(sarif.contains("2.1.0"), "{sarif}");
    // Put right again, nothing has changed since then.
    repository.commit(&[("evenkeel.toml", SOUND)]);
    assert_code(&run(&repository.base), 0);
    // The first commit of a branch has no commit before it: all files are looked at.
    let first = run("0000000000000000000000000000000000000000");
    assert_code(&first, 0);
    assert!(text(&first).contains("2 configurations have changed"), "{}", text(&first));
}

#[test]
fn gitlab_refuses_a_change_that_spreads_badly_and_keeps_what_it_would_do() {
    let script = &blocks(&shipped("gitlab/evenkeel.yml"), "-")[0];
    for shell in [GITLAB, &["sh", "-e"]] {
        let repository = Repository::new();
        repository.commit(&[("evenkeel.toml", &heavy())]);
        let run = |base: &str| {
            let variables = [("EVENKEEL_FILES", "*evenkeel*.toml"), ("CI_COMMIT_BEFORE_SHA", base)];
            repository.run(shell, script, &variables)
        };
        let refused = run(&repository.base);
        assert_code(&refused, 1);
        assert!(repository.left("evenkeel-diff.md").contains("web1"), "{}", text(&refused));
        repository.commit(&[("evenkeel.toml", &format!("# why\n{SOUND}"))]);
        assert_code(&run(&repository.base), 0);
        assert_code(&run("0000000000000000000000000000000000000000"), 0);
    }
}

#[test]
fn pre_commit_refuses_what_would_be_committed() {
    let entry = &blocks(&shipped("pre-commit/pre-commit-config.yaml"), "entry:")[0];
    // The names of files come as arguments behind it.
    let script = format!("{} \"$@\"", entry.trim_end());
    let repository = Repository::new();
    let run = |text: &str| {
        std::fs::write(repository.path().join("evenkeel.toml"), text).expect("a file");
        std::fs::write(repository.path().join("new evenkeel.toml"), SOUND).expect("a file");
        let mut command = repository.command("sh");
        command
            .args(["-c", &script, "pre-commit", "evenkeel.toml", "new evenkeel.toml"])
            .output()
            .expect("sh")
    };
    let refused = run(&heavy());
    assert_code(&refused, 1);
    assert!(text(&refused).contains("71"), "{}", text(&refused));
    assert_code(&run(SOUND), 0);
    assert_code(&run("[pool"), 1);
}

#[test]
fn a_log_of_another_balancer_is_judged_in_a_pipeline() {
    let github = &blocks(&shipped("github/analyze/action.yml"), "run:")[0];
    let gitlab = &blocks(&shipped("gitlab/evenkeel.yml"), "-")[1];
    let repository = Repository::new();
    let line = |index: usize| {
        format!(
            "192.0.2.{} - - [21/Nov/2026:12:{:02}:{:02} +0000] \"GET / HTTP/1.1\" 200 9 \"-\" \"-\" 0.003 10.0.0.{}:80\n",
            index % 200,
            index / 600 % 60,
            index / 10 % 60,
            index % 3 + 1
        )
    };
    repository.commit(&[("access.log", &(0..6000).map(line).collect::<String>())]);
    let four = "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80,10.0.0.4:80";
    for (expect, code) in [("", 0), (four, 1)] {
        let variables = [("LOG", "access.log"), ("EXPECT", expect), ("FORMAT", ""), ("EVENKEEL", "evenkeel")];
        assert_code(&repository.run(GITHUB, github, &variables), code);
        let variables = [("EVENKEEL_LOG", "access.log"), ("EVENKEEL_EXPECT", expect)];
        assert_code(&repository.run(GITLAB, gitlab, &variables), code);
    }
    let summary = repository.left(".git/summary.md");
    assert!(
        summary.contains("    It is the balancer") && summary.contains("10.0.0.4:80 gets nothing"),
        "{summary}"
    );
    let format = [("LOG", "access.log"), ("EXPECT", ""), ("FORMAT", "haproxy"), ("EVENKEEL", "evenkeel")];
    assert_code(&repository.run(GITHUB, github, &format), 2);
}

/// Every command and flag that a script names exists.
#[test]
fn scripts_call_what_there_is() {
    let files = ["github/check/action.yml", "github/analyze/action.yml", "gitlab/evenkeel.yml"];
    let calls: usize = files.map(|file| assert_calls(&shipped(file))).iter().sum();
    assert!(calls >= 5, "{calls}");
}

/// Checks every command with a flag in a text against the program's help, and tells how many flags there were.
#[track_caller]
fn assert_calls(text: &str) -> usize {
    let text = text.replace("\"$EVENKEEL\"", "evenkeel").replace("\\\n", " ");
    let calls = text.lines().filter_map(|line| line.split_once("evenkeel "));
    let mut flags = 0;
    for (_, call) in calls {
        let ends = ["|", ">", ">>", "&&", "||"];
        let words: Vec<&str> = call.split_whitespace().take_while(|word| !ends.contains(word)).collect();
        let command = words.first().copied().unwrap_or_default();
        let is_command = command.len() > 2 && command.bytes().all(|byte| byte.is_ascii_lowercase());
        let given: Vec<&str> = words.iter().copied().filter(|word| word.starts_with("--")).collect();
        if !is_command || given.is_empty() {
            continue;
        }
        let help = Command::new(BINARY).args([command, "--help"]).output().expect("help");
        assert!(help.status.success(), "{call}");
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        for flag in given {
            let end = flag[2..].find(|letter: char| !letter.is_ascii_lowercase() && letter != '-');
            let flag = &flag[..end.map_or(flag.len(), |end| end + 2)];
            assert!(help.contains(flag), "{call}: no {flag} in\n{help}");
            flags += 1;
        }
    }
    flags
}

/// The same of the guide that sends people here.
#[test]
fn the_guide_calls_what_there_is() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/before-deploy.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let calls = assert_calls(&guide);
    assert!(calls >= 8, "{calls}");
}
