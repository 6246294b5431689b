//! Ejection and panic that would make a small pool misbehave.

use std::time::Duration;

use super::{PoolRule, Subject, several};
use crate::diagnostic::Diagnostic;
use crate::values::{percent, show_duration};

pub(super) const RULES: [PoolRule; 6] =
    [long_ejection, hair_trigger, never_off, panics_at_once, ejects_into_panic, ejects_nearly_all];

/// From here on a hiccup is an outage of its own (nginx#524: `fail_timeout=10000s`).
const BASE_MAX: Duration = Duration::from_secs(600);

fn long_ejection(subject: &Subject<'_>) -> Option<Diagnostic> {
    let passive = subject.pool.passive.as_ref().filter(|passive| passive.base >= BASE_MAX)?;
    // A lone backend is never ejected.
    (subject.open() > 1).then_some(())?;
    let shown = show_duration(passive.base);
    let message = format!(
        "a backend of pool `{}` that fails {} is out for {shown}",
        subject.name(),
        times(passive.consecutive)
    );
    let found = Diagnostic::warning("long-ejection", subject.at("passive.base")?, message)
        .label("long after the hiccup is over")
        .effect(format!("for {shown} it would get 0 % of requests, and {}", the_others(subject)))
        .help(
            "write `base = \"10s\"` and `max = \"5m\"`: each ejection in a row lasts longer than the one \
             before",
        );
    Some(found)
}

fn times(consecutive: u32) -> String {
    match consecutive {
        1 => "once".into(),
        number => format!("{number} times in a row"),
    }
}

/// What is left for the others while one is out.
fn the_others(subject: &Subject<'_>) -> String {
    match subject.alone().map(|tier| tier.shares.len()) {
        Some(2) => "the other one 100 %".into(),
        Some(more) => format!("the others {} each", percent(1.0 / (more - 1).max(1) as f64)),
        None => "the others all of them".into(),
    }
}

fn hair_trigger(subject: &Subject<'_>) -> Option<Diagnostic> {
    let passive = subject.pool.passive.as_ref().filter(|passive| passive.consecutive == 1)?;
    (subject.open() > 1).then_some(())?;
    let message = format!("one failed request ejects a backend of pool `{}`", subject.name());
    let found = Diagnostic::warning("hair-trigger", subject.at("passive.consecutive")?, message)
        .label("one is chance")
        .effect(format!(
            "after any hiccup it would get 0 % of requests for {}, and {}: the load of the healthy follows \
             chance",
            show_duration(passive.base),
            the_others(subject)
        ))
        .help("write `consecutive = 5`; `error_share` finds a backend that fails now and then");
    Some(found)
}

fn never_off(subject: &Subject<'_>) -> Option<Diagnostic> {
    let passive = subject.pool.passive.as_ref()?;
    let open = subject.pool.used();
    if passive.max_ejected.get() > 0.0 || open < 2 {
        return None;
    }
    let message =
        format!("`max_ejected = 0` does not keep backends of pool `{}` from being ejected", subject.name());
    let found = Diagnostic::warning("ejection-not-off", subject.at("passive.max_ejected")?, message)
        .label("one may always go")
        .effect(format!(
            "one of {open} may be out at a time, which is {} of the pool",
            percent(1.0 / open as f64)
        ))
        .help("write `passive = false` for no ejections, or the largest share that may be out");
    Some(found)
}

/// A pool of one tier of which a single failure makes everybody be used, the failed one included.
fn panics_at_once(subject: &Subject<'_>) -> Option<Diagnostic> {
    subject.alone()?;
    let (used, threshold) = (subject.pool.used(), subject.pool.panic_threshold.get());
    // What must survive a failure is tried with it, and told of by the contract.
    if survives(subject) >= 1 || used < 2 || (used - 1) as f64 >= threshold * used as f64 {
        return None;
    }
    let share = percent(1.0 / used as f64);
    let message = format!("a single failure makes pool `{}` panic", subject.name());
    let found = Diagnostic::warning("panic-at-once", subject.at("panic_threshold")?, message)
        .label(format!("{} of {used} is less", used - 1))
        .effect(format!(
            "a dead backend would keep its {share} of requests: in panic health is not looked at"
        ))
        .help(match used {
            2 => "write `panic_threshold = 0.5` or less".into(),
            _ => format!(
                "write `panic_threshold = 0.5`, or at most {:.2} for a pool of {used}",
                (((used - 1) as f64 / used as f64) * 100.0).floor() / 100.0
            ),
        });
    Some(found)
}

/// How many failures the pool is said to survive.
fn survives(subject: &Subject<'_>) -> usize {
    let expect = subject.pool.expect.as_ref().and_then(|expect| expect.survives.as_ref());
    expect.map_or(0, |survives| usize::try_from(survives.value).unwrap_or(usize::MAX))
}

/// How many of a pool of three or more the cap lets out, rounded as the balancing core does.
fn most_out(subject: &Subject<'_>) -> Option<(usize, usize)> {
    subject.alone()?;
    let passive = subject.pool.passive.as_ref()?;
    let used = subject.pool.used();
    let out = (passive.max_ejected.get() * used as f64 + 1e-9) as usize;
    // The last one that serves is never ejected. A cap below one still lets one go, which is no more than any failure.
    (used >= 3).then(|| (used, out.min(used - 1)))
}

fn ejects_into_panic(subject: &Subject<'_>) -> Option<Diagnostic> {
    let (used, out) = most_out(subject)?;
    let threshold = subject.pool.panic_threshold.get();
    let in_panic = |left: usize| (left as f64) < threshold * used as f64;
    if !in_panic(used - out) || in_panic(used - 1) {
        return None;
    }
    let first = (1..=out).find(|out| in_panic(used - out))?;
    let span = subject.pool.written.first(&["passive.max_ejected", "panic_threshold"])?;
    let message = format!("ejections alone make pool `{}` panic", subject.name());
    let found = Diagnostic::warning("ejection-into-panic", span, message)
        .label(format!("{out} of {used} may be out"))
        .effect(format!(
            "with {} ejected all {used} would be used again, the failing ones for {} of requests",
            first,
            percent(first as f64 / used as f64)
        ))
        .help(format!(
            "write `max_ejected = {:.2}` or less, or a lower `panic_threshold`",
            ((first - 1) as f64 / used as f64 * 100.0).floor() / 100.0
        ));
    Some(found)
}

fn ejects_nearly_all(subject: &Subject<'_>) -> Option<Diagnostic> {
    let (used, out) = most_out(subject)?;
    if subject.pool.panic_threshold.get() > 0.0 || out < used - 1 || survives(subject) >= out {
        return None;
    }
    let message = format!("all backends of pool `{}` but one may be ejected", subject.name());
    let found = Diagnostic::warning("ejects-nearly-all", subject.at("passive.max_ejected")?, message)
        .label(format!("{out} of {used}"))
        .effect(format!(
            "a fault behind all of them would leave {} with 100 % of requests, {used} times its load",
            several(1, "backend")
        ))
        .help(
            "write `max_ejected = 0.5`, or leave `panic_threshold` at 0.5: then all are used before it \
             comes to that",
        );
    Some(found)
}
