//! Files, and what a comparison says of them.

use evenkeel_config::{Loaded, RenderStyle, Source, load, render};
use evenkeel_diff::{Comparison, Item, Options, Side, compare};

/// The comparison of two files that must be sound.
pub(crate) fn compared(old: &str, new: &str) -> Comparison {
    compared_with(old, new, Options::default())
}

pub(crate) fn compared_with(old: &str, new: &str, options: Options) -> Comparison {
    let (old, new) = (Source::new("old.toml", old), Source::new("new.toml", new));
    let (before, after) = (load(&old), load(&new));
    compare(&side(&old, &before), &side(&new, &after), options)
}

fn side<'a>(source: &'a Source, loaded: &'a Loaded) -> Side<'a> {
    Side::of(source, loaded).unwrap_or_else(|| {
        let style = RenderStyle { color: false, width: 100 };
        panic!("{}\n{}", source.text(), render(source, &loaded.diagnostics, style))
    })
}

/// A file with one listener and one pool `web` of these entries and keys.
pub(crate) fn pool(backends: &str, keys: &str) -> String {
    format!(
        "[listener.web]\nbind = \"127.0.0.1:8080\"\npool = \"web\"\n\n[pool.web]\nhealth = false\n{keys}\nbackends = [{backends}]\n"
    )
}

/// Entries `b1` and so on at 10.0.0.1:80 and so on with these weights.
pub(crate) fn weighted(weights: &[u32]) -> String {
    let entry = |(number, weight): (usize, &u32)| {
        let number = number + 1;
        format!("{{ name = \"b{number}\", address = \"10.0.0.{number}:80\", weight = {weight} }}")
    };
    weights.iter().enumerate().map(entry).collect::<Vec<_>>().join(", ")
}

/// The items of that kind.
#[track_caller]
pub(crate) fn items<'a>(comparison: &'a Comparison, kind: &str) -> Vec<&'a Item> {
    let found: Vec<&Item> = comparison.items.iter().filter(|item| item.kind == kind).collect();
    assert!(!found.is_empty(), "no {kind} in {:#?}", comparison.items);
    found
}

/// The one item of that kind.
#[track_caller]
pub(crate) fn item<'a>(comparison: &'a Comparison, kind: &str) -> &'a Item {
    let found = items(comparison, kind);
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0]
}
