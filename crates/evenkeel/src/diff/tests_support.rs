//! Comparisons to render.

use evenkeel_config::{Source, load};
use evenkeel_diff::{Comparison, Options, Side, compare};

/// A pool `web` of backends with these weights.
pub(super) fn pool(weights: &[u32], keys: &str) -> String {
    let entry = |(number, weight): (usize, &u32)| {
        format!("{{ name = \"web{0}\", address = \"10.0.0.{0}:80\", weight = {weight} }}", number + 1)
    };
    let backends: Vec<String> = weights.iter().enumerate().map(entry).collect();
    format!(
        "[listener.web]\nbind = \"127.0.0.1:8080\"\npool = \"web\"\n[pool.web]\nhealth = false\n{keys}\nbackends = [{}]\n",
        backends.join(", ")
    )
}

/// What changes between two sound files.
pub(super) fn comparison(old: &str, new: &str) -> Comparison {
    let (old, new) = (Source::new("old.toml", old), Source::new("new.toml", new));
    let (was, is) = (load(&old), load(&new));
    let side = |source, loaded| Side::of(source, loaded).expect("a sound file");
    compare(&side(&old, &was), &side(&new, &is), Options::default())
}
