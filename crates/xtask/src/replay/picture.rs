//! A replay over time: shares, latency and failures, with the moments that matter.

use crate::Failure;
use crate::chart::{Line, Mark, Panel, Timeline};

use super::outcome::Outcome;
use super::users::Record;

/// Seconds before the fault that are shown.
const BEFORE: f64 = 8.0;
/// Latencies beyond are cut off, seconds.
const LATENCY_MAX: f64 = 5.0;

/// The file's name in `docs/images`.
pub(super) fn file(outcome: &Outcome) -> String {
    format!("replay-{}.svg", outcome.story.id.to_lowercase())
}

/// The picture as SVG.
pub(super) fn svg(outcome: &Outcome) -> Result<String, Failure> {
    timeline(outcome).svg()
}

fn timeline(outcome: &Outcome) -> Timeline {
    let course = &outcome.course;
    let end = course.end - course.fault;
    let mut marks = vec![Mark { at: 0.0, name: "fault".to_owned() }];
    marks.extend(outcome.alarm().map(|alarm| Mark { at: alarm.after, name: "verdict".to_owned() }));
    marks.extend(outcome.alert().map(|(_, at)| Mark { at, name: "alert".to_owned() }));
    marks.push(Mark { at: course.mended - course.fault, name: "mended".to_owned() });
    let seconds: Vec<(f64, Vec<&Record>)> = (-(BEFORE as i32)..end as i32)
        .map(|second| {
            let from = course.fault + f64::from(second);
            let within = course.records.iter().filter(|record| (from..from + 1.0).contains(&record.due));
            (f64::from(second) + 0.5, within.collect())
        })
        .collect();
    Timeline {
        title: format!("{}: {}", outcome.story.id, outcome.story.title),
        span: (-BEFORE, end),
        panels: vec![shares(outcome.story.servers, &seconds), latency(&seconds), bad(&seconds)],
        marks,
    }
}

fn shares(servers: usize, seconds: &[(f64, Vec<&Record>)]) -> Panel {
    let line = |server: usize| {
        let share = |(at, records): &(f64, Vec<&Record>)| {
            let answered = records.iter().filter(|record| record.backend.is_some()).count();
            let own = records.iter().filter(|record| record.backend == Some(server)).count();
            (*at, if answered > 0 { 100.0 * own as f64 / answered as f64 } else { 0.0 })
        };
        Line { name: format!("web{}", server + 1), points: seconds.iter().map(share).collect() }
    };
    Panel { label: "share, %".to_owned(), top: 100.0, lines: (0..servers).map(line).collect() }
}

fn latency(seconds: &[(f64, Vec<&Record>)]) -> Panel {
    let quantile = |part: f64| {
        seconds.iter().map(move |(at, records)| {
            let mut all: Vec<f64> = records.iter().map(|record| record.seconds).collect();
            all.sort_by(f64::total_cmp);
            let index = (all.len() as f64 * part) as usize;
            (*at, all.get(index.min(all.len().saturating_sub(1))).copied().unwrap_or_default())
        })
    };
    let line = |name: &str, part| Line { name: name.to_owned(), points: quantile(part).collect() };
    let lines = vec![line("median", 0.5), line("p95", 0.95)];
    let most = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(0.2, f64::max);
    Panel { label: "latency, s".to_owned(), top: (most * 1.15).min(LATENCY_MAX), lines }
}

fn bad(seconds: &[(f64, Vec<&Record>)]) -> Panel {
    let points = |is: fn(&&&Record) -> bool| {
        seconds.iter().map(move |(at, records)| (*at, records.iter().filter(is).count() as f64))
    };
    let lines = vec![
        Line { name: "requests".to_owned(), points: points(|_| true).collect() },
        Line { name: "failed or > 1 s".to_owned(), points: points(|record| record.is_bad()).collect() },
    ];
    let most = lines[0].points.iter().map(|point| point.1).fold(10.0, f64::max);
    Panel { label: "a second".to_owned(), top: most * 1.15, lines }
}

#[cfg(test)]
mod tests {
    use super::super::before::Before;
    use super::super::course::Course;
    use super::super::story::STORIES;
    use super::super::users::End;
    use super::*;

    #[test]
    fn a_second_is_drawn_as_what_its_requests_got() {
        let record = |due, backend| Record { due, seconds: 0.5, end: End::Well, backend };
        let course = Course {
            fault: 10.0,
            mended: 12.0,
            end: 14.0,
            records: vec![
                record(10.1, Some(0)),
                record(10.2, Some(0)),
                record(10.3, Some(2)),
                record(10.4, None),
            ],
            ..Course::default()
        };
        let (before, control) = (Before::default(), Course::default());
        let outcome = Outcome { story: &STORIES[0], before, course, control, seconds: 1.0 };
        let drawn = timeline(&outcome);
        let at = |panel: usize, line: usize| drawn.panels[panel].lines[line].points[BEFORE as usize];
        assert_eq!(at(0, 0), (0.5, 200.0 / 3.0));
        assert_eq!((at(0, 1).1, at(1, 0).1, at(2, 0).1), (0.0, 0.5, 4.0));
        let marks: Vec<_> = drawn.marks.iter().map(|mark| (mark.name.as_str(), mark.at)).collect();
        assert_eq!(marks, [("fault", 0.0), ("mended", 2.0)]);
        assert_eq!(file(&outcome), "replay-r1.svg");
    }
}
