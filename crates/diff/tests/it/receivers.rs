//! Who is told of alarms.

use evenkeel_diff::Rank;

use crate::support::{compared, item, pool, weighted};

fn file(receivers: &[(&str, &str)]) -> String {
    let entry = |(name, path): &(&str, &str)| {
        format!("[[notify]]\nname = \"{name}\"\nurl = \"https://hooks.example.com/{path}\"\n")
    };
    format!("{}{}", receivers.iter().map(entry).collect::<String>(), pool(&weighted(&[1, 1]), ""))
}

#[test]
fn receivers_are_told_by_name_and_their_urls_are_not() {
    let (both, one) = (file(&[("a", "sEcReT1"), ("b", "sEcReT2")]), file(&[("a", "sEcReT3")]));
    let found = compared(&both, &one);
    assert_eq!(item(&found, "receiver-changed").about, "notify a");
    assert_eq!((item(&found, "receiver-removed").about.as_str(), found.items.len()), ("notify b", 2));
    assert!(!format!("{found:?}").contains("sEcReT"), "{found:?}");
    let gone = compared(&one, &file(&[]));
    assert_eq!(item(&gone, "receiver-removed").rank, Rank::Change);
    assert_eq!(item(&gone, "receiver-removed").more, ["nobody is told"]);
    assert_eq!(item(&compared(&one, &both), "receiver-added").about, "notify b");
    assert!(compared(&one, &one).items.is_empty());
}
