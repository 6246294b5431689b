//! Rendezvous hashing: every backend draws a number for the key, and the highest wins.

use super::keyed::{HashOrder, Keyed};
use super::{BuildInput, Registration, StrategyKind, hash};
use crate::pool::MemberIdx;

pub(super) const REGISTRATION: Registration = Registration {
    kind: StrategyKind::Rendezvous,
    name: "rendezvous",
    summary: "the request's key decides; no key moves but those of backends that change, at a cost that grows with the \
              pool: for up to about 100 backends",
    honours_weights: true,
    keyed: true,
    timed: false,
    probed: false,
    build: |input| Box::new(Keyed::new(Rendezvous::new(input), input)),
};

/// Highest random weight (Thaler and Ravishankar, 1998). With weights the least −ln(u) / w wins, u being the drawn
/// number in 0..1: the first of events that come at the rates w.
///
/// What a member draws depends on the key, its name and its weight alone, so a change moves only the keys that it must.
/// A pick looks at all members: some two nanoseconds each. The logarithm is taken once for each different weight, of
/// the highest number drawn there, and not at all if all weights are equal. (Logarithms may differ in the last of
/// 53 bits between platforms, which matters to one key in 10^15.)
#[derive(Debug)]
pub(super) struct Rendezvous {
    /// By weight, then by name.
    seats: Box<[Seat]>,
    classes: Box<[Class]>,
}

#[derive(Clone, Copy, Debug)]
struct Seat {
    name: u64,
    idx: MemberIdx,
}

/// Members of equal weight.
#[derive(Clone, Copy, Debug)]
struct Class {
    weight: f64,
    /// Where in `seats` it ends.
    end: usize,
}

impl Rendezvous {
    pub(super) fn new(input: &BuildInput<'_>) -> Self {
        let (weights, ids) = (input.scaled, input.ids);
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by(|a, b| weights[*a].total_cmp(&weights[*b]).then_with(|| ids[*a].cmp(ids[*b])));
        let seat = |i: &usize| Seat { name: hash::name(ids[*i], NAME), idx: MemberIdx::new(*i as u32) };
        let mut classes: Vec<Class> = Vec::new();
        for (place, i) in order.iter().enumerate() {
            let (weight, end) = (weights[*i], place + 1);
            match classes.last_mut().filter(|class| class.weight == weight) {
                Some(class) => class.end = end,
                None => classes.push(Class { weight, end }),
            }
        }
        Self { seats: order.iter().map(seat).collect(), classes: classes.into() }
    }
}

impl HashOrder for Rendezvous {
    #[inline]
    fn first(&self, key: u64, open: impl Fn(MemberIdx) -> bool) -> Option<MemberIdx> {
        if let [_] = &*self.classes {
            return highest(&self.seats, key, &open).map(|(_, idx)| idx);
        }
        let mut first: Option<(f64, MemberIdx)> = None;
        let mut begin = 0;
        for class in &self.classes {
            let drawn = highest(&self.seats[begin..class.end], key, &open);
            begin = class.end;
            let Some((highest, idx)) = drawn else { continue };
            let time = -unit(highest).ln() / class.weight;
            if first.is_none_or(|(earliest, _)| time < earliest) {
                first = Some((time, idx));
            }
        }
        first.map(|(_, idx)| idx)
    }
}

/// Who is open and has drawn the highest number, and that number.
#[inline]
fn highest(seats: &[Seat], key: u64, open: impl Fn(MemberIdx) -> bool) -> Option<(u64, MemberIdx)> {
    let mut best: Option<(u64, MemberIdx)> = None;
    for seat in seats {
        let drawn = hash::pair(key, seat.name);
        // Asked last: few draw higher than all before them.
        if best.is_none_or(|(highest, _)| drawn > highest) && open(seat.idx) {
            best = Some((drawn, seat.idx));
        }
    }
    best
}

/// A number strictly between 0 and 1, in steps of 2^-52.
#[inline]
fn unit(hash: u64) -> f64 {
    ((hash >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// Purpose of the hash of a name.
const NAME: u64 = 3;
