//! Which failures a pool is played in.

use std::collections::{BTreeMap, BTreeSet};

use crate::stage::Stage;

/// What happens to whom.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Situation {
    pub(crate) kind: Kind,
    /// Positions of those that it befalls, in order.
    pub(crate) failed: Vec<usize>,
    /// Failures of others that come to the same, beside this one.
    pub(crate) alike: usize,
    /// For people.
    pub(crate) name: String,
}

/// Kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    AllWell,
    OneDown,
    SeveralDown,
    ZoneDown,
    AllButOneDown,
    OneSlow,
    OneFlaps,
}

/// Backends that nothing but their names tells apart.
#[derive(Debug)]
struct Class {
    /// In order, not empty.
    members: Vec<usize>,
}

/// Shares that are kept for one pool: a share for each backend in each situation.
const SHARES_MAX: usize = 400_000;
/// Situations of a pool, however small or large it is.
const SITUATIONS: (usize, usize) = (12, 256);
/// How much slower a slow one is.
pub(crate) const SLOWER: f64 = 10.0;

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AllWell => "all_well",
            Self::OneDown => "one_down",
            Self::SeveralDown => "several_down",
            Self::ZoneDown => "zone_down",
            Self::AllButOneDown => "all_but_one_down",
            Self::OneSlow => "one_slow",
            Self::OneFlaps => "one_flaps",
        }
    }

    /// Whether the failed do not answer.
    pub(crate) fn is_down(self) -> bool {
        matches!(self, Self::OneDown | Self::SeveralDown | Self::ZoneDown | Self::AllButOneDown)
    }
}

impl Situation {
    pub(crate) fn all_well() -> Self {
        Self { kind: Kind::AllWell, failed: Vec::new(), alike: 0, name: "all is well".into() }
    }

    pub(crate) fn is_down(&self, at: usize) -> bool {
        self.kind.is_down() && self.failed.binary_search(&at).is_ok()
    }
}

/// The failures to play, and how many were left out. `shares` are those while all is well: where not everything can be
/// played, it is what befalls the largest. `together` is how many backends are to fail at once, 1 or more.
pub(crate) fn failures(
    stage: &Stage<'_>,
    shares: &[f64],
    pairs: bool,
    together: u32,
) -> (Vec<Situation>, usize) {
    let counting = stage.counting();
    if counting.is_empty() {
        return (Vec::new(), 0);
    }
    let most = (SHARES_MAX / stage.pool.backends.len()).clamp(SITUATIONS.0, SITUATIONS.1);
    let mut classes = classes(stage, &counting);
    let share = |class: &Class| shares[class.members[0]];
    classes.sort_by(|one, other| share(other).total_cmp(&share(one)));
    let mut all: Vec<Situation> = classes.iter().map(|class| one(stage, Kind::OneDown, class)).collect();
    all.extend(zones(stage, &counting));
    all.extend(survivor(stage, &counting));
    all.extend(largest(stage, &counting, shares, together));
    if let Some(heaviest) = classes.first() {
        all.push(one(stage, Kind::OneSlow, heaviest));
        all.push(one(stage, Kind::OneFlaps, heaviest));
    }
    // What is rare in its kind goes first where there are too many.
    all.sort_by_key(|situation| situation.kind == Kind::OneDown);
    let mut left_out = all.len().saturating_sub(most);
    all.truncate(most);
    if pairs || together == 2 {
        let (some, more) = self::pairs(stage, &classes, most - all.len());
        all.extend(some);
        left_out += more;
    }
    (all, left_out)
}

/// Where names do not count, backends of the same make are alike.
fn classes(stage: &Stage<'_>, counting: &[usize]) -> Vec<Class> {
    let named = stage.keys.is_some() || stage.spec.shaping.subset.is_some();
    if named {
        return counting.iter().map(|at| Class { members: vec![*at] }).collect();
    }
    let mut classes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for at in counting {
        let backend = &stage.pool.backends[*at];
        let place = &backend.placement;
        let capacity = stage.capacity[*at].to_bits();
        let make = (place.tier, place.zone.clone(), backend.weight, capacity, place.max_in_flight);
        classes.entry(make).or_default().push(*at);
    }
    classes.into_values().map(|members| Class { members }).collect()
}

fn one(stage: &Stage<'_>, kind: Kind, class: &Class) -> Situation {
    let first = class.members[0];
    let what = match kind {
        Kind::OneSlow => "is 10 times slower",
        Kind::OneFlaps => "comes and goes",
        _ => "is down",
    };
    let alike = class.members.len() - 1;
    Situation { kind, failed: vec![first], alike, name: format!("{} {what}", stage.name(first)) }
}

/// Every zone that is not all there is.
fn zones(stage: &Stage<'_>, counting: &[usize]) -> Vec<Situation> {
    let zone = |at: &usize| stage.pool.backends[*at].placement.zone.clone();
    let zones: BTreeSet<_> = counting.iter().filter_map(zone).collect();
    let down = |name| {
        let failed: Vec<usize> =
            counting.iter().copied().filter(|at| zone(at).as_ref() == Some(&name)).collect();
        let name = format!("zone {name} is down ({} of {})", failed.len(), counting.len());
        Situation { kind: Kind::ZoneDown, failed, alike: 0, name }
    };
    zones.into_iter().map(down).filter(|one| one.failed.len() < counting.len()).collect()
}

/// All but the one that can do least, where that is more than one.
fn survivor(stage: &Stage<'_>, counting: &[usize]) -> Option<Situation> {
    let least = |one: &&usize, other: &&usize| stage.capacity[**one].total_cmp(&stage.capacity[**other]);
    let left = *counting.iter().min_by(least).filter(|_| counting.len() > 2)?;
    let failed = counting.iter().copied().filter(|at| *at != left).collect();
    let name = format!("all but {} are down", stage.name(left));
    Some(Situation { kind: Kind::AllButOneDown, failed, alike: 0, name })
}

/// The largest so many of the whole pool, and of each tier: what is worst for those that are left.
fn largest(stage: &Stage<'_>, counting: &[usize], shares: &[f64], together: u32) -> Vec<Situation> {
    let together = together as usize;
    if together < 2 {
        return Vec::new();
    }
    let mut by_share = counting.to_vec();
    by_share.sort_by(|one, other| shares[*other].total_cmp(&shares[*one]).then(one.cmp(other)));
    let tier = |at: &usize| stage.pool.backends[*at].placement.tier;
    let tiers: BTreeSet<u8> = counting.iter().map(tier).collect();
    let of_tier = |number| by_share.iter().copied().filter(move |at| tier(at) == number).collect::<Vec<_>>();
    let mut sets: Vec<Vec<usize>> =
        std::iter::once(by_share.clone()).chain(tiers.into_iter().map(of_tier)).collect();
    for set in &mut sets {
        set.truncate(together);
        set.sort_unstable();
    }
    sets.sort();
    sets.dedup();
    sets.into_iter().filter(|set| set.len() > 1).map(|failed| several(stage, failed, 0)).collect()
}

/// Two at a time, of each two classes, as far as there is room.
fn pairs(stage: &Stage<'_>, classes: &[Class], most: usize) -> (Vec<Situation>, usize) {
    let within = classes.iter().filter(|class| class.members.len() > 1).count();
    let count = classes.len() * (classes.len() - 1) / 2 + within;
    let mut pairs = Vec::new();
    'all: for (at, class) in classes.iter().enumerate() {
        for other in &classes[at..] {
            if pairs.len() == most {
                break 'all;
            }
            let same = std::ptr::eq(class, other);
            if let Some(second) = other.members.get(usize::from(same)) {
                let (one, two) = (class.members.len(), other.members.len());
                let alike = if same { one * (one - 1) / 2 } else { one * two } - 1;
                let mut failed = vec![class.members[0], *second];
                failed.sort_unstable();
                pairs.push(several(stage, failed, alike));
            }
        }
    }
    let left_out = count - pairs.len();
    (pairs, left_out)
}

fn several(stage: &Stage<'_>, failed: Vec<usize>, alike: usize) -> Situation {
    let names: Vec<&str> = failed.iter().take(3).map(|at| stage.name(*at)).collect();
    let more = failed.len() - names.len();
    let name = match (names.as_slice(), more) {
        ([one, two], _) => format!("{one} and {two} are down"),
        (_, 0) => format!("{} are down", names.join(", ")),
        _ => format!("{} and {more} more are down", names.join(", ")),
    };
    Situation { kind: Kind::SeveralDown, failed, alike, name }
}
