//! What a situation does to whom.

use evenkeel_core::skew::{Tolerance, needed};

use crate::cast::{Kind, SLOWER, Situation};
use crate::notice::notice;
use crate::play::Played;
use crate::report::SituationReport;
use crate::stage::{Stage, mode_name};

/// Tells a situation; `well` is how things are without it.
pub(crate) fn situation_report(
    stage: &Stage<'_>,
    situation: &Situation,
    played: &Played,
    well: &Played,
) -> SituationReport {
    let notice = notice(stage, situation, &well.shares);
    let loads: Vec<f64> = (0..played.shares.len()).map(|at| load(stage, situation, played, at)).collect();
    let busiest = busiest(situation, &loads);
    let excess: f64 = (0..loads.len()).map(|at| excess(stage, situation, played, &loads, at)).sum();
    let known = stage.knows_capacity();
    let (failover, spill) = elsewhere(stage, &played.shares, &well.shares);
    let before = |at: usize| stage.rate_of(well.shares[at]) / stage.capacity[at];
    let factor = |at: usize| (well.shares[at] > 0.0).then(|| loads[at] / before(at));
    SituationReport {
        kind: situation.kind.as_str(),
        name: situation.name.clone(),
        failed: situation.failed.iter().map(|at| stage.name(*at).to_owned()).collect(),
        alike: situation.alike,
        mode: mode_name(played.mode),
        shares: played.shares.clone(),
        busiest: busiest.map(|at| stage.name(at).to_owned()),
        busiest_share: busiest.map_or(0.0, |at| played.shares[at]),
        busiest_factor: busiest.and_then(factor),
        utilisation: busiest.filter(|_| known).map(|at| loads[at]),
        overloaded: if known { loads.iter().filter(|load| **load > 1.0).count() } else { 0 },
        failing: played.failing,
        failover,
        spill,
        noticed_after: notice.after,
        failed_meanwhile: notice.failed,
        alarm_after: alarm_after(stage, &played.shares, well),
        harm: (played.failing + excess * if known { 1.0 } else { ASSUMED }).min(1.0),
    }
}

/// What a backend gets as part of what it can do in this situation; 0 for one that is down.
fn load(stage: &Stage<'_>, situation: &Situation, played: &Played, at: usize) -> f64 {
    if situation.is_down(at) {
        return 0.0;
    }
    stage.rate_of(played.shares[at]) * played.attempts / able(stage, situation, at)
}

fn able(stage: &Stage<'_>, situation: &Situation, at: usize) -> f64 {
    let slow = situation.kind == Kind::OneSlow && situation.failed.contains(&at);
    stage.capacity[at] / if slow { SLOWER } else { 1.0 }
}

/// The part of the requests that a backend gets beyond what it can do.
fn excess(stage: &Stage<'_>, situation: &Situation, played: &Played, loads: &[f64], at: usize) -> f64 {
    if loads[at] <= 1.0 {
        return 0.0;
    }
    played.shares[at] * played.attempts - able(stage, situation, at) / stage.pace.rate
}

fn busiest(situation: &Situation, loads: &[f64]) -> Option<usize> {
    let alive = (0..loads.len()).filter(|at| !situation.is_down(*at) && loads[*at] > 0.0);
    // Of equals the first.
    alive.reduce(|best, at| if loads[at] > loads[best] * (1.0 + 1e-9) { at } else { best })
}

/// The parts of the attempts in tiers, and in zones, that get nothing while all is well.
fn elsewhere(stage: &Stage<'_>, shares: &[f64], well: &[f64]) -> (f64, f64) {
    let place = |at: usize| &stage.pool.backends[at].placement;
    let used: Vec<usize> = (0..well.len()).filter(|at| well[*at] > 0.0).collect();
    let mut tiers: Vec<_> = used.iter().map(|at| place(*at).tier).collect();
    let mut zones: Vec<_> = used.iter().map(|at| place(*at).zone.clone()).collect();
    tiers.sort_unstable();
    zones.sort_unstable();
    let (mut failover, mut spill) = (0.0, 0.0);
    for (at, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        if tiers.binary_search(&place(at).tier).is_err() {
            failover += share;
        } else if zones.binary_search(&place(at).zone).is_err() {
            spill += share;
        }
    }
    (failover, spill)
}

/// The fewest requests after which anybody's share is found to be off.
fn alarm_after(stage: &Stage<'_>, shares: &[f64], well: &Played) -> Option<u64> {
    let tolerance = tolerance(stage);
    let needed = |(member, share): (&crate::play::Planned, &f64)| {
        let requests = needed(member.intent, *share, tolerance, shares.len())?;
        Some((requests.max(1) as f64 * stage.design_effect()).ceil() as u64)
    };
    // Spares are not meant to have anything: that they have is no skew.
    let meant = well.members.iter().zip(shares).filter(|(member, _)| member.intent > 0.0);
    meant.filter_map(needed).min()
}

/// How far a share may be off before it counts.
pub(crate) fn tolerance(stage: &Stage<'_>) -> Tolerance {
    if stage.keys.is_some() { Tolerance::KEYED_INTENT } else { Tolerance::INTENT }
}

/// What harm counts for that rests on rates which nobody has said.
const ASSUMED: f64 = 0.1;
