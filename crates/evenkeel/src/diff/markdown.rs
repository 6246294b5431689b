//! The comparison as Markdown, for a comment on a pull request.

use std::fmt::Write as _;

use evenkeel_diff::{Comparison, PoolChange, Rank};

use super::Names;
use super::table::{about, has_table, rows, summary, what};

/// Items that are told; a comment has a largest size, and nobody reads on.
const TOLD: usize = 100;
/// Pools with a table.
const TABLES: usize = 20;

/// Everything, worst first; the tables are folded.
pub(super) fn render(names: &Names, comparison: &Comparison) -> String {
    let mut text = String::new();
    writeln!(text, "### Traffic: {} → {}\n", escape(&names.old), escape(&names.new)).ok();
    writeln!(text, "{}", escape(&summary(comparison))).ok();
    if !comparison.items.is_empty() {
        text.push('\n');
    }
    for item in comparison.items.iter().take(TOLD) {
        let rank = if item.rank == Rank::Danger { "**danger**" } else { item.rank.as_str() };
        writeln!(text, "- {rank} · {}: {}", escape(&item.about), escape(&item.text)).ok();
        for sentence in &item.more {
            writeln!(text, "  - {}", escape(sentence)).ok();
        }
    }
    if comparison.items.len() > TOLD {
        writeln!(text, "- and {} more", comparison.items.len() - TOLD).ok();
    }
    let tables: Vec<&PoolChange> = comparison.pools.iter().filter(|pool| has_table(pool)).collect();
    tables.iter().take(TABLES).for_each(|pool| table(&mut text, pool));
    if tables.len() > TABLES {
        writeln!(text, "\nand {} pools more", tables.len() - TABLES).ok();
    }
    text
}

fn table(text: &mut String, pool: &PoolChange) {
    let (rows, left) = rows(pool, false);
    writeln!(text, "\n<details><summary>{}</summary>\n", escape(&about(pool))).ok();
    text.push_str("| backend | before | after | |\n|---|---:|---:|---|\n");
    for one in rows {
        let (before, after) = (one.before * 100.0, one.after * 100.0);
        writeln!(
            text,
            "| {} | {before:.1} % | {after:.1} % | {} |",
            escape(&one.backend),
            escape(&what(one))
        )
        .ok();
    }
    if left > 0 {
        writeln!(text, "| and {left} more | | | |").ok();
    }
    text.push_str("\n</details>\n");
}

/// Text that stays text: nothing of it becomes markup, a mention or a link.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::{comparison, pool};
    use super::*;

    #[test]
    fn a_comment_says_it_first_and_folds_the_rest() {
        let names = Names { old: "a|b.toml".to_owned(), new: "new.toml".to_owned() };
        let text = render(&names, &comparison(&pool(&[1, 1, 1], ""), &pool(&[5, 1, 1], "")));
        let expected = "### Traffic: a\\|b.toml → new.toml\n\n1 danger, 1 change\n\n\
                        - **danger** · pool web: web1 33 % -&gt; 71 %, web2 33 % -&gt; 14 %, web3 33 % -&gt; 14 %\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("<details><summary>pool web</summary>\n\n| backend |"), "{text}");
        assert!(text.contains("| web1 | 33.3 % | 71.4 % | weight 1 -&gt; 5 |"), "{text}");
    }

    #[test]
    fn nothing_becomes_markup() {
        assert_eq!(
            escape("<b>@all `x` [y](z) a_b*c|d\u{1b}"),
            "&lt;b&gt;&#64;all \\`x\\` \\[y\\](z) a\\_b\\*c\\|d?"
        );
    }
}
