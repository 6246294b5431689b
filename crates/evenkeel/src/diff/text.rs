//! The comparison as text, at most [`WIDTH`] columns wide, worst first.

use std::fmt::Write as _;

use evenkeel_diff::{BackendChange, Comparison, Item, PoolChange, Rank};

use super::Names;
use super::table::{about, has_table, rows, summary, what};
use crate::lines::{WIDTH, clip, wrap};

/// Where sentences begin.
const INDENT: usize = 8;
/// Columns of a bar that stands for all requests.
const BAR: usize = 24;
const NAME_MAX: usize = 21;
/// Items that are told: nobody reads on.
const TOLD: usize = 60;

/// How it is told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Form {
    pub(super) colour: bool,
    /// However long it gets.
    pub(super) all: bool,
}

/// Everything, for people.
pub(super) fn render(names: &Names, comparison: &Comparison, form: Form) -> String {
    let mut text = String::new();
    let title = format!("{} -> {}: {}", names.old, names.new, summary(comparison));
    wrap(&mut text, "", &title);
    let mut tables: Vec<&PoolChange> = comparison.pools.iter().filter(|pool| has_table(pool)).collect();
    let told = if form.all { usize::MAX } else { TOLD };
    for one in comparison.items.iter().take(told) {
        item(&mut text, one, form.colour);
        // A pool's table stands under what is worst about the pool.
        if let Some(at) = tables.iter().position(|pool| about(pool) == one.about) {
            table(&mut text, tables.remove(at), form.all);
        }
    }
    if let Some(more) = comparison.items.len().checked_sub(told).filter(|more| *more > 0) {
        writeln!(text, "\nand {more} more; --all tells them").ok();
        return text;
    }
    for pool in tables {
        writeln!(text, "\n{:INDENT$}{}", "", clip(&about(pool), WIDTH - INDENT)).ok();
        table(&mut text, pool, form.all);
    }
    text
}

fn item(text: &mut String, item: &Item, colour: bool) {
    let rank = format!("{:INDENT$}", item.rank.as_str());
    let headline = format!("{}: {}", item.about, item.text);
    let mut lines = String::new();
    wrap(&mut lines, &rank, &headline);
    let painted = match (colour, item.rank) {
        (true, Rank::Danger) => format!("\u{1b}[1;31m{rank}\u{1b}[0m"),
        (true, Rank::Change) => format!("\u{1b}[33m{rank}\u{1b}[0m"),
        _ => rank.clone(),
    };
    text.push('\n');
    text.push_str(&lines.replacen(&rank, &painted, 1));
    for sentence in &item.more {
        wrap(text, &" ".repeat(INDENT), sentence);
    }
}

fn table(text: &mut String, pool: &PoolChange, all: bool) {
    let (rows, left) = rows(pool, all);
    let name = |one: &&BackendChange| one.backend.chars().count();
    let width = rows.iter().map(name).max().unwrap_or(0).clamp(7, NAME_MAX);
    let indent = " ".repeat(INDENT);
    writeln!(text, "{indent}{:width$}  {:>7}  {:>7}", "backend", "before", "after").ok();
    for one in rows {
        let name = clip(&one.backend, width);
        let shares = format!("{:>6.1}%  {:>6.1}%", one.before * 100.0, one.after * 100.0);
        let row = format!("{indent}{name:width$}  {shares}  {:BAR$}  {}", bar(one), what(one));
        writeln!(text, "{}", clip(row.trim_end(), WIDTH)).ok();
    }
    if left > 0 {
        writeln!(text, "{indent}and {left} more; --all tells them").ok();
    }
}

/// Its share after, with what it gains as `+` and what it loses as `-`.
fn bar(one: &BackendChange) -> String {
    let columns = |part: f64| ((part * BAR as f64).round() as usize).min(BAR);
    let (before, after) = (columns(one.before), columns(one.after));
    let kept = before.min(after);
    "#".repeat(kept) + &"+".repeat(after - kept) + &"-".repeat(before - kept)
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::{comparison, pool};
    use super::*;

    fn names() -> Names {
        Names { old: "old.toml".to_owned(), new: "new.toml".to_owned() }
    }

    #[test]
    fn the_outage_of_one_weight_reads_at_the_top() {
        let text =
            render(&names(), &comparison(&pool(&[1, 1, 1], ""), &pool(&[5, 1, 1], "")), Form::default());
        let expected = "\
old.toml -> new.toml: 1 danger, 1 change

danger  pool web: web1 33 % -> 71 %, web2 33 % -> 14 %, web3 33 % -> 14 %
        38 % of the requests go to another backend than before
        web1 is meant to have 33 %, as all are: intent = \"equal\"
        web1 gets 2.1 times as many requests as before
        backend   before    after
        web1       33.3%    71.4%  ########+++++++++         weight 1 -> 5
        web2       33.3%    14.3%  ###-----
        web3       33.3%    14.3%  ###-----
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\nchange  check "), "{text}");
    }

    #[test]
    fn nothing_is_said_in_a_line() {
        let same = pool(&[1, 1], "");
        assert_eq!(
            render(&names(), &comparison(&same, &same), Form::default()),
            "old.toml -> new.toml: nothing changes\n"
        );
        let log = format!("[log]\nlevel = \"warn\"\n{same}");
        let text = render(&names(), &comparison(&same, &log), Form::default());
        assert!(
            text.starts_with(
                "old.toml -> new.toml: no change in traffic, 1 note\n\nnote    log: level: info -> warn"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_widest_fits_and_only_a_terminal_is_coloured() {
        let many = vec![1; 40];
        let mut weights = many.clone();
        weights[7] = 900;
        let wide = |weights: &[u32]| {
            pool(weights, "").replace("name = \"web", &format!("name = \"{}", "n".repeat(100)))
        };
        let new = wide(&weights)
            .replace(":8080", ":8081")
            .replace("health = false", "health = { path = \"/a/very/long/path\" }");
        let mut change = comparison(&wide(&many), &new);
        change.items[0].more.push(format!("{}\u{1b}[31m", "w".repeat(300)));
        let text = render(&Names { old: "o".repeat(300), new: "n".into() }, &change, Form::default());
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{} columns: {line}", line.chars().count());
        }
        assert!(text.contains("and 20 more; --all") && !text.contains('\u{1b}'), "{text}");
        assert!(render(&names(), &change, Form { colour: true, all: false }).contains("\u{1b}[1;31mdanger"));
    }
}
