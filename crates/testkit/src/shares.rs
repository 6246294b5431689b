//! Assertions on how requests were spread.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What one backend should have, relative to the others.
pub type Share<'a> = (&'a str, u32);

/// Checks that `counts` are split as `weights` say, each to within `tolerance` requests, and that nobody else got any.
///
/// # Panics
/// With a table of expected and observed counts.
#[track_caller]
pub fn assert_shares(counts: &BTreeMap<String, u64>, weights: &[Share<'_>], tolerance: f64) {
    let strangers =
        counts.iter().any(|(name, &count)| count > 0 && !weights.iter().any(|(known, _)| known == name));
    let off = expected(counts, weights).any(|(_, expected, got)| (got as f64 - expected).abs() > tolerance);
    assert!(!strangers && !off, "shares are off by more than {tolerance}\n{}", shares_table(counts, weights));
}

/// The counts beside what they should be, a line each.
pub fn shares_table(counts: &BTreeMap<String, u64>, weights: &[Share<'_>]) -> String {
    let total: u64 = counts.values().sum();
    let mut table = format!("{:<20} {:>10} {:>10} {:>8}\n", "backend", "expected", "got", "share");
    let mut row = |name: &str, expected: f64, got: u64| {
        let share = 100.0 * got as f64 / total.max(1) as f64;
        writeln!(table, "{name:<20} {expected:>10.1} {got:>10} {share:>7.2}%").ok();
    };
    for (name, expected, got) in expected(counts, weights) {
        row(name, expected, got);
    }
    for (name, &got) in counts.iter().filter(|(name, _)| !weights.iter().any(|(known, _)| known == name)) {
        row(name, 0.0, got);
    }
    table
}

fn expected<'a>(
    counts: &'a BTreeMap<String, u64>,
    weights: &'a [Share<'a>],
) -> impl Iterator<Item = (&'a str, f64, u64)> {
    let total: u64 = counts.values().sum();
    let sum: u32 = weights.iter().map(|(_, weight)| weight).sum();
    weights.iter().map(move |&(name, weight)| {
        let expected = total as f64 * f64::from(weight) / f64::from(sum.max(1));
        (name, expected, counts.get(name).copied().unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
        pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
    }

    #[test]
    fn accepts_what_is_within_the_tolerance() {
        assert_shares(&counts(&[("a", 501), ("b", 100), ("c", 99)]), &[("a", 5), ("b", 1), ("c", 1)], 1.0);
    }

    #[test]
    #[should_panic(expected = "500.0        503")]
    fn shows_a_table() {
        assert_shares(&counts(&[("a", 503), ("b", 100), ("c", 97)]), &[("a", 5), ("b", 1), ("c", 1)], 2.0);
    }

    #[test]
    #[should_panic(expected = "shares are off")]
    fn nobody_else_may_have_any() {
        assert_shares(&counts(&[("a", 500), ("b", 500), ("x", 1)]), &[("a", 1), ("b", 1)], 2.0);
    }

    #[test]
    #[should_panic(expected = "shares are off")]
    fn an_absent_backend_has_none() {
        assert_shares(&counts(&[("a", 10)]), &[("a", 1), ("b", 1)], 1.0);
    }
}
