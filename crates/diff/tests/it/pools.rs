//! Shares, backends, keys and sessions.

use evenkeel_diff::{Options, Presence, Rank};

use crate::support::{compared, compared_with, item, items, pool, weighted};

const MAGLEV: &str = "strategy = \"maglev\"\nhash = { header = \"X-User\" }";

#[test]
fn the_outage_of_one_weight_is_at_the_top() {
    let comparison = compared(&pool(&weighted(&[1, 1, 1]), ""), &pool(&weighted(&[5, 1, 1]), ""));
    let first = &comparison.items[0];
    assert_eq!((first.rank, first.about.as_str()), (Rank::Danger, "pool web"));
    assert!(first.text.starts_with("b1 33 % -> 71 %, b2 33 % -> 14 %"), "{first:?}");
    let more = first.more.join("\n");
    for sentence in ["38 % of the requests go to another backend", "b1 is meant to have 33 %", "2.1 times"] {
        assert!(more.contains(sentence), "{sentence}: {more}");
    }
    let pool = &comparison.pools[0];
    assert_eq!(pool.backends[0].edits, ["weight 1 -> 5"]);
    assert!((pool.moved.unwrap() - (5.0 / 7.0 - 1.0 / 3.0)).abs() < 1e-9);
    // `check` warns of it in its own words, once.
    assert!(
        comparison.findings.iter().any(|found| found.message.contains("weight")),
        "{:?}",
        comparison.findings
    );
}

#[test]
fn the_way_back_is_no_danger() {
    let comparison = compared(&pool(&weighted(&[5, 1, 1]), ""), &pool(&weighted(&[1, 1, 1]), ""));
    let shares = item(&comparison, "shares");
    assert!(shares.more.iter().all(|sentence| !sentence.contains("meant")), "{shares:?}");
    assert!(comparison.findings.is_empty(), "{:?}", comparison.findings);
}

#[test]
fn the_same_in_other_words_is_no_change() {
    let old = pool("\"10.0.0.1:80\", \"10.0.0.2:80\"", "");
    let new = "# other words\n[pool.web]\nstrategy = \"least_request\"\nhealth = false\npanic_threshold = 0.5\n\
               backends = [{ address = \"10.0.0.1:80\", weight = 1 }, \"10.0.0.2:80\"]\n\
               [listener.web]\nbind = \"127.0.0.1:8080\"\n[[route]]\nlistener = \"web\"\npath = \"/\"\npool = \"web\"\n";
    let comparison = compared(&old, new);
    assert!(!comparison.changed && comparison.items.is_empty(), "{:#?}", comparison.items);
    assert!(comparison.pools.is_empty() && comparison.settings.is_empty(), "{comparison:#?}");
}

#[test]
fn a_backend_more_and_one_less() {
    let three = pool(&weighted(&[1, 1, 1]), "");
    let four = pool(&weighted(&[1, 1, 1, 1]), "");
    let grown = compared(&three, &four);
    assert_eq!(item(&grown, "backends-added").text, "1 backend added: b4 (10.0.0.4:80)");
    assert_eq!(item(&grown, "shares").rank, Rank::Change, "{:?}", grown.items);
    assert!(item(&grown, "shares").text.starts_with("b4 0 % -> 25 %"), "{:?}", grown.items);
    let shrunk = compared(&four, &three);
    assert_eq!(item(&shrunk, "backends-removed").text, "1 backend removed: b4 (10.0.0.4:80)");
    let last = shrunk.pools[0].backends.last().unwrap();
    assert_eq!((last.presence, last.before, last.after), (Presence::Removed, 0.25, 0.0));
    let halved = compared(&four, &pool(&weighted(&[1, 1]), ""));
    assert_eq!(item(&halved, "shares").rank, Rank::Danger, "twice the load: {:?}", halved.items);
}

#[test]
fn a_drained_backend_gets_nothing_and_is_not_missed() {
    let old = pool(&weighted(&[1, 1, 1]), "");
    let drained = old.replacen("weight = 1", "drain = true", 1);
    let comparison = compared(&old, &drained);
    assert_eq!(comparison.pools[0].backends[0].edits, ["drains"]);
    let shares = item(&comparison, "shares");
    assert!(shares.text.starts_with("b1 33 % -> 0 %"), "{shares:?}");
    assert!(shares.more.iter().all(|sentence| !sentence.contains("gets nothing")), "{shares:?}");
}

#[test]
fn a_moved_and_a_renamed_backend() {
    let old = pool(&weighted(&[1, 1]), "");
    let moved = compared(&old, &old.replace("10.0.0.2:80", "10.0.0.9:80"));
    assert_eq!(item(&moved, "backends-moved").text, "moved: b2 10.0.0.2:80 -> 10.0.0.9:80");
    let renamed = compared(&old, &old.replace("b2", "c2"));
    assert_eq!(item(&renamed, "backends-renamed").text, "renamed: b2 -> c2");
    assert!(!renamed.changed, "least_request does not go by names: {:?}", renamed.items);
}

#[test]
fn a_backend_of_another_pool() {
    let other = "[pool.db]\nhealth = false\nbackends = [\"10.0.0.8:80\", \"10.0.0.9:80\"]\n\
                 [listener.db]\nbind = \"127.0.0.1:5432\"\nprotocol = \"tcp\"\npool = \"db\"\n";
    let old = format!("{}{other}", pool(&weighted(&[1, 1]), ""));
    let comparison = compared(&old, &old.replace("10.0.0.2:80", "10.0.0.9:80"));
    let stranger = item(&comparison, "backends-of-another-pool");
    assert_eq!((stranger.rank, stranger.text.as_str()), (Rank::Danger, "shared with pool db: 10.0.0.9:80"));
    let swapped =
        old.replace("10.0.0.2:80", "x").replace("10.0.0.9:80", "10.0.0.2:80").replace('x', "10.0.0.9:80");
    let swapped = swapped.replace("inde10.0.0.9:80", "index");
    let comparison = compared(&old, &swapped);
    let texts: Vec<&str> =
        items(&comparison, "backends-of-another-pool").iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts, ["taken from pool db: 10.0.0.9:80", "taken from pool web: 10.0.0.2:80"]);
}

#[test]
fn a_renamed_pool_is_the_same_pool() {
    let old = pool(&weighted(&[1, 1]), "");
    let comparison =
        compared(&old, &old.replace("pool.web", "pool.shop").replace("pool = \"web\"", "pool = \"shop\""));
    assert_eq!(item(&comparison, "pool-renamed").text, "was web");
    assert!(!comparison.changed && comparison.routes.is_empty(), "{:?}", comparison.items);
    assert_eq!(
        (comparison.pools[0].pool.as_str(), comparison.pools[0].was.as_deref()),
        ("shop", Some("web"))
    );
}

#[test]
fn a_pool_comes_and_goes() {
    let old = pool(&weighted(&[1, 1]), "");
    let new = format!(
        "{old}[pool.db]\nhealth = false\nbackends = [\"10.0.0.8:80\", \"10.0.0.9:80\"]\n\
                       [listener.db]\nbind = \"127.0.0.1:5432\"\nprotocol = \"tcp\"\npool = \"db\"\n"
    );
    let come = compared(&old, &new);
    assert_eq!(item(&come, "pool-added").text, "new, with 2 backends: 10.0.0.8:80, 10.0.0.9:80");
    assert_eq!(item(&come, "listener-added").text, "opens 127.0.0.1:5432 for tcp");
    let gone = compared(&new, &old);
    assert_eq!(item(&gone, "pool-removed").rank, Rank::Change);
    assert_eq!(item(&gone, "listener-removed").rank, Rank::Danger);
    assert_eq!(gone.pools[0].presence, Presence::Removed);
}

#[test]
fn few_keys_move_when_one_backend_comes() {
    let comparison = compared(&pool(&weighted(&[1; 4]), MAGLEV), &pool(&weighted(&[1; 5]), MAGLEV));
    let keys = item(&comparison, "keys-move");
    let pool = &comparison.pools[0];
    let (moved, least) = (pool.keys_moved.unwrap(), pool.keys_moved_least.unwrap());
    assert!((least - 0.2).abs() < 1e-9, "{least}");
    assert!((0.19..0.30).contains(&moved), "{moved}");
    assert_eq!(keys.rank, Rank::Change, "{keys:?}");
}

#[test]
fn renaming_every_backend_of_a_hashing_pool_moves_most_keys() {
    let old = pool(&weighted(&[1; 4]), MAGLEV);
    let comparison = compared(&old, &old.replace("\"b", "\"c"));
    let keys = item(&comparison, "keys-move");
    let moved = comparison.pools[0].keys_moved.unwrap();
    // Each key falls on one of four as if by lot.
    assert!((0.70..0.80).contains(&moved), "{moved}");
    assert_eq!(
        (keys.rank, keys.more[0].as_str()),
        (Rank::Danger, "0 % had to, for these shares"),
        "{keys:?}"
    );
}

#[test]
fn addresses_that_are_swapped_move_their_keys() {
    let old = pool(&weighted(&[1, 1]), MAGLEV);
    let swapped = old
        .replace("10.0.0.1:", "10.0.0.3:")
        .replace("10.0.0.2:", "10.0.0.1:")
        .replace("10.0.0.3:", "10.0.0.2:");
    assert_eq!(compared(&old, &swapped).pools[0].keys_moved, Some(1.0));
}

#[test]
fn another_key_is_another_key() {
    let old = pool(&weighted(&[1; 4]), MAGLEV);
    let comparison = compared(&old, &old.replace("X-User", "X-Tenant"));
    assert_eq!(comparison.pools[0].keys_moved, Some(0.75));
    let none = compared(&old, &pool(&weighted(&[1; 4]), ""));
    assert_eq!(item(&none, "keys-ignored").rank, Rank::Danger);
    let back = compared(&pool(&weighted(&[1; 4]), ""), &old);
    assert_eq!(item(&back, "keys-kept").rank, Rank::Change);
}

#[test]
fn sessions_are_lost_with_their_backend() {
    let sticky = "sticky = { cookie = \"srv\" }";
    let comparison = compared(&pool(&weighted(&[1; 4]), sticky), &pool(&weighted(&[1; 3]), sticky));
    let lost = item(&comparison, "sessions-lost");
    assert_eq!(lost.text, "sessions of b4 begin anew elsewhere, about 25 %");
    let renamed = compared(
        &pool(&weighted(&[1; 4]), sticky),
        &pool(&weighted(&[1; 4]), "sticky = { cookie = \"s2\" }"),
    );
    assert_eq!(item(&renamed, "sessions-lost").rank, Rank::Danger);
}

#[test]
fn what_does_not_change_is_told_on_request() {
    let (old, new) = (
        pool(&weighted(&[4, 4, 2]), "intent = \"weights\""),
        pool(&weighted(&[4, 5, 1]), "intent = \"weights\""),
    );
    assert_eq!(compared(&old, &new).pools[0].backends.len(), 2, "b1 keeps its 40 %");
    assert_eq!(compared_with(&old, &new, Options { all: true }).pools[0].backends.len(), 3);
}
