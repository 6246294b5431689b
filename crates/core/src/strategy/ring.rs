//! A ring of points, as ketama has it: the next point after the key's decides.

use std::fmt::Write;

use super::keyed::{HashOrder, Keyed};
use super::{BuildInput, Registration, StrategyKind};
use crate::id::BackendId;
use crate::pool::MemberIdx;

pub(super) const REGISTRATION: Registration = Registration {
    kind: StrategyKind::Ring,
    name: "ring",
    summary: "the request's key decides, by points on a ring as in ketama; shares are off by some 8 % at 160 points",
    honours_weights: true,
    keyed: true,
    timed: false,
    probed: false,
    build: |input| Box::new(Keyed::new(Ring::new(input), input)),
};

/// Karger et al., "Consistent hashing and random trees", 1997, with the points of libketama: the MD5 of `NAME-N`, N
/// from 0 up, is four points, each of four bytes, the lowest first. A share's standard deviation is 1/√points of it.
///
/// A member has weight × `ring_points` points, and at least one; one that ramps up, or is further away, has its part of
/// them. Of the last digest only as many are taken as are wanted: were it always four, weights would be lost where points
/// are few. For equal weights of 1, and a multiple of four points, those are libketama's own. For unequal ones libketama
/// divides by the average weight of its servers, and so moves points of all when one changes; here nobody's points depend
/// on anybody else, as in nginx. What nginx has not got is a limit: a weight of 1,000,000 makes it take gigabytes. Points
/// that come to more than 2^18, and to more than twice `ring_points` a member, are halved for all until they do not; only
/// a change across that limit moves keys of others.
/// 200,000 points are built in 25 ms.
///
/// A key is looked up by the upper 32 of its 64 bits. (libketama takes them from the MD5 of the key; so do those who
/// need its placement of keys, too.)
#[derive(Debug)]
struct Ring {
    /// In rising order, apart from `members` to keep the search dense.
    points: Box<[u32]>,
    members: Box<[u32]>,
}

impl Ring {
    fn new(input: &BuildInput<'_>) -> Self {
        let points = points(input.scaled, input.ids, input.settings.ring_points);
        Self {
            points: points.iter().map(|(point, _)| *point).collect(),
            members: points.iter().map(|(_, member)| *member).collect(),
        }
    }
}

impl HashOrder for Ring {
    #[inline]
    fn first(&self, key: u64, open: impl Fn(MemberIdx) -> bool) -> Option<MemberIdx> {
        let at = (key >> 32) as u32;
        let next = self.points.partition_point(|point| *point < at);
        let (before, after) = self.members.split_at(next);
        let round = after.iter().chain(before).take(STEPS);
        round.map(|member| MemberIdx::new(*member)).find(|idx| open(*idx))
    }
}

/// Each with its member, in their order on the ring.
fn points(weights: &[f64], ids: &[&BackendId], each: u32) -> Vec<(u32, u32)> {
    let mut by_name: Vec<usize> = (0..ids.len()).collect();
    by_name.sort_by_key(|i| ids[*i]);
    let halved = halvings(weights, each);
    let mut points: Vec<u64> = Vec::new();
    let mut text = String::new();
    for (rank, i) in by_name.iter().enumerate() {
        let wanted = (weights[*i] * f64::from(each) / 2_f64.powi(halved)).round().max(1.0) as usize;
        let digest = |n: usize| {
            text.clear();
            write!(text, "{}-{n}", ids[*i]).expect("writing to a string succeeds");
            four(md5::compute(text.as_bytes()).0)
        };
        let own = (0..wanted.div_ceil(4)).flat_map(digest).take(wanted);
        points.extend(own.map(|point| u64::from(point) << 32 | rank as u64));
    }
    // Where points meet, the first by name has it.
    points.sort_unstable();
    points.iter().map(|point| ((point >> 32) as u32, by_name[*point as u32 as usize] as u32)).collect()
}

fn four(digest: [u8; 16]) -> [u32; 4] {
    let digest = u128::from_le_bytes(digest);
    [0, 32, 64, 96].map(|shift| (digest >> shift) as u32)
}

/// How often the points are halved to keep within the limit.
fn halvings(weights: &[f64], each: u32) -> i32 {
    let each = f64::from(each);
    let all = each * weights.iter().sum::<f64>();
    let limit = POINTS_MAX.max(2.0 * each * weights.len() as f64);
    (0..63).find(|halved| all / 2_f64.powi(*halved) <= limit).unwrap_or(63)
}

/// 2 MiB.
const POINTS_MAX: f64 = (1 << 18) as f64;
/// Points looked at for one pick: a member that is passed over may have many in a row.
const STEPS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(members: &[(&str, u32)], each: u32) -> Vec<(u32, u32)> {
        let ids: Vec<BackendId> = members.iter().map(|(id, _)| BackendId::new(*id)).collect();
        let weights: Vec<f64> = members.iter().map(|(_, weight)| f64::from(*weight)).collect();
        points(&weights, &ids.iter().collect::<Vec<_>>(), each)
    }

    fn count(points: &[(u32, u32)], member: u32) -> usize {
        points.iter().filter(|(_, of)| *of == member).count()
    }

    /// MD5 of "10.0.0.1:8080-0" is cd289377 cc256a0a f0a15c52 6e1443d1, lowest byte first.
    #[test]
    fn points_are_those_of_ketama() {
        let mut first_four: Vec<u32> =
            ring(&[("10.0.0.1:8080", 1)], 4).iter().map(|(point, _)| *point).collect();
        first_four.sort_unstable();
        assert_eq!(first_four, [0x0a6a_25cc, 0x525c_a1f0, 0x7793_28cd, 0xd143_146e]);
        let points = ring(&[("10.0.0.1:8080", 1), ("10.0.0.2:8080", 1)], 160);
        assert_eq!((points.len(), count(&points, 0)), (320, 160));
        assert!(first_four.iter().all(|point| points.contains(&(*point, 0))));
        assert!(points.is_sorted());
    }

    #[test]
    fn points_follow_the_weights_up_to_a_limit() {
        let points = ring(&[("a", 5), ("b", 1), ("c", 2)], 160);
        assert_eq!([0, 1, 2].map(|member| count(&points, member)), [800, 160, 320]);
        let points = ring(&[("a", 1), ("b", 3)], 1);
        assert_eq!([0, 1].map(|member| count(&points, member)), [1, 3], "few, but by weight");
        let points = ring(&[("a", 1), ("b", 2), ("c", 3)], 7);
        assert_eq!([0, 1, 2].map(|member| count(&points, member)), [7, 14, 21]);
        let points = ring(&[("a", 65_535), ("b", 1), ("c", 20_000)], 160);
        assert!(points.len() <= POINTS_MAX as usize + 3, "{}", points.len());
        let [a, b, c] = [0, 1, 2].map(|member| count(&points, member) as f64);
        assert!(b == 3.0 && (a / c / 3.276_75 - 1.0).abs() < 0.001, "{a} {b} {c}");
    }

    /// Lamping and Veach, "A fast, minimal memory, consistent hash algorithm", 2014, table 1.
    #[test]
    fn shares_differ_by_the_root_of_the_points() {
        let names: Vec<String> = (0..500).map(|i| format!("backend-{i}")).collect();
        let members: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        for (each, deviation) in [(12, 0.289), (100, 0.0997)] {
            let points = ring(&members, each);
            let mut arcs = vec![0.0; members.len()];
            let mut before = points.last().expect("points").0;
            for (point, member) in &points {
                arcs[*member as usize] += f64::from(point.wrapping_sub(before)) / 2_f64.powi(32);
                before = *point;
            }
            let n = members.len() as f64;
            let variance: f64 = arcs.iter().map(|arc| (arc * n - 1.0).powi(2)).sum::<f64>() / n;
            // Of 500 shares, the deviation is known to 3 %.
            assert!((variance.sqrt() / deviation - 1.0).abs() < 0.12, "{each}: {}", variance.sqrt());
        }
    }

    #[test]
    fn a_key_goes_to_the_next_point_and_round() {
        let ring = Ring { points: Box::new([10, 20, 4_000_000_000]), members: Box::new([2, 0, 1]) };
        let at =
            |point: u32| ring.first(u64::from(point) << 32 | 0xffff_ffff, |_| true).expect("a point").get();
        assert_eq!([0, 10, 11, 20, 21, 4_000_000_000, u32::MAX].map(at), [2, 2, 0, 0, 1, 1, 2]);
        let open = |idx: MemberIdx| idx.get() == 2;
        assert_eq!(ring.first(u64::from(15_u32) << 32, open), Some(MemberIdx::new(2)));
        assert_eq!(ring.first(0, |_| false), None);
    }
}
