//! What the text and the Markdown have in common.

use evenkeel_diff::words::count;
use evenkeel_diff::{BackendChange, Comparison, PoolChange, Presence, Rank};

/// Backends of a pool that are told one by one.
const TOLD: usize = 20;

/// `2 dangers, 1 change, 3 notes`, or that there is nothing.
pub(super) fn summary(comparison: &Comparison) -> String {
    let of = |rank: Rank| comparison.items.iter().filter(|item| item.rank == rank).count();
    let ranks = [(Rank::Danger, "danger"), (Rank::Change, "change"), (Rank::Note, "note")];
    let counts = ranks.map(|(rank, noun)| (of(rank), noun));
    let words: Vec<String> = counts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| count(number, noun))
        .collect();
    match (comparison.changed, words.is_empty()) {
        (_, true) => "nothing changes".to_owned(),
        (false, _) => format!("no change in traffic, {}", words.join(", ")),
        (true, _) => words.join(", "),
    }
}

/// The backends worth a row, those that change most first, and how many others there are.
pub(super) fn rows(pool: &PoolChange, all: bool) -> (Vec<&BackendChange>, usize) {
    let mut rows: Vec<&BackendChange> = pool.backends.iter().collect();
    if !all && rows.len() > TOLD {
        let shift = |one: &BackendChange| (one.after - one.before).abs();
        rows.sort_by(|one, other| shift(other).total_cmp(&shift(one)));
        rows.truncate(TOLD);
    }
    let left = pool.backends.len() - rows.len();
    (rows, left)
}

/// What about a backend is different, beside its share.
pub(super) fn what(one: &BackendChange) -> String {
    let address = |address: &Option<String>| address.clone().unwrap_or_default();
    let mut words = match one.presence {
        Presence::Added => vec!["new".to_owned()],
        Presence::Removed => vec!["removed".to_owned()],
        Presence::Kept => Vec::new(),
    };
    words.extend(one.was.as_ref().map(|was| format!("was {was}")));
    if one.has_moved() {
        words.push(format!("{} -> {}", address(&one.address_before), address(&one.address_after)));
    }
    words.extend(one.edits.iter().cloned());
    words.join(", ")
}

/// The name with which a pool's items begin.
pub(super) fn about(pool: &PoolChange) -> String {
    format!("pool {}", pool.pool)
}

/// Whether a pool has rows that say more than its items do.
pub(super) fn has_table(pool: &PoolChange) -> bool {
    pool.presence == Presence::Kept && !pool.backends.is_empty()
}
