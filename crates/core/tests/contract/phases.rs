//! What every event does in every phase, as a table.

use std::fmt::Write;
use std::sync::Arc;

use evenkeel_core::{
    Mode, Nanos, Outcome, Phase, PoolEvent, PoolSpec, PoolState, Ratio, StrategyKind, Transition,
};

use crate::pools::{IntoId, address, fail_attempts, health, passive, pool, spec};

/// Read: a member in the phase of the row, after the event of the column, is in the phase of the cell; `.` is
/// the same phase. Two results or failures overturn a verdict here, and one failed attempt ejects.
const TABLE: &str = "\
phase      | passed    | passed x2 | failed    | failed x2 | attempt   | other     | resolved  | no lookup | time      | disabled  | enabled   | checks off| both off  | drain     | keep
joining    | serving   | serving   | unhealthy | unhealthy | .         | .         | .         | .         | .         | disabled  | .         | serving   | serving   | draining  | .
serving    | .         | .         | .         | unhealthy | ejected   | .         | joining   | .         | .         | disabled  | .         | .         | .         | draining  | .
unhealthy  | .         | serving   | .         | .         | .         | .         | joining   | .         | .         | disabled  | .         | serving   | serving   | draining  | .
ejected    | .         | .         | unhealthy | unhealthy | .         | .         | joining   | .         | serving   | disabled  | .         | .         | serving   | draining  | .
draining   | .         | .         | .         | .         | .         | .         | .         | .         | .         | disabled  | .         | .         | .         | .         | serving
disabled   | .         | .         | .         | .         | .         | .         | .         | .         | .         | .         | serving   | .         | .         | .         | .
unresolved | .         | .         | .         | .         | .         | .         | joining   | .         | .         | disabled  | .         | .         | .         | draining  | .
";

#[test]
fn the_table_of_phases_and_events_holds() {
    let mut table = format!("{:11}", "phase");
    for (name, _) in EVENTS {
        write!(table, "| {name:10}").unwrap();
    }
    for from in Phase::ALL {
        write!(table, "\n{:11}", from.as_str()).unwrap();
        for (_, event) in EVENTS {
            let mut state = member_in(from);
            event(&mut state);
            let to = phase(&state);
            write!(table, "| {:10}", if to == from { "." } else { to.as_str() }).unwrap();
        }
    }
    let trimmed = |table: &str| table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(trimmed(&table), trimmed(TABLE), "\n{table}");
}

type Event = fn(&mut PoolState);

const EVENTS: [(&str, Event); 15] = [
    ("passed", |pool| probed(pool, "m", true)),
    ("passed x2", |pool| (0..2).for_each(|_| probed(pool, "m", true))),
    ("failed", |pool| probed(pool, "m", false)),
    ("failed x2", |pool| (0..2).for_each(|_| probed(pool, "m", false))),
    ("attempt", failed_attempt),
    ("other", |pool| {
        // None of these is about the member, or says anything about it.
        pool.apply(PoolEvent::Attempted { id: "m".into_id(), outcome: Outcome::Ok }, NOW);
        pool.apply(PoolEvent::Attempted { id: "m".into_id(), outcome: Outcome::Cancelled }, NOW);
        pool.apply(PoolEvent::Probed { id: "stranger".into_id(), result: Ok(()) }, NOW);
        pool.apply(PoolEvent::Tick, NOW);
    }),
    ("resolved", |pool| {
        pool.apply(PoolEvent::Resolved { id: "m".into_id(), result: Ok(address(200)) }, NOW);
    }),
    ("no lookup", |pool| {
        pool.apply(PoolEvent::Resolved { id: "m".into_id(), result: Err("no such name".into()) }, NOW);
    }),
    ("time", |pool| {
        let due = pool.next_deadline().unwrap_or(Nanos::from_secs(999));
        pool.apply(PoolEvent::Tick, Nanos(due.0 - 1));
        pool.apply(PoolEvent::Tick, due);
    }),
    ("disabled", |pool| reconfigure(pool, |spec| spec.members[0].enabled = false)),
    ("enabled", |pool| reconfigure(pool, |spec| spec.members[0].enabled = true)),
    ("checks off", |pool| reconfigure(pool, |spec| spec.health = None)),
    ("both off", |pool| reconfigure(pool, |spec| (spec.health, spec.passive) = (None, None))),
    ("drain", |pool| reconfigure(pool, |spec| spec.members[0].placement.draining = true)),
    ("keep", |pool| reconfigure(pool, |spec| spec.members[0].placement.draining = false)),
];

const NOW: Nanos = Nanos(5_000_000_000);

/// Member `m` and three that serve, so that there is room for an ejection.
fn four() -> PoolSpec {
    let mut spec = spec(StrategyKind::RoundRobin, &[1, 1, 1, 1]);
    spec.members[0].id = "m".into_id();
    spec.health = health(2, 2);
    spec.passive = passive(1, 10, 0.5);
    spec
}

fn member_in(wanted: Phase) -> PoolState {
    let mut spec = four();
    spec.members[0].enabled = wanted != Phase::Disabled;
    spec.members[0].placement.draining = wanted == Phase::Draining;
    spec.members[0].address = spec.members[0].address.filter(|_| wanted != Phase::Unresolved);
    let mut pool = pool(&spec, 1);
    for other in ["m1", "m2", "m3"] {
        probed(&mut pool, other, true);
    }
    match wanted {
        Phase::Joining | Phase::Unresolved => {}
        Phase::Unhealthy => probed(&mut pool, "m", false),
        Phase::Serving | Phase::Draining | Phase::Disabled => probed(&mut pool, "m", true),
        Phase::Ejected => {
            probed(&mut pool, "m", true);
            fail_attempts(&mut pool, "m", 1, NOW);
        }
    }
    assert_eq!(phase(&pool), wanted);
    pool
}

fn phase(pool: &PoolState) -> Phase {
    pool.snapshot().members()[0].phase
}

fn probed(pool: &mut PoolState, id: &str, passed: bool) {
    let result = if passed { Ok(()) } else { Err("GET /: 503".into()) };
    pool.apply(PoolEvent::Probed { id: id.into_id(), result }, NOW);
}

/// Only a member that is picked can fail an attempt; for the others it is a late report.
fn failed_attempt(pool: &mut PoolState) {
    if phase(pool) == Phase::Serving {
        fail_attempts(pool, "m", 1, NOW);
    }
    pool.apply(PoolEvent::Attempted { id: "m".into_id(), outcome: Outcome::ConnectFailed }, NOW);
}

fn reconfigure(pool: &mut PoolState, change: fn(&mut PoolSpec)) {
    let mut spec = four();
    let current = pool.snapshot();
    spec.members[0].enabled = phase(pool) != Phase::Disabled;
    spec.members[0].placement.draining = phase(pool) == Phase::Draining;
    spec.members[0].address = current.members()[0].member.address;
    change(&mut spec);
    pool.apply(PoolEvent::Configured(spec), NOW);
}

/// The life of a pool in the order in which an operator would read it.
#[test]
fn transitions_say_what_happened_and_why() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1, 1]);
    spec.health = health(2, 1);
    spec.passive = passive(5, 10, 0.5);
    spec.panic_threshold = Ratio::new(0.6).unwrap();
    let mut pool = pool(&spec, 1);
    assert_eq!(
        pool.snapshot().mode(),
        Mode::Empty,
        "nobody has been checked, so nobody is guessed to be well"
    );
    let mut log = Vec::new();
    let mut apply = |pool: &mut PoolState, event, second| {
        log.extend(pool.apply(event, Nanos::from_secs(second)).transitions.iter().map(line));
    };
    let probe = |id: &str, result: Result<(), &str>| PoolEvent::Probed {
        id: id.into_id(),
        result: result.map_err(Into::into),
    };
    apply(&mut pool, probe("m0", Ok(())), 1);
    apply(&mut pool, probe("m1", Ok(())), 2);
    let ejected = fail_attempts(&mut pool, "m1", 5, Nanos::from_secs(3));
    assert_eq!(pool.next_deadline(), Some(Nanos::from_secs(13)));
    apply(&mut pool, PoolEvent::Tick, 13);
    let back = Arc::clone(&pool.snapshot().members()[1].member);
    assert_eq!(back.load.consecutive_failures(), 0, "judged by what it does from now on");
    apply(&mut pool, probe("m0", Err("GET /healthz: connection refused")), 14);
    apply(&mut pool, probe("m0", Ok(())), 15);
    apply(&mut pool, probe("m0", Ok(())), 16);
    assert_eq!(
        ejected.transitions.iter().map(line).collect::<Vec<_>>(),
        [
            "m1 serving -> ejected: 5 consecutive failures (connect_failed), out for 10s (ejection 1)",
            "mode normal -> panic, 1 of 2 healthy",
        ]
    );
    assert_eq!(
        log,
        [
            "m0 joining -> serving: check passed",
            "mode empty -> normal, 1 of 2 healthy",
            "m1 joining -> serving: check passed",
            "m1 ejected -> serving: ejection 1 over after 10s",
            "mode panic -> normal, 2 of 2 healthy",
            "m0 serving -> unhealthy: GET /healthz: connection refused",
            "mode normal -> panic, 1 of 2 healthy",
            "m0 unhealthy -> serving: check passed (2 in a row)",
            "mode panic -> normal, 2 of 2 healthy",
        ]
    );
}

fn line(transition: &Transition) -> String {
    match transition {
        Transition::Phase { id, from, to, detail } => {
            format!("{id} {} -> {}: {detail}", from.as_str(), to.as_str())
        }
        Transition::Mode { from, to, healthy, enabled } => {
            format!("mode {} -> {}, {healthy} of {enabled} healthy", from.as_str(), to.as_str())
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn ejection_stops_at_the_cap_and_before_the_last() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1, 1, 1, 1]);
    spec.passive = passive(1, 10, 0.5);
    let mut pool = pool(&spec, 1);
    for id in ["m0", "m1", "m2"] {
        fail_attempts(&mut pool, id, 1, NOW);
    }
    let ejected =
        |pool: &PoolState| pool.snapshot().members().iter().filter(|v| v.phase == Phase::Ejected).count();
    assert_eq!(ejected(&pool), 2, "half of four");

    spec.members.truncate(2);
    pool.apply(PoolEvent::Configured(spec.clone()), NOW);
    assert_eq!(ejected(&pool), 1, "the cap shrinks with the pool");
    spec.members[1].enabled = false;
    pool.apply(PoolEvent::Configured(spec), NOW);
    assert_eq!((ejected(&pool), pool.snapshot().mode()), (0, Mode::Normal), "nobody else is left");
    let refused = fail_attempts(&mut pool, "m0", 3, NOW);
    assert_eq!(ejected(&pool), 0, "never the last");
    assert!(refused.snapshot.is_none());

    let mut pool = member_in(Phase::Serving);
    for other in ["m1", "m2", "m3"] {
        (0..2).for_each(|_| probed(&mut pool, other, false));
    }
    let refused = fail_attempts(&mut pool, "m", 1, NOW);
    assert_eq!(phase(&pool), Phase::Serving, "the cap has room, but nobody else serves");
    assert!(refused.snapshot.is_none(), "not even for a moment");
}

/// The same failure told again changes what is shown, and nothing that is picked from.
#[test]
fn the_detail_is_the_latest_reason() {
    let mut pool = member_in(Phase::Unhealthy);
    let event = |reason: &str| PoolEvent::Probed { id: "m".into_id(), result: Err(reason.into()) };
    let applied = pool.apply(event("connect: timed out"), NOW);
    assert!(applied.transitions.is_empty());
    let shown = applied.snapshot.expect("a reader sees the difference");
    assert_eq!(shown.members()[0].detail.as_deref(), Some("connect: timed out"));
    assert!(pool.apply(event("connect: timed out"), NOW).snapshot.is_none(), "nothing new");
}
