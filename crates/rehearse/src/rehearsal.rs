//! The whole rehearsal.

use evenkeel_config::{Config, Pool};
use evenkeel_core::Intent;

use crate::cast::{Situation, failures};
use crate::harm::situation_report;
use crate::options::Options;
use crate::play::{Played, play};
use crate::reach::{Reach, reach};
use crate::report::{BackendReport, Finding, LoadReport, PoolReport, Report, SituationReport};
use crate::stage::Stage;
use crate::{causes, contract, recorded, risks};

/// Plays every pool of a configuration, in the order of the file, while all is well and in each failure.
///
/// Bounded in time by [`Options::requests_in_all`], and in memory: of pools that are too large, only the failures of the
/// largest backends are played, and [`PoolReport::left_out`] says how many were not.
pub fn rehearse(config: &Config, options: &Options) -> Report {
    let wanted =
        |pool: &&Pool| options.pools.is_empty() || options.pools.iter().any(|name| name == pool.id.as_str());
    let pools: Vec<&Pool> = config.pools.iter().filter(wanted).collect();
    let each = requests_each(&pools, options);
    let mut report = Report {
        schema: 1,
        problems: Vec::new(),
        risks: Vec::new(),
        pools: Vec::with_capacity(pools.len()),
        situations: 0,
        requests: 0,
        seed: options.seed,
    };
    for (at, pool) in pools.into_iter().enumerate() {
        let seed = options.seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(at as u64);
        let reach = reach(config, pool);
        let stage = Stage::new(config, pool, &reach, options, (each, seed));
        rehearse_pool(&stage, &reach, options, &mut report);
        if let Some(recorded) = recorded::of(pool, &options.recorded) {
            report.problems.extend(recorded::missing(&stage, config, recorded));
            report.risks.extend(recorded::unheard_of(&stage, recorded));
        }
    }
    sort(&mut report.problems);
    sort(&mut report.risks);
    report
}

fn rehearse_pool(stage: &Stage<'_>, reach: &Reach, options: &Options, report: &mut Report) {
    let well = play(stage, &Situation::all_well(), 0);
    let together = contract::of(stage.pool).map_or(0, |expect| expect.survives);
    let (cast, left_out) = failures(stage, &well.shares, options.pairs, together);
    let (mut situations, mut requests) = (Vec::with_capacity(cast.len()), well.requests);
    for (index, situation) in cast.iter().enumerate() {
        let played = play(stage, situation, index as u64 + 1);
        requests += played.requests;
        situations.push(situation_report(stage, situation, &played, &well));
    }
    situations.sort_by(worse);
    report.problems.extend(causes::problems(stage, &well, &options.addresses));
    report.problems.extend(contract::broken(stage, &well, &situations));
    report.risks.extend(causes::risks(stage, &well));
    report.risks.extend(risks::risks(stage, &situations));
    report.risks.extend(contract::unjudged(stage));
    report.situations += 1 + situations.len() as u64;
    report.requests += requests;
    report.pools.push(pool_report(stage, reach, &well, situations, left_out));
}

/// Worst first; of equals those that change most.
fn worse(one: &SituationReport, other: &SituationReport) -> std::cmp::Ordering {
    let key = |one: &SituationReport| {
        let factor = one.busiest_factor.unwrap_or_default();
        [one.harm, f64::from(u8::from(one.mode == "panic")), factor, one.failed_meanwhile]
    };
    let by_figures = key(other).partial_cmp(&key(one)).unwrap_or(std::cmp::Ordering::Equal);
    by_figures.then_with(|| one.name.cmp(&other.name))
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|one, other| other.harm.total_cmp(&one.harm));
}

/// What each situation may be played with so that all of them together stay within bounds.
fn requests_each(pools: &[&Pool], options: &Options) -> u64 {
    // A class of alike backends is one situation, and how many classes there are is not known yet: at most as many as
    // backends, and zones, and four more.
    let situations = |pool: &&Pool| pool.backends.len().min(256) as u64 + 6;
    let all: u64 = pools.iter().map(situations).sum();
    options.requests.min(options.requests_in_all / all.max(1))
}

fn pool_report(
    stage: &Stage<'_>,
    reach: &Reach,
    well: &Played,
    situations: Vec<SituationReport>,
    left_out: usize,
) -> PoolReport {
    let pool = stage.pool;
    PoolReport {
        pool: pool.id.as_str().to_owned(),
        strategy: pool.strategy.as_str(),
        intent: match pool.intent {
            Intent::Equal => "equal",
            Intent::Capacity => "capacity",
            Intent::Weights => "weights",
        },
        reached: reach.ways.clone(),
        load: load_report(stage, well),
        backends: (0..pool.backends.len()).map(|at| backend_report(stage, well, at)).collect(),
        situations,
        left_out,
    }
}

fn load_report(stage: &Stage<'_>, well: &Played) -> LoadReport {
    let largest = well.shares.iter().copied().fold(0.0, f64::max);
    let requests = (stage.pace.rate * MINUTE).max(1.0);
    let together = stage.pace.kept_together;
    let spread = if together > 1.0 {
        2.0 * (largest * (1.0 - largest) * stage.design_effect() / requests).sqrt()
    } else {
        0.0
    };
    LoadReport {
        rate: stage.pace.rate,
        rate_known: stage.pace.rate_known,
        backend_rate: stage.pace.backend_rate,
        backend_rate_known: stage.pace.backend_rate_known,
        kept_together: together,
        keys: stage.keys.as_ref().map_or(0, |keys| keys.count),
        spread,
        played: well.requests,
    }
}

fn backend_report(stage: &Stage<'_>, well: &Played, at: usize) -> BackendReport {
    let (backend, member, share) = (&stage.pool.backends[at], well.members[at], well.shares[at]);
    let place = &backend.placement;
    let out = match () {
        () if !backend.enabled => Some("disabled"),
        () if place.draining => Some("draining"),
        () if stage.spec.members[at].address.is_none() => Some("unresolved"),
        () => None,
    };
    BackendReport {
        backend: backend.id.as_str().to_owned(),
        tier: place.tier,
        zone: place.zone.as_deref().map(str::to_owned),
        weight: backend.weight.get(),
        out,
        intent: member.intent,
        plan: member.plan,
        share,
        capacity: stage.capacity[at],
        utilisation: stage.knows_capacity().then(|| stage.rate_of(share) / stage.capacity[at]),
    }
}

const MINUTE: f64 = 60.0;
