use super::*;
use evenkeel_config::{Source, load};
use evenkeel_rehearse::{Options, rehearse};

fn rendered(pool: &str) -> String {
    let file = format!("[listener.web]\nbind = \":8080\"\npool = \"web\"\n[pool.web]\n{pool}\n");
    let loaded = load(&Source::new("f", file));
    let warnings: Vec<&Diagnostic> = loaded.diagnostics.iter().collect();
    let options = Options { requests: 2_000, ..Options::default() };
    render("f", &rehearse(&loaded.config.unwrap(), &options), &warnings, &[])
}

#[test]
fn the_cause_is_on_the_first_screen() {
    let text = rendered(
        "backends = [{ address = \"10.0.0.11:80\", weight = 5 }, \"10.0.0.12:80\", \"10.0.0.13:80\"]\n\
         health = {}",
    );
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("No: "), "{text}");
    assert!(
        lines[6].starts_with("PROBLEM  pool web: the weights are 5, 1, 1: 10.0.0.11:80 would get 71.4 %"),
        "{text}"
    );
    assert!(text.contains("write `intent = \"weights\"` in [pool.web]"), "{text}");
}

#[test]
fn it_fits_whatever_the_names() {
    let long = "a".repeat(60);
    let entries: Vec<String> = (0..40)
        .map(|at| format!("{{ name = \"{long}{at}\", address = \"10.0.0.{at}:80\", weight = {} }}", at + 1))
        .collect();
    let text = rendered(&format!("health = {{}}\nintent = \"weights\"\nbackends = [{}]", entries.join(", ")));
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{} {line}", line.chars().count());
    }
    assert!(text.contains("and 20 more backends") && text.contains("more failures: --pool web"), "{text}");
}

#[test]
fn a_sound_pool_is_a_yes() {
    let text = rendered(
        "backends = [\"10.0.0.11:80\", \"10.0.0.12:80\", \"10.0.0.13:80\", \"10.0.0.14:80\"]\nhealth = {}",
    );
    assert!(text.starts_with("Yes: traffic would be spread as it should be, and none of"), "{text}");
    assert!(text.contains("10.0.0.11:80 is down (or 3 like it)"), "{text}");
}

#[test]
fn what_check_warns_of_qualifies_the_yes() {
    let text = rendered(
        "backends = [\"10.0.0.11:80\", \"10.0.0.12:80\", { name = \"x\", address = \"10.0.0.11:80\" }]\n\
         health = {}",
    );
    assert!(text.starts_with("Yes, if 1 warning of the file mattered not:\n"), "{text}");
    assert!(text.contains("WARNING  duplicate-address: pool `web` sends to 10.0.0.11:80 twice"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn a_long_name_leaves_what_happens_to_be_read() {
    let text = rendered("backends = [\"10.100.100.11:8080\", \"10.100.100.12:8080\"]\nhealth = {}");
    assert!(text.contains("… is down (or 1 like it)"), "{text}");
}

#[test]
fn a_name_drives_no_terminal() {
    let pool = "backends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\nhealth = {}";
    let file = format!("[listener.web]\nbind = \":8080\"\npool = \"web\"\n[pool.web]\n{pool}\n");
    let config = load(&Source::new("f", file)).config.unwrap();
    let mut report = rehearse(&config, &Options { requests: 1_000, ..Options::default() });
    report.pools[0].backends[0].backend = "w\u{1b}[2Jx\u{7}".to_owned();
    report.pools[0].situations[0].name = "w\u{1b}[2Jx\u{7} is down".to_owned();
    let text = render("f", &report, &[], &[]);
    assert!(text.contains("w?[2Jx? ") && text.contains("w?[2Jx? is down"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
}
