//! The whole way from a file to a configuration.

use toml::de::DeTable;

use crate::allow::{Allowed, Allows};
use crate::assemble::assemble;
use crate::check;
use crate::decode::{Cx, Draft, decode};
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::Config;
use crate::rules::UNUSED_ALLOW;
use crate::scope::Scopes;
use crate::source::Source;
use crate::syntax;

/// Most problems told at once. A person stops reading before; a wrong file of a million lines must not take a minute.
const MOST: usize = 200;
/// Stands for those that are not told.
const TOO_MANY: &str = "too-many";

/// What became of a file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration; `None` exactly when a diagnostic is an error.
    pub config: Option<Config>,
    /// Everything that is wrong or doubtful, in file order; beyond 200 the rest is counted in one.
    pub diagnostics: Vec<Diagnostic>,
    /// Warnings that the file says are meant, in file order.
    pub allowed: Vec<Allowed>,
    allows: Allows,
    /// What is counted and not shown.
    beyond: Vec<Diagnostic>,
}

/// Reads and checks a configuration file.
pub fn load(source: &Source) -> Loaded {
    if let Some(place) = source.not_utf8() {
        return refused(source, vec![not_utf8(place)]);
    }
    let (tree, syntax) = DeTable::parse_recoverable(source.text());
    let cx = Cx::at(source.folder());
    let draft = decode(&cx, tree.get_ref());
    if !syntax.is_empty() {
        return refused(source, with_syntax(source, &syntax, cx.into_parts().0));
    }
    check::check(&cx, &draft);
    let config = if cx.errors() == 0 { whole(&cx, draft) } else { None };
    let (found, allows) = cx.into_parts();
    let mut loaded = Loaded {
        config,
        diagnostics: Vec::new(),
        allowed: Vec::new(),
        allows: match allows.is_empty() {
            true => Allows::default(),
            false => Allows::new(allows, Scopes::of(tree.get_ref())),
        },
        beyond: Vec::new(),
    };
    loaded.add(source, found);
    loaded
}

/// The configuration of a draft without errors, if it is what the file promises.
fn whole(cx: &Cx, draft: Draft) -> Option<Config> {
    let promises = check::Promises::of(&draft);
    let config = assemble(draft);
    debug_assert!(config.is_some(), "a draft without errors is whole");
    promises.check(cx, config.as_ref()?);
    config.filter(|_| cx.errors() == 0)
}

impl Loaded {
    /// Adds what was found in what the file names, such as certificates. Warnings that the file allows are taken out; an
    /// error takes the configuration away.
    pub fn add(&mut self, source: &Source, found: Vec<Diagnostic>) {
        let (told, allowed) = self.allows.part(found);
        if told.iter().any(|found| found.severity == Severity::Error) {
            self.config = None;
        }
        self.allowed.extend(allowed);
        self.allowed.sort_by_key(|allowed| allowed.found.span.start);
        // An entry that has matched nothing so far may have now.
        let known = std::mem::take(&mut self.diagnostics).into_iter().chain(std::mem::take(&mut self.beyond));
        let known = known.filter(|found| found.code != UNUSED_ALLOW && found.code != TOO_MANY);
        let mut all: Vec<_> = known.chain(told).collect();
        // In a file that is not whole, what an entry is about may be missing.
        if self.config.is_some() {
            all.extend(self.allows.unused());
        }
        (self.diagnostics, self.beyond) = in_order(source, all);
    }
}

fn refused(source: &Source, diagnostics: Vec<Diagnostic>) -> Loaded {
    let (diagnostics, beyond) = in_order(source, diagnostics);
    Loaded { config: None, diagnostics, allowed: Vec::new(), allows: Allows::default(), beyond }
}

fn not_utf8(place: std::ops::Range<usize>) -> Diagnostic {
    Diagnostic::error("not-utf8", place, "the file is not UTF-8 text")
        .label("the first byte that is not")
        .help("save it as UTF-8; check that it is the configuration and not another file")
}

/// The syntax errors, and of the rest what is true of the lines that could be parsed: what seems to be missing may
/// stand in a line that could not, and what follows a header that could not be read has no table.
fn with_syntax(source: &Source, syntax: &[toml::de::Error], rest: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let errors = syntax::errors(source, syntax);
    let unknown = |found: &Diagnostic| {
        // The errors are in file order and do not overlap.
        let after = errors.partition_point(|error| error.covers.end <= found.span.start);
        errors.get(after).is_some_and(|error| error.covers.contains(&found.span.start))
    };
    let rest = rest.into_iter().filter(|found| !found.code.starts_with("missing-") && !unknown(found));
    let rest: Vec<_> = rest.collect();
    errors.into_iter().map(|error| error.found).chain(rest).collect()
}

/// Those that are shown, in file order, and those beyond, which the last of them counts.
fn in_order(source: &Source, mut diagnostics: Vec<Diagnostic>) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    for found in &mut diagnostics {
        found.span = source.clamp(found.span.clone());
        for (span, _) in &mut found.related {
            *span = source.clamp(span.clone());
        }
    }
    diagnostics.sort_by_key(|found| (found.span.start, found.severity != Severity::Error));
    let beyond = diagnostics.split_off(MOST.min(diagnostics.len()));
    diagnostics.extend(too_many(&beyond));
    (diagnostics, beyond)
}

/// One diagnostic in place of those beyond [`MOST`], as severe as the worst of them.
fn too_many(more: &[Diagnostic]) -> Option<Diagnostic> {
    let first = more.first()?;
    let severity = more.iter().map(|found| found.severity).max()?;
    let count = more.len();
    let message =
        format!("{count} more {} not shown", if count == 1 { "problem is" } else { "problems are" });
    let found = Diagnostic::error(TOO_MANY, first.span.clone(), message)
        .label("from here on")
        .help("put the first ones right; check that this is the configuration and not another file");
    Some(Diagnostic { severity, ..found })
}
