//! Settings, restarts and diagnostics.

use evenkeel_diff::Rank;

use crate::support::{compared, item, items, pool, weighted};

#[test]
fn a_lost_check_is_a_danger_and_a_new_one_a_change() {
    let without = pool(&weighted(&[1, 1]), "");
    let with = without.replace("health = false", "health = { path = \"/healthz\", interval = \"2s\" }");
    let comparison = compared(&with, &without);
    let lost = item(&comparison, "setting-lost");
    assert_eq!(lost.rank, Rank::Danger);
    assert!(lost.text.starts_with("health: { ") && lost.text.ends_with(" -> off"), "{lost:?}");
    assert!(lost.more[0].contains("nobody checks"), "{lost:?}");
    assert_eq!(item(&compared(&without, &with), "setting-gained").rank, Rank::Change);
    let slower = compared(&with, &with.replace("2s", "20s"));
    let slower = item(&slower, "setting-changed");
    assert_eq!(slower.text, "health.interval: 2s -> 20s");
}

#[test]
fn limits_and_times() {
    let old = pool(&weighted(&[1, 1]), "timeouts = { total = \"1m\" }");
    let new = pool(&weighted(&[1, 1]), "");
    let comparison = compared(&old, &new);
    let lost = item(&comparison, "setting-lost");
    assert_eq!((lost.rank, lost.text.as_str()), (Rank::Danger, "timeouts.total: 1m -> none"));
    assert_eq!(comparison.settings[0].path, "pool.web.timeouts.total");
    let body = |bytes: &str| {
        format!("{new}[listener.x]\nbind = \":81\"\npool = \"web\"\nlimits = {{ body_bytes = {bytes} }}\n")
    };
    let lowered = compared(&body("2000"), &body("1000"));
    assert_eq!(item(&lowered, "setting-lowered").more[0], "requests with a longer body get 413");
    let raised = compared(&body("1000"), &body("2000"));
    assert_eq!(item(&raised, "setting-changed").rank, Rank::Change);
}

#[test]
fn what_a_reload_does_not_do_is_said() {
    let old = pool(&weighted(&[1, 1]), "");
    let new = format!("[runtime]\nworkers = 3\n[log]\nlevel = \"warn\"\n{old}");
    let comparison = compared(&old, &new);
    assert!(!comparison.changed, "no request notices: {:?}", comparison.items);
    let restart: Vec<&str> =
        comparison.settings.iter().filter(|one| !one.by_reload).map(|one| one.path.as_str()).collect();
    assert_eq!(restart, ["runtime.workers"]);
    let words = items(&comparison, "setting-gained")[0].more.join(" ");
    assert!(words.contains("next start"), "{words}");
}

#[test]
fn only_new_findings_are_told() {
    let one = pool("\"10.0.0.1:80\"", "");
    assert!(compared(&one, &format!("# moved down\n{one}")).findings.is_empty());
    let comparison = compared(&pool(&weighted(&[1, 1]), ""), &one);
    assert!(!comparison.findings.is_empty());
    let found = items(&comparison, "new-finding")[0];
    assert_eq!(found.rank, Rank::Change, "{found:?}");
}

/// Names may have dots, and are not taken apart.
#[test]
fn names_with_dots_stay_whole() {
    let old = pool(&weighted(&[1, 1]), "")
        .replace("[pool.web]", "[pool.\"web.eu\"]")
        .replace("pool = \"web\"", "pool = \"web.eu\"");
    let comparison = compared(&old, &old.replace("health = false", "health = false\nmax_attempts = 5"));
    let change = &comparison.items[0];
    assert_eq!((change.about.as_str(), change.text.as_str()), ("pool web.eu", "max_attempts: 3 -> 5"));
}

#[test]
fn what_many_pools_have_in_common_is_told_once() {
    let pools = |keys: &str| -> String {
        let pool = |number: u32| {
            format!(
                "[pool.p{number}]\nhealth = false\n{keys}\nbackends = [\"10.0.{number}.1:80\", \"10.0.{number}.2:80\"]\n\
                 [listener.l{number}]\nbind = \":{}\"\npool = \"p{number}\"\n",
                8000 + number
            )
        };
        (1..=6).map(pool).collect()
    };
    let comparison = compared(&pools(""), &pools("max_attempts = 2"));
    let told = item(&comparison, "setting-lowered");
    assert_eq!(
        (told.about.as_str(), told.text.as_str()),
        ("pools p1, p2, p3, p4 and 2 more", "max_attempts: 3 -> 2")
    );
    assert_eq!(comparison.settings.len(), 6);
}
