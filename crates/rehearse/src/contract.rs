//! What a pool's `expect` demands, against what was played.

use evenkeel_config::{Expect, Pool, percent};

use crate::causes::finding;
use crate::play::Played;
use crate::report::{Finding, SituationReport};
use crate::stage::Stage;

/// The contract of a pool, if it has one.
pub(crate) fn of(pool: &Pool) -> Option<&Expect> {
    pool.expect.as_ref()
}

/// Every clause that is broken.
pub(crate) fn broken(stage: &Stage<'_>, well: &Played, situations: &[SituationReport]) -> Vec<Finding> {
    let Some(expect) = of(stage.pool) else { return Vec::new() };
    let mut found: Vec<Finding> = Vec::new();
    found.extend(members(stage, expect));
    found.extend(shares(stage, expect, well));
    found.extend(peak_to_mean(stage, expect, well));
    found.extend(forbidden(stage, expect, well));
    found.extend(survives(stage, expect, situations));
    found
}

/// Clauses that cannot be judged because a figure is missing.
pub(crate) fn unjudged(stage: &Stage<'_>) -> Option<Finding> {
    let expect = of(stage.pool)?;
    if expect.survives == 0 || stage.knows_capacity() {
        return None;
    }
    let message = "whether `expect.survives` holds without overload is not known: nobody says how much comes, or \
                   how much a backend can do";
    let help = "write `peak_rate` and `backend_rate` in `expect`, or give --rate and --backend-rate";
    Some(finding(stage, "expect.unjudged", message.into(), Some(help.into()), 0.0))
}

fn members(stage: &Stage<'_>, expect: &Expect) -> Option<Finding> {
    let wanted = expect.members? as usize;
    let there = (0..stage.pool.backends.len()).filter(|at| stage.pool.backends[*at].enabled);
    let there = there.filter(|at| stage.spec.members[*at].address.is_some()).count();
    if there == wanted {
        return None;
    }
    let message = format!("`expect` says {wanted} backends, there are {there} that are enabled");
    let help = "write the entries of the servers that there are, or correct `members`";
    let harm = wanted.abs_diff(there) as f64 / wanted.max(there).max(1) as f64;
    Some(finding(stage, "expect.members", message, Some(help.into()), harm))
}

fn shares(stage: &Stage<'_>, expect: &Expect, well: &Played) -> Vec<Finding> {
    let counting = stage.counting();
    let first = counting.iter().filter(|at| well.members[**at].intent > 0.0);
    let share = |at: &&usize| well.shares[**at];
    let by_share = |one: &&usize, other: &&usize| share(one).total_cmp(&share(other));
    let mut found = Vec::new();
    if let (Some(least), Some(at)) = (expect.min_share, first.min_by(by_share))
        && well.shares[*at] < least - slack(well, least)
    {
        let message = format!(
            "{} would get {} of the requests, `expect.min_share` is {}",
            stage.name(*at),
            percent(well.shares[*at]),
            percent(least)
        );
        found.push(finding(stage, "expect.min_share", message, None, least - well.shares[*at]));
    }
    if let (Some(most), Some(at)) = (expect.max_share, counting.iter().max_by(by_share))
        && well.shares[*at] > most + slack(well, most)
    {
        let message = format!(
            "{} would get {} of the requests, `expect.max_share` is {}",
            stage.name(*at),
            percent(well.shares[*at]),
            percent(most)
        );
        found.push(finding(stage, "expect.max_share", message, None, well.shares[*at] - most));
    }
    found
}

fn peak_to_mean(stage: &Stage<'_>, expect: &Expect, well: &Played) -> Option<Finding> {
    let most = expect.peak_to_mean?;
    let counting = stage.counting();
    let by_share = |one: &&usize, other: &&usize| well.shares[**one].total_cmp(&well.shares[**other]);
    let at = *counting.iter().max_by(by_share)?;
    // Spares have no part in the mean.
    let first = counting.iter().filter(|at| well.members[**at].intent > 0.0).count();
    let mean = 1.0 / first.max(1) as f64;
    let peak = well.shares[at] / mean;
    if peak <= most + slack(well, mean) / mean {
        return None;
    }
    let message = format!(
        "{} would get {peak:.2} times the mean share, `expect.peak_to_mean` is {most:.2}",
        stage.name(at)
    );
    Some(finding(stage, "expect.peak_to_mean", message, None, well.shares[at] - most * mean))
}

fn forbidden(stage: &Stage<'_>, expect: &Expect, well: &Played) -> Option<Finding> {
    let (zone, share) = in_forbidden(stage, expect, &well.shares)?;
    let message = format!("zone {zone} would get {} of the requests, `expect` forbids it", percent(share));
    Some(finding(stage, "expect.forbidden_zones", message, None, share))
}

/// The forbidden zone that gets most, if any gets anything.
fn in_forbidden<'a>(stage: &Stage<'_>, expect: &'a Expect, shares: &[f64]) -> Option<(&'a str, f64)> {
    let zone = |at: usize| stage.pool.backends[at].placement.zone.as_deref();
    let share =
        |name: &str| (0..shares.len()).filter(|at| zone(*at) == Some(name)).map(|at| shares[at]).sum::<f64>();
    let all = expect.forbidden_zones.iter().map(|name| (&**name, share(name)));
    all.filter(|(_, share)| *share > 0.0).max_by(|one, other| one.1.total_cmp(&other.1))
}

/// The worst failure of so many backends at most that does what it must not.
fn survives(stage: &Stage<'_>, expect: &Expect, situations: &[SituationReport]) -> Option<Finding> {
    let survives = expect.survives as usize;
    let counts = |one: &&SituationReport| {
        matches!(one.kind, "one_down" | "several_down") && one.failed.len() <= survives
    };
    let why =
        |one: &SituationReport| why_not(stage, expect, one).map(|why| (one.name.clone(), why, one.harm));
    let (name, why, harm) = situations.iter().filter(counts).find_map(why)?;
    let message = format!("`expect.survives = {survives}` does not hold: when {name}, {why}");
    let help = "add backends, or make room for the load that is left";
    Some(finding(stage, "expect.survives", message, Some(help.into()), harm.max(0.01)))
}

/// What happens that must not.
pub(crate) fn why_not(stage: &Stage<'_>, expect: &Expect, one: &SituationReport) -> Option<String> {
    if one.mode == "empty" {
        return Some("nobody is left to answer".into());
    }
    if one.mode == "panic" {
        return Some("panic starts: requests go to dead backends, too".into());
    }
    if let Some((zone, share)) = in_forbidden(stage, expect, &one.shares) {
        return Some(format!("zone {zone} gets {} of the requests", percent(share)));
    }
    if one.overloaded > 0
        && let (Some(name), Some(utilisation)) = (&one.busiest, one.utilisation)
    {
        let (load, more) = (percent(utilisation), one.overloaded - 1);
        let others =
            if more > 0 { format!(", and {more} others more than they can do") } else { String::new() };
        return Some(format!("{name} gets {load} of what it can do{others}"));
    }
    (one.failing > FAILING).then(|| format!("{} of the requests fail", percent(one.failing)))
}

/// What a share may be off by the chance of what was played.
fn slack(well: &Played, share: f64) -> f64 {
    match well.requests {
        0 => 1e-9,
        requests => 3.0 * (share * (1.0 - share) / requests as f64).sqrt(),
    }
}

/// Fewer requests than this part fail in any case.
pub(crate) const FAILING: f64 = 0.001;
