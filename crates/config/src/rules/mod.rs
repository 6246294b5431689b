//! The rules of `check` that are about how traffic is spread: what each one is called, why it matters, a file that breaks
//! it and the same file put right.
//!
//! What finds them is in `check` and `decode`; this is what is told of them. `evenkeel explain`, the reference page and
//! SARIF read it, and `allow` goes by it.

mod addresses;
mod capacity;
mod exposure;
mod hashing;
mod health;
mod routes;
mod sessions;
mod timeouts;
mod tls;
mod weights;

use crate::diagnostic::{Diagnostic, Severity};
use crate::load::load;
use crate::source::Source;
use crate::values;

/// A rule of the lint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The code of its diagnostics, in kebab case. It never changes.
    pub id: &'static str,
    /// How its diagnostics come; one that may come as either is told as a warning.
    pub severity: Severity,
    /// What is wrong, in one line without a full stop.
    pub title: &'static str,
    /// Why it hurts, in a paragraph.
    pub reason: &'static str,
    /// A whole file that breaks it.
    pub broken: &'static str,
    /// The same file put right.
    pub sound: &'static str,
}

/// An entry of `allow` that matches nothing.
pub(crate) const UNUSED_ALLOW: &str = "unused-allow";

/// Every rule, by theme.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let themes = [
        weights::RULES,
        addresses::RULES,
        capacity::RULES,
        health::RULES,
        hashing::RULES,
        sessions::RULES,
        timeouts::RULES,
        routes::RULES,
        exposure::RULES,
        tls::RULES,
    ];
    themes.into_iter().flatten()
}

/// The rule of this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

/// The rule that is probably meant by an id that is none.
pub fn nearest_rule(id: &str) -> Option<&'static Rule> {
    values::nearest(id, rules().map(|rule| rule.id)).and_then(rule)
}

impl Rule {
    /// What `check` says of the broken file; `None` where only other files show what is wrong.
    pub fn shown(&self) -> Option<Diagnostic> {
        let found = load(&Source::new("evenkeel.toml", self.broken)).diagnostics;
        found.into_iter().find(|found| found.code == self.id)
    }

    /// Whether a warning of it may be meant.
    pub fn may_be_allowed(&self) -> bool {
        self.severity == Severity::Warning && self.id != UNUSED_ALLOW
    }
}
