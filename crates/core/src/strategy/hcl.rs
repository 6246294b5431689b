//! Hot or cold, and then by latency: which of the backends that were asked is picked.

use crate::pool::MemberIdx;
use crate::rng::Rng;

/// One backend that was asked, as the rule sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) idx: MemberIdx,
    /// Where its probe is kept.
    pub(super) slot: usize,
    pub(super) weight: f64,
    /// What it has in flight for its weight, whoever sent it.
    pub(super) load: f64,
    /// How long a request takes there, in nanoseconds.
    pub(super) latency: f64,
    /// (In flight + 1) / weight, of the requests that came through here.
    pub(super) local: f64,
    /// None of the requests that came through here is in flight.
    pub(super) idle: bool,
    /// The part of its recent attempts that failed; 1 when it has just failed several times in a row.
    pub(super) failures: f64,
}

/// The rule of Prequal (Wydrowski et al., NSDI 2024): whoever has more in flight than the quantile is hot. If anybody
/// is cold, the fastest of them is picked; else whoever has least in flight.
///
/// The paper measures a hundred clients, each of which causes little of what it sees. A proxy may be the only client,
/// and everything it sees is what it did itself a moment ago; then the rule alone drives the backends into overload one
/// after the other. So, on top of it:
/// - Nobody who fails is picked while somebody asked does not: errors are fast, and leave nothing in flight.
/// - Nobody is picked who carries, of what came through here, anything and more than [`LOCAL_MOST`] times as much for
///   its weight as another who was asked, or as the one whose turn it is.
/// - More than twice the mean in flight, and four, is hot, too.
/// - Among those that are as fast as the fastest but for [`AS_FAST`], the weights decide, by lot; and while at least half
///   of them have nothing in flight, and so many that even the quantile is 0, turns are taken. So an idle pool follows
///   the weights, and not whoever answered a little sooner.
///
/// 99th percentiles in ms of the model of the contract tests (`queues.rs`) at 90 % load: a single proxy before 20 like
/// servers 50, without the second of these 60 (`least_request` 47); before 20 of mixed speeds 93, without 104 (94);
/// fifty proxies before 100 of mixed speeds 98 (`p2c` 540, `peak_ewma` 175, `least_request` 417).
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// 0.0..=1.0.
    pub(super) hot_quantile: f64,
}

impl Rule {
    /// Which of them; `None` if turns should be taken instead. `local` is what the one whose turn it is has, on the
    /// scale of [`Asked::local`].
    pub(super) fn choose(self, asked: &[Asked], local: f64, rng: &mut Rng) -> Option<usize> {
        if asked.len() < Self::ASKED_MIN {
            return None;
        }
        let hot = self.heat(asked);
        let idle = asked.iter().filter(|one| one.load == 0.0).count();
        if hot == 0.0 && 2 * idle >= asked.len() {
            return None;
        }
        let fewest_failures = least(asked.iter().map(|one| one.failures));
        let fails = |one: &Asked| one.failures > FAILURES_TIMES * fewest_failures + FAILURES_MORE;
        let least_local = least(asked.iter().filter(|one| !fails(one)).map(|one| one.local)).min(local);
        let trusted = |one: &&Asked| !fails(one) && (one.idle || one.local <= LOCAL_MOST * least_local);
        let cold = |one: &&Asked| trusted(one) && one.load <= hot;
        if asked.iter().any(|one| cold(&one)) {
            let fastest =
                least(asked.iter().filter(cold).map(|one| one.latency).filter(|latency| *latency > 0.0));
            return by_lot(asked, rng, |one| cold(&one) && one.latency <= AS_FAST * fastest);
        }
        let idlest = least(asked.iter().filter(trusted).map(|one| one.load));
        by_lot(asked, rng, |one| trusted(&one) && one.load <= idlest)
    }

    /// The probe that says least: of the most loaded of those that are hot, or the slowest if none is.
    pub(super) fn worst(self, asked: &[Asked], rng: &mut Rng) -> usize {
        let hot = self.heat(asked);
        // Latencies are positive: below 0 is none of them.
        let heat = |one: &Asked| if one.load > hot { one.load } else { -1.0 / (1.0 + one.latency) };
        most(asked, heat, rng)
    }

    /// With fewer there is nothing to compare.
    pub(super) const ASKED_MIN: usize = 2;

    /// Above this, a load is hot.
    fn heat(self, asked: &[Asked]) -> f64 {
        let mut loads = [0.0; super::ProbePool::CAPACITY];
        let count = asked.len().min(loads.len());
        for (filled, one) in asked[..count].iter().enumerate() {
            // They are few: insertion is the fastest way to sort them.
            let place =
                loads[..filled].iter().rposition(|load| *load <= one.load).map_or(0, |below| below + 1);
            loads.copy_within(place..filled, place + 1);
            loads[place] = one.load;
        }
        let quantile = loads[(self.hot_quantile * (count - 1) as f64) as usize];
        let mean = loads[..count].iter().sum::<f64>() / count as f64;
        quantile.min(2.0 * mean + 4.0)
    }
}

/// By weight, of those that will do.
fn by_lot(asked: &[Asked], rng: &mut Rng, will_do: impl Fn(&Asked) -> bool) -> Option<usize> {
    let (mut chosen, mut total) = (None, 0.0);
    for (position, one) in asked.iter().enumerate().filter(|(_, one)| will_do(one)) {
        total += one.weight;
        // The first takes the lot; each further one takes it over with its part of the weight so far.
        if total <= one.weight || rng.unit() * total < one.weight {
            chosen = Some(position);
        }
    }
    chosen
}

/// Where the one is that has most of something; any of those that have the same. Never the first just for being first:
/// probes that were sent together come back together, and some members would be forgotten more often than others.
pub(super) fn most<T>(items: &[T], of: impl Fn(&T) -> f64, rng: &mut Rng) -> usize {
    let (mut found, mut largest, mut alike) = (0, f64::NEG_INFINITY, 0);
    for (position, amount) in items.iter().map(of).enumerate() {
        if amount > largest {
            (found, largest, alike) = (position, amount, 1);
        } else if amount == largest {
            alike += 1;
            found = if rng.below(alike) == 0 { position } else { found };
        }
    }
    found
}

fn least(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(f64::INFINITY, f64::min)
}

const LOCAL_MOST: f64 = 2.0;
/// Latencies are medians of a few answers.
const AS_FAST: f64 = 2.0;
/// Who fails is told by who fails least: twice as often and a fifth of the attempts more.
const FAILURES_TIMES: f64 = 2.0;
const FAILURES_MORE: f64 = 0.2;

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { hot_quantile: 0.75 };

    fn one(load: f64, latency: f64) -> Asked {
        Asked { weight: 1.0, load, latency, local: 1.0, ..Asked::default() }
    }

    fn chosen(asked: &[Asked]) -> usize {
        let mut rng = Rng::from_seed(1);
        let chosen = RULE.choose(asked, 1.0, &mut rng);
        assert!((0..50).all(|_| RULE.choose(asked, 1.0, &mut rng) == chosen), "by lot: {asked:?}");
        chosen.expect("somebody")
    }

    /// The quantile 0.75 of five is the fourth.
    #[test]
    fn the_fastest_of_the_cold_is_picked() {
        assert_eq!(
            chosen(&[one(9.0, 1.0), one(3.0, 50.0), one(2.0, 20.0), one(5.0, 45.0), one(1.0, 50.0)]),
            2
        );
        assert_eq!(
            chosen(&[one(9.0, 50.0), one(3.0, 40.0), one(2.0, 20.0), one(5.0, 8.0), one(1.0, 30.0)]),
            3
        );
    }

    #[test]
    fn of_the_hot_the_one_with_least_in_flight_is_picked() {
        // Whom we may trust is not cold: they have the most in flight elsewhere.
        let far = Asked { local: 9.0, ..one(1.0, 1.0) };
        assert_eq!(chosen(&[far, far, far, far, far, far, far, one(9.0, 1.0), one(8.0, 5.0)]), 8);
    }

    #[test]
    fn far_above_the_mean_is_hot_though_the_quantile_is_not() {
        let rule = Rule { hot_quantile: 1.0 };
        let asked = [one(0.0, 85.0), one(0.0, 90.0), one(2.0, 40.0), one(18.0, 1.0)];
        assert_eq!(rule.heat(&asked), 14.0);
        assert_eq!(rule.choose(&asked, 1.0, &mut Rng::from_seed(1)), Some(2));
    }

    #[test]
    fn who_fails_is_left_out_unless_all_do() {
        let fails = |failures, one: Asked| Asked { failures, ..one };
        let hole = fails(1.0, Asked { local: 0.5, ..one(0.0, 0.1) });
        assert_eq!(chosen(&[one(3.0, 30.0), hole, one(3.0, 10.0)]), 2);
        assert_eq!(chosen(&[fails(1.0, one(3.0, 30.0)), hole, fails(0.9, one(3.0, 10.0))]), 1, "all do");
        assert_eq!(chosen(&[one(3.0, 30.0), fails(0.2, one(3.0, 10.0)), one(4.0, 20.0)]), 1, "one in five");
    }

    #[test]
    fn nobody_gets_more_than_twice_what_another_has_from_here() {
        let local = |local, latency| Asked { local, ..one(1.0, latency) };
        let asked = [local(5.0, 1.0), local(2.0, 25.0), local(4.0, 10.0)];
        let choose = |of_anchor| RULE.choose(&asked, of_anchor, &mut Rng::from_seed(1));
        assert_eq!([9.0, 2.0, 1.0, 0.5].map(choose), [Some(2), Some(2), Some(1), None]);
    }

    /// A latency of 0 is one that is not known.
    #[test]
    fn one_of_unknown_latency_is_as_fast_as_the_fastest() {
        let (mut rng, mut counts) = (Rng::from_seed(2), [0_u32; 3]);
        let asked = [one(1.0, 10.0), one(1.0, 0.0), one(1.0, 30.0)];
        (0..2_000).for_each(|_| counts[RULE.choose(&asked, 1.0, &mut rng).expect("somebody")] += 1);
        assert!(counts[0].abs_diff(1_000) < 130 && counts[2] == 0, "{counts:?}");
    }

    #[test]
    fn turns_are_taken_while_nearly_all_are_idle_or_too_few_were_asked() {
        let choose = |rule: Rule, asked: &[Asked]| rule.choose(asked, 1.0, &mut Rng::from_seed(1));
        let (idle, busy) = (one(0.0, 10.0), one(3.0, 10.0));
        assert_eq!(choose(RULE, &[idle, idle, idle, idle, busy]), None);
        assert_eq!(choose(RULE, &[busy, busy, busy, idle, busy]), Some(3));
        assert_eq!((choose(RULE, &[busy]), choose(RULE, &[])), (None, None));
        let strict = Rule { hot_quantile: 0.0 };
        assert_eq!(choose(strict, &[busy, busy, idle, busy]), Some(2), "by requests in flight alone");
        assert_eq!(choose(strict, &[busy, idle, idle, busy]), None);
    }

    /// By (in flight + 1) / weight a light one that is idle has more than a heavy one: that must not count twice,
    /// either.
    #[test]
    fn a_light_one_that_is_idle_may_be_picked() {
        let light = Asked { local: 4.0, idle: true, ..one(1.0, 1.0) };
        assert_eq!(chosen(&[one(1.0, 10.0), light, one(1.0, 10.0)]), 1);
        assert_ne!(chosen(&[one(1.0, 5.0), Asked { idle: false, ..light }, one(2.0, 10.0)]), 1);
    }

    #[test]
    fn of_those_as_fast_the_weights_decide() {
        let heavy = |weight, latency| Asked { weight, ..one(1.0, latency) };
        let asked = [heavy(5.0, 10.0), heavy(1.0, 11.0), heavy(1.0, 20.0), heavy(50.0, 21.0)];
        let (mut rng, mut counts) = (Rng::from_seed(2), [0_u32; 4]);
        (0..7_000).for_each(|_| counts[RULE.choose(&asked, 1.0, &mut rng).expect("somebody")] += 1);
        assert_eq!(counts[3], 0, "too slow");
        assert!((4_850..5_150).contains(&counts[0]) && counts[1].abs_diff(1_000) < 130, "{counts:?}");
    }

    #[test]
    fn the_worst_is_the_hottest_or_else_the_slowest() {
        let worst = |asked: &[Asked]| RULE.worst(asked, &mut Rng::from_seed(1));
        let hot = [one(1.0, 90.0), one(8.0, 1.0), one(2.0, 5.0), one(1.0, 1.0), one(1.0, 1.0), one(2.0, 1.0)];
        assert_eq!(worst(&hot), 1);
        assert_eq!(worst(&[one(1.0, 10.0), one(1.0, 90.0), one(1.0, 5.0)]), 1);
    }

    #[test]
    fn of_the_most_any_is_found() {
        let (mut rng, mut counts) = (Rng::from_seed(3), [0_u32; 4]);
        (0..3_000).for_each(|_| counts[most(&[7.0, 7.0, 1.0, 7.0], |number| *number, &mut rng)] += 1);
        assert_eq!(counts[2], 0);
        assert!([0, 1, 3].iter().all(|i| counts[*i].abs_diff(1_000) < 130), "{counts:?}");
    }
}
