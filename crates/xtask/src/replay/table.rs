//! Outcomes as text and JSON.

use std::fmt::Write as _;

use evenkeel_testkit::Json;
use serde_json::json;

use super::outcome::Outcome;
use super::story::Refusal;

/// The table and below it what does not hold.
pub(crate) fn text(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let heads = HEADS.map(str::to_owned);
    let rows: Vec<[String; 9]> = std::iter::once(heads).chain(outcomes.iter().map(cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(text, "{}", cells.join("  ").trim_end()).ok();
    }
    for outcome in outcomes {
        for missed in outcome.missed() {
            writeln!(text, "MISSED {}: {missed}", outcome.story.id).ok();
        }
    }
    text
}

pub(crate) const HEADS: [&str; 9] = [
    "replay",
    "refused by",
    "alarm s",
    "requests",
    "verdict",
    "half time",
    "users let down",
    "alert s",
    "after mend",
];

/// One line of the table.
pub(crate) fn cells(outcome: &Outcome) -> [String; 9] {
    let dash = || "-".to_owned();
    let alarm = outcome.alarm();
    let (bad, of) = outcome.let_down();
    let shares: Vec<String> = outcome.shares().iter().map(|share| format!("{:.0}", share * 100.0)).collect();
    [
        outcome.story.id.to_owned(),
        refused(outcome),
        alarm.as_ref().map_or_else(dash, |alarm| format!("{:.1}", alarm.after)),
        alarm.as_ref().map_or_else(dash, |alarm| alarm.requests.to_string()),
        alarm.as_ref().map_or_else(dash, |alarm| alarm.verdict.short()),
        outcome.half().map_or_else(dash, super::watcher::Verdict::short),
        format!("{bad} of {of}"),
        outcome.alert().map_or_else(dash, |(name, after)| format!("{after:.1} {name}")),
        format!("{} dropped, {} refused, {} %", outcome.dropped(), outcome.refused(), shares.join("/")),
    ]
}

/// What saw the fault without waiting for users.
pub(crate) fn refused(outcome: &Outcome) -> String {
    let drift = outcome.course.drift.as_ref().filter(|(found, _)| *found);
    match (outcome.story.refused_by, &outcome.before.rules) {
        (Refusal::Drift, _) => drift.map_or_else(|| "nothing".to_owned(), |_| "drift".to_owned()),
        (_, Some(rules)) if rules.is_empty() => "nothing".to_owned(),
        (_, Some(rules)) => rules.join(", "),
        (_, None) => "no file's fault".to_owned(),
    }
}

/// All that there is to say of one, for whoever waits for the next.
pub(crate) fn story(outcome: &Outcome) -> String {
    let mut text = String::new();
    let course = &outcome.course;
    writeln!(text, "    before: {}", refused(outcome)).ok();
    if let Some((_, said)) = &outcome.before.rehearsed {
        writeln!(text, "    rehearse: {said}").ok();
    }
    if let Some((_, said)) = &course.drift {
        writeln!(text, "    drift: {said}").ok();
    }
    match outcome.alarm() {
        Some(alarm) => {
            let (after, requests, verdict) = (alarm.after, alarm.requests, alarm.verdict);
            writeln!(text, "    verdict after {after:.1} s and {requests} requests: {}", verdict.answer).ok();
            writeln!(text, "      {}", verdict.sentence).ok();
        }
        None => {
            writeln!(text, "    no right verdict").ok();
        }
    }
    let mut last = "";
    for said in &course.said {
        let answer = said.verdict.answer.as_str();
        if answer != last && !answer.contains("more requests needed") {
            let short = said.verdict.short();
            writeln!(text, "      {:+6.1} s  {answer} [{short}]", said.at - course.fault).ok();
        }
        last = answer;
    }
    for (name, about, at) in &course.alerts {
        writeln!(text, "    alert {:.1} s: {name} {about}", at - course.fault).ok();
    }
    let alarms = outcome.false_alarms();
    let alarms = if alarms.is_empty() { "nothing".to_owned() } else { alarms.join(", ") };
    writeln!(text, "    without the fault: {alarms}; servers died {} times", course.deaths).ok();
    for missed in outcome.missed() {
        writeln!(text, "    MISSED: {missed}").ok();
    }
    writeln!(text, "    took {:.0} s", outcome.seconds).ok();
    text
}

/// All outcomes, schema 1.
pub(crate) fn json(outcomes: &[Outcome]) -> Json {
    let replays: Vec<Json> = outcomes.iter().map(one).collect();
    json!({ "schema": 1, "ok": outcomes.iter().all(|one| one.missed().is_empty()), "replays": replays })
}

fn one(outcome: &Outcome) -> Json {
    let (alarm, alert) = (outcome.alarm(), outcome.alert());
    let (let_down, of) = outcome.let_down();
    let misleading = outcome.misleading();
    json!({
        "replay": outcome.story.id,
        "title": outcome.story.title,
        "refused_by": refused(outcome),
        "rehearsed": outcome.before.rehearsed.as_ref().map(|(_, said)| said),
        "drift": outcome.course.drift.as_ref().map(|(_, said)| said),
        "alarm_seconds": alarm.as_ref().map(|alarm| alarm.after),
        "alarm_requests": alarm.as_ref().map(|alarm| alarm.requests),
        "verdict": alarm.as_ref().map(|alarm| &alarm.verdict.answer),
        "cause": alarm.as_ref().map(|alarm| &alarm.verdict.cause),
        "backend": alarm.as_ref().map(|alarm| &alarm.verdict.backend),
        "sentence": alarm.as_ref().map(|alarm| &alarm.verdict.sentence),
        "half_time": outcome.half().map(super::watcher::Verdict::short),
        "misleading": misleading.iter().map(|(at, what)| json!({"after": at, "verdict": what})).collect::<Vec<_>>(),
        "let_down": let_down,
        "requests": of,
        "alert": alert.map(|(name, _)| name),
        "alert_seconds": alert.map(|(_, after)| after),
        "notified_seconds": outcome.course.notified.map(|at| at - outcome.course.fault),
        "dropped_after_mend": outcome.dropped(),
        "refused_after_mend": outcome.refused(),
        "even_after_mend": outcome.course.even.map(|at| at - outcome.course.mended),
        "shares_after_mend": outcome.shares(),
        "without_fault": outcome.false_alarms(),
        "deaths": outcome.course.deaths,
        "seconds": outcome.seconds,
        "missed": outcome.missed(),
    })
}
