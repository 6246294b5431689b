//! Any text is a configuration, or is refused with at least one error; every place told lies in the text.
#![no_main]

use evenkeel_config::{RenderStyle, Severity, Source, effective, load, render, to_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Source::new("fuzz.toml", text);
    let loaded = load(&source);
    let errors = loaded.diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
    assert_eq!(loaded.config.is_none(), errors > 0, "refused exactly when there is an error");
    for diagnostic in &loaded.diagnostics {
        let related = diagnostic.related.iter().map(|(span, _)| span);
        for span in related.chain([&diagnostic.span]) {
            assert!(source.text().get(span.clone()).is_some(), "{span:?} is not in the text: {diagnostic:?}");
        }
    }
    render(&source, &loaded.diagnostics, RenderStyle { color: false, width: 80 });
    to_json(&source, &loaded.diagnostics);
    if let Some(config) = &loaded.config {
        effective(config);
    }
});
