//! The comparison as a picture.

use crate::Failure;
use crate::chart::{Bar, Bars, Group, rounded};

use super::contender::Contender;
use super::measured::Measured;

/// Bars: each contender relative to the best peer, one group a scenario. Where there are no peers there is no group.
pub(crate) fn svg(all: &[Measured]) -> Result<String, Failure> {
    let title = "Relative to the best peer that counts = 1; less is better".to_owned();
    Bars { title, groups: all.iter().map(group).collect() }.svg()
}

fn group(measured: &Measured) -> Group {
    let best = measured.key(Contender::Evenkeel.name()) / measured.ratio();
    let bars = Contender::ALL.iter().map(|contender| {
        let value = measured.key(contender.name());
        Bar {
            name: contender.name().to_owned(),
            ratio: value / best,
            text: rounded(value),
            ours: *contender == Contender::Evenkeel,
        }
    });
    Group { name: measured.scenario.name.to_owned(), unit: measured.unit().to_owned(), bars: bars.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measured::tests::measured;

    #[test]
    fn bars_are_relative_to_the_better_peer() {
        let ratios = |cpu: [&[f64]; 4]| -> Vec<f64> {
            group(&measured("h1", cpu, &[])).bars.iter().map(|bar| bar.ratio).collect()
        };
        assert_eq!(ratios([&[5.0], &[20.0], &[10.0], &[40.0]]), [0.5, 2.0, 1.0, 4.0]);
        assert!(ratios([&[5.0], &[], &[], &[40.0]]).iter().all(|ratio| ratio.is_nan()));
    }

    #[test]
    fn a_scenario_without_peers_has_no_bars() {
        let h1 = || measured("h1", [&[5.0], &[20.0], &[10.0], &[40.0]], &[]);
        let picture = svg(&[h1(), measured("reload", [&[], &[], &[], &[]], &[])]).unwrap();
        assert!(
            picture.contains("\nh1\n")
                && picture.contains("\n5\n")
                && picture.contains("\nus CPU a request\n"),
            "{picture}"
        );
        assert!(!picture.contains("reload"));
    }
}
