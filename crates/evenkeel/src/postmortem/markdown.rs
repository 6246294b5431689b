//! The report, for a page where others write on.

use std::fmt::Write as _;
use std::sync::Arc;

use evenkeel_proxy::journal::{Event, Kind, onset};

use super::Incident;
use super::spells::{Spell, spells};
use crate::lines::clip;
use crate::output;

/// Lines of the timeline; an incident with more of them is told by its spells.
const TIMELINE_MAX: usize = 500;
/// Characters of a sentence.
const SENTENCE_MAX: usize = 1_000;

pub(super) fn render(incident: &Incident) -> String {
    let Incident { from, to, events } = incident;
    let seconds = |time: u64| evenkeel_analyze::utc(i64::try_from(time).unwrap_or_default());
    let mut text = format!("# Incident: {} to {} UTC\n\n", seconds(*from), seconds(*to));
    if events.is_empty() {
        text.push_str("Nothing was noted in this time.\n");
        return text;
    }
    let (first, last) = (events[0].generation, events[events.len() - 1].generation);
    let count = |kind: Kind| events.iter().filter(|event| event.kind() == kind).count();
    writeln!(
        text,
        "- {}, generation {first} at first and {last} at last",
        output::count(events.len(), "event")
    )
    .ok();
    let (applied, refused) = (count(Kind::ReloadApplied), count(Kind::ReloadFailed));
    writeln!(text, "- {} applied, {refused} refused", output::count(applied, "reload")).ok();
    if was_started_twice(events) {
        text.push_str(
            "- the process was started again without having been stopped: it may have been killed\n",
        );
    }
    let spells = spells(events);
    text.push_str("\n## What was wrong\n\n");
    if spells.is_empty() {
        text.push_str("Nothing that was noticed.\n");
    }
    spells.iter().for_each(|spell| wrong(&mut text, incident, spell));
    text.push_str("\n## Timeline\n\n| time (UTC) | generation | what |\n|---|---|---|\n");
    for event in events.iter().take(TIMELINE_MAX) {
        writeln!(text, "| {} | {} | {} |", clock(event.at_ms), event.generation, sentence(event)).ok();
    }
    if events.len() > TIMELINE_MAX {
        writeln!(text, "\nand {} more.", events.len() - TIMELINE_MAX).ok();
    }
    text
}

/// One that runs has been started once more than it was stopped, and that is as it should be.
fn was_started_twice(events: &[Arc<Event>]) -> bool {
    let turns =
        events.iter().map(|event| event.kind()).filter(|kind| matches!(kind, Kind::Start | Kind::Stop));
    let turns: Vec<Kind> = turns.collect();
    turns.windows(2).any(|two| two == [Kind::Start, Kind::Start])
}

/// One thing that was wrong, for how long, and what changed when it began.
fn wrong(text: &mut String, incident: &Incident, spell: &Spell<'_>) {
    let began = spell.began_ms();
    let lasted = match spell.ended {
        Some(ended) => format!("{} to {}", clock(began), clock(ended.at_ms)),
        None => format!("from {} on", clock(began)),
    };
    writeln!(text, "- **{lasted}**: {}", sentence(spell.began)).ok();
    let (pool, backend) = (spell.began.pool.as_deref(), spell.began.backend.as_deref().unwrap_or_default());
    let Some(pool) = pool else { return };
    let changes = onset(&incident.events, pool, backend, began);
    for change in changes.iter().filter(|change| change.seq != spell.began.seq) {
        let when = if change.seconds <= 0.0 { "before" } else { "after" };
        writeln!(text, "  - {:.1} s {when}: {}", change.seconds.abs(), safe(&change.text)).ok();
    }
}

fn sentence(event: &Event) -> String {
    safe(&event.sentence())
}

/// Nothing that ends a cell of a table or begins a tag.
fn safe(text: &str) -> String {
    clip(text, SENTENCE_MAX).replace('|', "\\|").replace('<', "&lt;")
}

/// `2026-11-22 03:12:45`
fn clock(at_ms: u64) -> String {
    evenkeel_analyze::utc(i64::try_from(at_ms / 1_000).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn event(seq: u64, at_ms: u64, rest: &str) -> Arc<Event> {
        let json = format!(r#"{{"v":1,"seq":{seq},"at_ms":{at_ms},"generation":2,{rest}}}"#);
        Arc::new(Event::from_json(json.as_bytes()).expect(rest))
    }

    #[test]
    fn what_was_wrong_comes_with_what_changed_and_how_long_it_took() {
        let events = vec![
            event(
                1,
                10_000,
                r#""kind":"reload_applied","changes":["pool web: backend a: weight from 1 to 5"]"#,
            ),
            event(
                2,
                15_000,
                r#""pool":"web","backend":"a","kind":"skew_raised","dimension":"requests","cause":"weights","blame":"balancer",
                   "severity":"critical","sentence":"a gets 71 %","since_ms":10500"#,
            ),
            event(3, 40_000, r#""pool":"web","backend":"b","kind":"ejected","why":"a|b <x>""#),
            event(
                4,
                60_000,
                r#""pool":"web","backend":"a","kind":"skew_cleared","dimension":"requests","cause":"weights""#,
            ),
        ];
        let text = render(&Incident { from: 0, to: 100, events });
        for part in [
            "# Incident: 1970-01-01 00:00:00 to 1970-01-01 00:01:40 UTC",
            "- 4 events, generation 2 at first and 2 at last\n- 1 reload applied, 0 refused\n",
            "- **1970-01-01 00:00:10 to 1970-01-01 00:01:00**: skew in pool web (critical): a gets 71 % (weights, balancer)\n  \
             - 0.5 s before: generation 2 was applied: pool web: backend a: weight from 1 to 5\n",
            "- **from 1970-01-01 00:00:40 on**: backend b of pool web was ejected: a\\|b &lt;x>\n",
            "| 1970-01-01 00:01:00 | 2 | skew of backend a of pool web is over: requests, weights |",
        ] {
            assert!(text.contains(part), "{part}\n\nin\n\n{text}");
        }
    }
}
