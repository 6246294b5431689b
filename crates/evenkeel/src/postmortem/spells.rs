//! What began and ended.

use std::sync::Arc;

use evenkeel_proxy::journal::{Event, Kind, What};

/// Something that was wrong for a while.
#[derive(Debug)]
pub(super) struct Spell<'a> {
    /// What began it.
    pub(super) began: &'a Arc<Event>,
    /// What ended it, if that happened in the time.
    pub(super) ended: Option<&'a Arc<Event>>,
}

/// Everything that was wrong, in the order in which it began.
pub(super) fn spells(events: &[Arc<Event>]) -> Vec<Spell<'_>> {
    let begins = events.iter().enumerate().filter(|(_, event)| !ends(event.kind()).is_empty());
    let spell = |(index, began): (usize, &'_ Arc<Event>)| {
        let wanted = ends(began.kind());
        let ended =
            events[index + 1..].iter().find(|event| wanted.contains(&event.kind()) && is_same(began, event));
        (began.seq, ended.map(|ended| ended.seq))
    };
    let found: Vec<(u64, Option<u64>)> = begins.map(spell).collect();
    let event = |seq: u64| events.iter().find(|event| event.seq == seq);
    found
        .into_iter()
        .filter_map(|(began, ended)| Some(Spell { began: event(began)?, ended: ended.and_then(event) }))
        .collect()
}

impl Spell<'_> {
    /// When it really began, in milliseconds since 1970: skew is told when it is sure.
    pub(super) fn began_ms(&self) -> u64 {
        match &self.began.what {
            What::SkewRaised { since_ms, .. } if *since_ms > 0 => *since_ms,
            _ => self.began.at_ms,
        }
    }
}

/// What ends something of this kind; nothing where it is not a spell.
fn ends(kind: Kind) -> &'static [Kind] {
    match kind {
        Kind::BackendDown | Kind::Ejected | Kind::MemberUnresolved => &[Kind::BackendUp, Kind::Returned],
        Kind::DrainBegin => &[Kind::DrainEnd, Kind::MemberRemoved],
        Kind::SkewRaised => &[Kind::SkewCleared],
        Kind::SharedSlow => &[Kind::SharedSlowOver],
        Kind::PanicEntered | Kind::PoolEmpty => &[Kind::PanicLeft, Kind::PoolServes],
        Kind::QueueFull => &[Kind::QueueFullOver],
        Kind::ConnectionsFull => &[Kind::ConnectionsFullOver],
        Kind::DiskFailing => &[Kind::DiskBack],
        _ => &[],
    }
}

fn is_same(one: &Event, other: &Event) -> bool {
    let respect = |event: &Event| match &event.what {
        What::SkewRaised { dimension, .. } | What::SkewCleared { dimension, .. } => Some(dimension.clone()),
        What::ConnectionsFull { listener, .. } | What::ConnectionsFullOver { listener } => {
            Some(listener.clone().into())
        }
        _ => None,
    };
    (&one.pool, &one.backend) == (&other.pool, &other.backend) && respect(one) == respect(other)
}
