//! Warnings that are meant, taken out of those that are told.
//!
//! An entry of `allow` holds in its table and those inside of it. A warning may point to more than one place: two backends
//! of one address, two pools with one cookie. It is meant where the table that it points to first says so, and also where
//! another one of the same kind does: either of the two may say it. A place of another kind does not count: the listener
//! that a warning about a pool mentions has no say in it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::model::Allow;
use crate::rules::UNUSED_ALLOW;
use crate::scope::{Scope, Scopes};
use crate::span::At;

/// A warning that is meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowed {
    /// The warning.
    pub found: Diagnostic,
    /// Why it is meant.
    pub reason: String,
}

/// The entries of `allow` of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allows {
    /// Each with whether it has matched.
    entries: Vec<(At<Allow>, bool)>,
    /// The first entry of a rule in a table.
    first: HashMap<(&'static str, Scope), usize>,
    scopes: Option<Arc<Scopes>>,
}

impl Allows {
    pub(crate) fn new(allows: Vec<At<Allow>>, scopes: Scopes) -> Self {
        let mut first = HashMap::new();
        for (index, allow) in allows.iter().enumerate() {
            first.entry((allow.value.rule, scopes.at(allow.span.start))).or_insert(index);
        }
        let entries = allows.into_iter().map(|allow| (allow, false)).collect();
        Self { entries, first, scopes: Some(Arc::new(scopes)) }
    }

    /// Parts what is to be told from what is meant.
    pub(crate) fn part(&mut self, found: Vec<Diagnostic>) -> (Vec<Diagnostic>, Vec<Allowed>) {
        let (mut told, mut allowed) = (Vec::new(), Vec::new());
        for found in found {
            match self.reason(&found) {
                Some(reason) => allowed.push(Allowed { found, reason }),
                None => told.push(found),
            }
        }
        (told, allowed)
    }

    /// One warning for each entry that nothing has matched.
    pub(crate) fn unused(&self) -> impl Iterator<Item = Diagnostic> {
        self.entries.iter().filter(|(_, used)| !used).map(|(allow, _)| unused(allow))
    }

    /// Why it is meant, if it is. Every entry that says so has been of use.
    fn reason(&mut self, found: &Diagnostic) -> Option<String> {
        if found.severity == Severity::Error || self.entries.is_empty() {
            return None;
        }
        let mut reason = None;
        for scope in self.have_a_say(found) {
            if let Some((allow, used)) =
                self.first.get(&(found.code, scope)).and_then(|index| self.entries.get_mut(*index))
            {
                *used = true;
                reason.get_or_insert_with(|| allow.value.reason.clone());
            }
        }
        reason
    }

    /// The table that it points to first and others of the same kind, each with those around it.
    fn have_a_say(&self, found: &Diagnostic) -> Vec<Scope> {
        let Some(scopes) = &self.scopes else { return Vec::new() };
        let first = scopes.at(found.span.start);
        let related = found.related.iter().map(|(span, _)| scopes.at(span.start));
        let places = std::iter::once(first).chain(related.filter(|other| other.is_like(first)));
        places.flat_map(Scope::outward).collect()
    }
}

fn unused(allow: &At<Allow>) -> Diagnostic {
    let message = format!("there is no warning `{}` here to allow", allow.value.rule);
    Diagnostic::warning(UNUSED_ALLOW, allow.span.clone(), message)
        .label("matches nothing")
        .effect("it would silence the next one, which nobody meant")
        .help("take the entry out; if the warning is about another table, write it there")
}
