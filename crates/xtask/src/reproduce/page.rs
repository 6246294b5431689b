//! The page about strategies: figures between marks, and a section for each strategy.

use std::fs;
use std::path::Path;

use crate::Failure;

use super::{Findings, table};

const PAGE: &str = "docs/strategies.md";

/// What stands between marks on the page.
const BLOCKS: [&str; 2] = ["latency", "claims"];

/// Puts the figures in their places.
pub(super) fn write(root: &Path, findings: &Findings) -> Result<(), Failure> {
    let file = root.join(PAGE);
    let told = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut page = fs::read_to_string(&file).map_err(told)?;
    let latency = findings.latency.as_ref().map(table::markdown_latency).unwrap_or_default();
    for (name, content) in BLOCKS.into_iter().zip([latency, table::markdown_rows(&findings.lines)]) {
        let missing = || format!("{PAGE}: the marks of {name} are missing");
        page = spliced(&page, &begin(name), &content).ok_or_else(missing)?;
    }
    fs::write(&file, page).map_err(told)
}

/// The page with this content between this mark and the next end; nothing where they are missing.
pub(crate) fn spliced(page: &str, begin: &str, content: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n{content}{END}{after}"))
}

fn begin(name: &str) -> String {
    format!("<!-- cargo xtask reproduce --write: {name} -->")
}

const END: &str = "<!-- end -->";

#[cfg(test)]
mod tests {
    use super::super::pictures;
    use super::*;
    use crate::root;
    use evenkeel_core::{REGISTRY, StrategyKind};

    fn page() -> String {
        fs::read_to_string(root().join(PAGE)).unwrap()
    }

    #[test]
    fn what_is_between_the_marks_is_replaced_and_nothing_else() {
        let page = format!("a\n{}\nold\n{END}\nb {END}\n", begin("x"));
        assert_eq!(
            spliced(&page, &begin("x"), "new\n").unwrap(),
            format!("a\n{}\nnew\n{END}\nb {END}\n", begin("x"))
        );
        assert_eq!(spliced(&page, &begin("y"), "new"), None);
    }

    #[test]
    fn the_page_has_the_marks() {
        for name in BLOCKS {
            assert!(spliced(&page(), &begin(name), "").is_some(), "{name}");
        }
    }

    /// Sections about strategies are those whose title is code.
    #[test]
    fn every_strategy_has_its_section_and_every_section_is_a_strategy() {
        let page = page();
        let sections: Vec<&str> =
            page.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).collect();
        let names: Vec<&str> = REGISTRY.iter().map(|known| known.name).collect();
        assert_eq!(sections, names, "in the order of the registry");
        for name in names {
            assert!(page.contains(&format!("[`{name}`](#{name})")), "{name} is not in the table at the top");
        }
    }

    /// A strategy that is gone, or not there yet, is not advertised.
    #[test]
    fn the_table_at_the_top_names_strategies_only() {
        let page = page();
        for name in page.split("[`").skip(1).filter_map(|rest| rest.split_once("`](#")) {
            assert!(StrategyKind::from_name(name.0).is_some(), "{}", name.0);
        }
    }

    #[test]
    fn every_picture_that_is_drawn_is_shown() {
        for file in pictures::files() {
            assert!(page().contains(&format!("](images/{file})")), "{file}");
            assert!(root().join("docs/images").join(file).is_file(), "{file}");
        }
    }
}
