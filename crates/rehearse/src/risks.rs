//! What failures would do, said once for each kind: the worst of it.

use evenkeel_config::percent;

use crate::causes::finding;
use crate::contract::FAILING;
use crate::report::{Finding, SituationReport};
use crate::stage::Stage;

/// A kind of risk, and whether a situation is one.
struct Risk {
    kind: &'static str,
    holds: fn(&SituationReport) -> bool,
    say: fn(&SituationReport) -> String,
    help: &'static str,
}

/// A situation shows the first of these that holds for it.
const RISKS: [Risk; 6] = [
    Risk {
        kind: "outage",
        holds: |one| is_single(one) && one.failing >= 0.999,
        say: |one| format!("when {}, every request fails", one.name),
        help: "add a backend that can take over",
    },
    Risk {
        kind: "panic",
        holds: |one| is_single(one) && one.mode == "panic",
        say: |one| {
            format!("when {}, panic starts: dead backends get requests, too{}", one.name, failing(one))
        },
        help: "add backends, or lower `panic_threshold`",
    },
    Risk {
        kind: "overload",
        holds: |one| is_single(one) && one.overloaded > 0,
        say: overloaded,
        help: "add backends, or make room for the load that is left",
    },
    Risk {
        kind: "unnoticed",
        holds: |one| one.kind == "one_down" && one.noticed_after.is_none() && one.failing > FAILING,
        say: |one| {
            format!(
                "when {}, nobody notices: {} of the requests fail until it is back",
                one.name,
                percent(one.failing)
            )
        },
        help: "add `health = { path = \"/healthz\" }`",
    },
    Risk {
        kind: "failing",
        holds: |one| is_single(one) && one.failing > FAILING,
        say: |one| format!("when {}, {} of the requests fail", one.name, percent(one.failing)),
        help: "make room for the load that is left, or let requests wait: `queue`",
    },
    Risk {
        kind: "slow",
        holds: |one| one.kind == "one_slow" && one.utilisation.is_some_and(|load| load > 1.0),
        say: |one| {
            format!(
                "when {}, it still gets {} of the requests, and they pile up",
                one.name,
                percent(one.busiest_share)
            )
        },
        help: "`least_request` gives a slow backend less; with a strategy that goes by keys, `bound` does",
    },
];

/// The worst situation of each kind; `situations` come worst first.
pub(crate) fn risks(stage: &Stage<'_>, situations: &[SituationReport]) -> Vec<Finding> {
    let mut found = Vec::new();
    for risk in &RISKS {
        let first = RISKS.iter().position(|one| one.kind == risk.kind);
        let shows = |one: &&SituationReport| RISKS.iter().position(|risk| (risk.holds)(one)) == first;
        let Some(worst) = situations.iter().find(shows) else { continue };
        let others = situations.iter().filter(shows).map(|one| one.alike + 1).sum::<usize>() - 1;
        let more = match others {
            0 => String::new(),
            1 => " (one other failure does the same)".to_owned(),
            _ => format!(" ({others} other failures do the same)"),
        };
        let message = format!("{}{more}", (risk.say)(worst));
        found.push(finding(stage, risk.kind, message, Some(risk.help.into()), worst.harm));
    }
    found
}

/// One thing fails, a zone included: what happens sooner or later.
fn is_single(one: &SituationReport) -> bool {
    matches!(one.kind, "one_down" | "zone_down")
}

fn failing(one: &SituationReport) -> String {
    if one.failing > FAILING { format!(", and {} of all fail", percent(one.failing)) } else { String::new() }
}

fn overloaded(one: &SituationReport) -> String {
    let name = one.busiest.as_deref().unwrap_or_default();
    let load = one.utilisation.map(percent).unwrap_or_default();
    format!("when {}, {name} gets {load} of what it can do", one.name)
}
