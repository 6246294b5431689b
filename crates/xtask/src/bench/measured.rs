//! One scenario's figures over all rounds, and how they stand.

use super::bar::{Against, Bar, Figure, Verdict};
use super::contender::Contender;
use super::figures::Figures;
use super::scenario::Scenario;

/// A figure whose rounds differ by more than this part of their median says little.
const NOISY: f64 = 0.15;

/// A contender that others kept from its core for more than this part of the time was not alone on the machine.
const DISTURBED: f64 = 0.05;

/// For each contender, one set of figures a round.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) scenario: &'static Scenario,
    pub(crate) contenders: Vec<(&'static str, Vec<Figures>)>,
    /// Evenkeel's here and in the scenario that a bar of this one names, if any does.
    pub(crate) pairs: Vec<Pair>,
}

/// Evenkeel in two scenarios, one right after the other.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) ours: Figures,
    pub(crate) reference: Figures,
}

/// One bar and what was measured for it.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) name: String,
    pub(crate) bar: &'static Bar,
    pub(crate) measured: &'a Measured,
    /// Ours: the figure itself, or its ratio to what the bar is against.
    pub(crate) value: f64,
    pub(crate) verdict: Verdict,
    /// Our rounds differ too much.
    pub(crate) noisy: bool,
    /// Something else ran on the proxies' core.
    pub(crate) disturbed: bool,
}

/// The rounds of one figure; no numbers where there were none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Measured {
    /// One row a bar.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let name = |index: usize, bar: &Bar| {
            let told = self.scenario.bars.iter().take(index).any(|earlier| earlier.figure == bar.figure);
            match index {
                0 => self.scenario.name.to_owned(),
                _ if told => self.scenario.name.to_owned(),
                _ => format!("{}_{}", self.scenario.name, bar.figure.name()),
            }
        };
        self.scenario.bars.iter().enumerate().map(move |(index, bar)| {
            let value = self.value(bar);
            let noisy = self.spread(Contender::Evenkeel.name(), bar.figure).relative() > NOISY;
            Row {
                name: name(index, bar),
                bar,
                measured: self,
                value,
                verdict: bar.verdict(value),
                noisy,
                disturbed: self.disturbed(),
            }
        })
    }

    /// Median over the rounds of one figure.
    pub(crate) fn median(&self, name: &str, figure: impl Fn(&Figures) -> f64) -> f64 {
        Spread::of(self.rounds(name).iter().map(figure)).median
    }

    /// Median of what the scenario compares first.
    pub(crate) fn key(&self, name: &str) -> f64 {
        self.spread(name, self.first()).median
    }

    /// Ours to the best rival's, of what the scenario compares first; no number without rivals.
    pub(crate) fn ratio(&self) -> f64 {
        let rivals = self.scenario.bars.first().map_or(&Contender::PEERS[..], |bar| bar.against.rivals());
        self.key(Contender::Evenkeel.name()) / self.best(rivals, self.first())
    }

    pub(crate) fn unit(&self) -> &'static str {
        self.first().unit()
    }

    pub(crate) fn spread(&self, name: &str, figure: Figure) -> Spread {
        Spread::of(self.rounds(name).iter().map(|figures| figures.get(figure)))
    }

    fn first(&self) -> Figure {
        self.scenario.bars.first().map_or(Figure::Cpu, |bar| bar.figure)
    }

    fn value(&self, bar: &Bar) -> f64 {
        let ours = self.spread(Contender::Evenkeel.name(), bar.figure).median;
        match bar.against {
            Against::Absolute => ours,
            Against::Peers | Against::These(_) => ours / self.best(bar.against.rivals(), bar.figure),
            Against::Own(_) => {
                let ratio = |pair: &Pair| pair.ours.get(bar.figure) / pair.reference.get(bar.figure);
                Spread::of(self.pairs.iter().map(ratio)).median
            }
        }
    }

    fn best(&self, rivals: &[Contender], figure: Figure) -> f64 {
        let medians = rivals.iter().map(|peer| self.spread(peer.name(), figure).median);
        medians.fold(f64::NAN, f64::min)
    }

    fn disturbed(&self) -> bool {
        let pairs = self.pairs.iter().flat_map(|pair| [&pair.ours, &pair.reference]);
        let all = self.contenders.iter().flat_map(|(_, all)| all).chain(pairs);
        all.map(|figures| figures.disturbed).fold(0.0, f64::max) > DISTURBED
    }

    fn rounds(&self, name: &str) -> &[Figures] {
        self.contenders.iter().find(|(contender, _)| *contender == name).map_or(&[], |(_, all)| all)
    }
}

impl Spread {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let middle = f64::midpoint(at(values.len().saturating_sub(1) / 2), at(values.len() / 2));
        Self { median: middle, min: at(0), max: at(values.len().saturating_sub(1)) }
    }

    /// How far the rounds are apart, as part of their median.
    pub(crate) fn relative(&self) -> f64 {
        (self.max - self.min) / self.median
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bench::scenario::SCENARIOS;

    /// CPU times of each contender, one a round.
    pub(crate) fn measured(scenario: &str, cpu: [&[f64]; 4], pairs: &[(f64, f64)]) -> Measured {
        let scenario = SCENARIOS.iter().find(|known| known.name == scenario).unwrap();
        let figures = |cpu_micros: f64| Figures { cpu_micros, ..Figures::default() };
        let rounds = |all: &[f64]| -> Vec<Figures> { all.iter().map(|&one| figures(one)).collect() };
        let pair =
            |&(ours, reference): &(f64, f64)| Pair { ours: figures(ours), reference: figures(reference) };
        let contenders = Contender::ALL.iter().zip(cpu).map(|(one, all)| (one.name(), rounds(all))).collect();
        Measured { scenario, contenders, pairs: pairs.iter().map(pair).collect() }
    }

    #[test]
    fn the_bar_is_the_better_of_nginx_and_haproxy_even_where_envoy_beats_both() {
        let measured = measured("h1_big", [&[6.0, 60.0, 5.0], &[12.0], &[10.0], &[1.0]], &[]);
        let row = measured.rows().next().unwrap();
        assert_eq!((row.value, row.verdict, row.noisy), (0.6, Verdict::Met, true));
    }

    #[test]
    fn where_a_bar_names_its_rivals_nobody_else_counts() {
        let measured = measured("grpc", [&[6.0], &[1.0], &[2.0], &[12.0]], &[]);
        let row = measured.rows().next().unwrap();
        assert_eq!((row.value, row.verdict, measured.ratio()), (0.5, Verdict::Goal, 0.5));
        let without = tests::measured("grpc", [&[6.0], &[1.0], &[2.0], &[]], &[]);
        assert_eq!(without.rows().next().unwrap().verdict, Verdict::Missed);
    }

    #[test]
    fn own_cost_is_compared_pair_by_pair_not_with_peers() {
        // The machine became slower from pair to pair; medians of each side would say 1.26.
        let pairs = [(10.3, 10.0), (12.6, 12.0), (20.4, 20.0)];
        let measured = measured("h1_backends_1000", [&[99.0], &[1.0], &[1.0], &[1.0]], &pairs);
        let row = measured.rows().next().unwrap();
        assert_eq!((row.value, row.verdict), (1.03, Verdict::Met));
    }

    #[test]
    fn without_figures_nothing_is_met() {
        let row = |cpu: [&[f64]; 4]| measured("h1", cpu, &[]).rows().next().unwrap().verdict;
        assert_eq!(row([&[], &[10.0], &[10.0], &[]]), Verdict::Missed);
        assert_eq!(row([&[10.0], &[], &[], &[]]), Verdict::Missed);
        assert_eq!(row([&[8.0], &[], &[10.0], &[]]), Verdict::Goal);
    }

    #[test]
    fn one_disturbed_round_of_anybody_is_told() {
        let mut measured = measured("h1", [&[8.0], &[9.0], &[10.0, 10.0], &[9.0]], &[]);
        assert!(!measured.rows().next().unwrap().disturbed);
        measured.contenders[2].1[1].disturbed = 0.06;
        assert!(measured.rows().next().unwrap().disturbed);
    }

    #[test]
    fn a_scenario_with_two_bars_has_two_rows() {
        let measured = measured("idle", [&[], &[], &[], &[]], &[]);
        assert_eq!(measured.rows().map(|row| row.name).collect::<Vec<_>>(), ["idle", "idle_base"]);
    }

    #[test]
    fn the_median_of_two_is_between_them() {
        let spread = Spread::of([3.0, 1.0].into_iter());
        assert_eq!(spread, Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(spread.relative(), 1.0);
    }

    #[test]
    fn every_scenario_has_a_bar() {
        assert!(SCENARIOS.iter().all(|scenario| !scenario.bars.is_empty()));
    }
}
