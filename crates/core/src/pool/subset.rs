//! Which members this instance uses, where there are too many for everybody to use all.

use super::session;
use super::shaping::SubsetSpec;
use crate::id::BackendId;
use crate::rng::mix;

/// Whether the instance uses each of these members, in their order.
///
/// Deterministic subsetting (Beyer et al., "Site Reliability Engineering", O'Reilly 2016, chapter 20), made exact for
/// any numbers: think of the members in an endless row, shuffled anew in each round; instance i takes the i-th `size`
/// of them. So instances 0 to n − 1, of whatever number, use the beginning of the row, and no member has more than one
/// instance more than another. An instance that a round ends in would meet a member twice; the next round puts those
/// that it has already behind those that it still takes.
///
/// A round's order is by a hash of round and id, so that it is the same everywhere, does not depend on the order of the
/// configuration, and a member more or less moves the others by one place only.
pub fn subset(ids: &[&BackendId], spec: SubsetSpec) -> Vec<bool> {
    let (members, size) = (ids.len(), spec.size.get() as usize);
    if members <= size {
        return vec![true; members];
    }
    let begin = u64::from(spec.instance) * size as u64;
    let (round, at) = (begin / members as u64, (begin % members as u64) as usize);
    let order = order_of(ids, round, size);
    let mut used = vec![false; members];
    let first = order[at..].iter().take(size);
    first.for_each(|member| used[*member] = true);
    let missing = size - (members - at).min(size);
    if missing > 0 {
        let next = following(ids, round + 1, &order[at..], missing);
        next[..missing].iter().for_each(|member| used[*member] = true);
    }
    used
}

/// A round's order. It depends on the round before if an instance reaches from that one into this; somewhere within the
/// last `size` rounds is one that begins with an instance.
fn order_of(ids: &[&BackendId], round: u64, size: usize) -> Vec<usize> {
    let (members, size) = (ids.len() as u64, size as u64);
    let begins_with_instance = |round: &u64| (round * members).is_multiple_of(size);
    let first = (0..=round).rev().find(begins_with_instance).unwrap_or(0);
    let mut order = shuffled(ids, first);
    for next in first + 1..=round {
        let taken = (next * members % size) as usize;
        let missing = if taken == 0 { 0 } else { size as usize - taken };
        let tail = order.len() - taken;
        order = following(ids, next, &order[tail..], missing);
    }
    order
}

/// A round's order in which the first `missing` are not among `taken`.
fn following(ids: &[&BackendId], round: u64, taken: &[usize], missing: usize) -> Vec<usize> {
    let fresh = shuffled(ids, round);
    let mut marked = vec![false; ids.len()];
    taken.iter().for_each(|member| marked[*member] = true);
    let mut order: Vec<usize> =
        fresh.iter().copied().filter(|member| !marked[*member]).take(missing).collect();
    marked.fill(false);
    order.iter().for_each(|member| marked[*member] = true);
    order.extend(fresh.into_iter().filter(|member| !marked[*member]));
    order
}

fn shuffled(ids: &[&BackendId], round: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_cached_key(|member| {
        (mix(session::hash(ids[*member]) ^ mix(round.wrapping_add(1))), ids[*member].clone())
    });
    order
}
