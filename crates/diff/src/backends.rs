//! The backends of one pool before and after.

use evenkeel_config::{Backend, Pool};
use evenkeel_core::PoolSnapshot;

use crate::pairs::pairs;
use crate::report::{BackendChange, Presence};

/// A backend and what it gets.
#[derive(Clone, Copy)]
struct Placed<'a> {
    backend: &'a Backend,
    plan: f64,
    intent: f64,
}

/// A pool before or after: its configuration and the shares that this comes to.
#[derive(Clone, Copy)]
pub(crate) struct Stand<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) snapshot: &'a PoolSnapshot,
}

/// Every backend of either, those of `new` first.
pub(crate) fn backends(old: Option<Stand<'_>>, new: Option<Stand<'_>>) -> Vec<BackendChange> {
    let (old, new) = (old.map_or_else(Vec::new, placed), new.map_or_else(Vec::new, placed));
    let pairs = pairs(&old, &new, |one| one.backend.id.as_str(), |one| Some(one.backend.address.to_string()));
    let mut both = pairs.both.into_iter().peekable();
    let mut changes = Vec::with_capacity(new.len() + pairs.removed.len());
    for one in &new {
        let was = both.next_if(|(_, is)| std::ptr::eq(*is, one)).map(|(was, _)| was);
        changes.push(change(was, Some(one)));
    }
    changes.extend(pairs.removed.into_iter().map(|one| change(Some(one), None)));
    changes
}

/// What about a backend was edited: weight, capacity, whether it takes part, and where it stands.
fn edits(old: &Backend, new: &Backend) -> Vec<String> {
    let mut edits = Vec::new();
    let mut edit = |what: &str, before: String, after: String| {
        if before != after {
            edits.push(format!("{what} {before} -> {after}"));
        }
    };
    let or = |value: Option<String>, none: &str| value.unwrap_or_else(|| none.to_owned());
    let (was, is) = (&old.placement, &new.placement);
    edit("weight", old.weight.get().to_string(), new.weight.get().to_string());
    let capacity = |one: &Backend| or(one.capacity.map(|capacity| capacity.to_string()), "none");
    edit("capacity", capacity(old), capacity(new));
    edit("tier", was.tier.to_string(), is.tier.to_string());
    edit(
        "zone",
        or(was.zone.as_deref().map(Into::into), "none"),
        or(is.zone.as_deref().map(Into::into), "none"),
    );
    let limit = |one: &evenkeel_core::Placement| or(one.max_in_flight.map(|limit| limit.to_string()), "none");
    edit("max_in_flight", limit(was), limit(is));
    match (old.enabled, new.enabled) {
        (true, false) => edits.push("disabled".to_owned()),
        (false, true) => edits.push("enabled".to_owned()),
        _ => {}
    }
    match (was.draining, is.draining) {
        (false, true) => edits.push("drains".to_owned()),
        (true, false) => edits.push("no longer drains".to_owned()),
        _ => {}
    }
    edits
}

fn placed(stand: Stand<'_>) -> Vec<Placed<'_>> {
    let views = stand.snapshot.members();
    let of = |(backend, view): (_, &evenkeel_core::MemberView)| Placed {
        backend,
        plan: view.plan,
        intent: view.intent,
    };
    stand.pool.backends.iter().zip(views).map(of).collect()
}

fn change(old: Option<&Placed<'_>>, new: Option<&Placed<'_>>) -> BackendChange {
    let presence = match (old, new) {
        (None, _) => Presence::Added,
        (_, None) => Presence::Removed,
        _ => Presence::Kept,
    };
    let name = |one: &Placed<'_>| one.backend.id.to_string();
    let address = |one: Option<&Placed<'_>>| one.map(|one| one.backend.address.to_string());
    let part = |one: Option<&Placed<'_>>, of: fn(&Placed<'_>) -> f64| one.map_or(0.0, of);
    let both = old.zip(new);
    BackendChange {
        backend: new.or(old).map(name).unwrap_or_default(),
        was: both.map(|(old, _)| name(old)).filter(|was| new.map(name).as_ref() != Some(was)),
        presence,
        address_before: address(old),
        address_after: address(new),
        before: part(old, |one| one.plan),
        after: part(new, |one| one.plan),
        intent_before: part(old, |one| one.intent),
        intent_after: part(new, |one| one.intent),
        edits: both.map_or_else(Vec::new, |(old, new)| edits(old.backend, new.backend)),
    }
}

/// Shares that differ by less are the same to anybody: 0.05 points.
pub(crate) const NOTICED: f64 = 0.000_5;

impl BackendChange {
    /// Whether its share differs by more than 0.05 points.
    pub fn shifts(&self) -> bool {
        (self.after - self.before).abs() > NOTICED
    }

    /// Whether it has another address under the same name.
    pub fn has_moved(&self) -> bool {
        self.presence == Presence::Kept && self.address_before != self.address_after
    }

    pub(crate) fn is_news(&self) -> bool {
        self.presence != Presence::Kept
            || self.shifts()
            || self.has_moved()
            || self.was.is_some()
            || !self.edits.is_empty()
    }
}
