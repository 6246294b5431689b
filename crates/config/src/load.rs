//! The whole way from a file to a configuration.

use toml::de::DeTable;

use crate::assemble::assemble;
use crate::check;
use crate::decode::{Cx, decode};
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::Config;
use crate::source::Source;
use crate::syntax;

/// What became of a file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration; `None` exactly when a diagnostic is an error.
    pub config: Option<Config>,
    /// Everything that is wrong or doubtful, in file order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and checks a configuration file.
pub fn load(source: &Source) -> Loaded {
    if let Some(place) = source.not_utf8() {
        return refused(source, vec![not_utf8(place)]);
    }
    let (tree, syntax) = DeTable::parse_recoverable(source.text());
    let cx = Cx::default();
    let draft = decode(&cx, tree.get_ref());
    if !syntax.is_empty() {
        return refused(source, with_syntax(source, &syntax, cx.into_diagnostics()));
    }
    check::check(&cx, &draft);
    let config = if cx.errors() == 0 { assemble(draft) } else { None };
    debug_assert!(config.is_some() || cx.errors() > 0, "a draft without errors is whole");
    Loaded { config, diagnostics: in_order(source, cx.into_diagnostics()) }
}

fn refused(source: &Source, diagnostics: Vec<Diagnostic>) -> Loaded {
    Loaded { config: None, diagnostics: in_order(source, diagnostics) }
}

fn not_utf8(place: std::ops::Range<usize>) -> Diagnostic {
    Diagnostic::error("not-utf8", place, "the file is not UTF-8 text")
        .label("the first byte that is not")
        .help("save it as UTF-8; check that it is the configuration and not another file")
}

/// The syntax errors, and of the rest what is true of the lines that could be parsed: what seems to be missing may
/// stand in a line that could not, and what follows a header that could not be read has no table.
fn with_syntax(source: &Source, syntax: &[toml::de::Error], rest: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut all = syntax::diagnostics(source, syntax);
    let told = all.clone();
    all.extend(rest.into_iter().filter(|found| {
        let follows = told.iter().any(|known| syntax::follows(source, &known.span, &found.span));
        !found.code.starts_with("missing-") && !follows
    }));
    all
}

fn in_order(source: &Source, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for found in &mut diagnostics {
        found.span = source.clamp(found.span.clone());
        for (span, _) in &mut found.related {
            *span = source.clamp(span.clone());
        }
    }
    diagnostics.sort_by_key(|found| (found.span.start, found.severity != Severity::Error));
    diagnostics
}
