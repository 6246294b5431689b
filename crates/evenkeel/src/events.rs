//! `evenkeel events`: what happened.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evenkeel_proxy::journal::{Dead, Event, Filter, Level, Query};
use serde::Deserialize;

use crate::cli::EventsArgs;
use crate::client::{AdminAddress, GetError, Session};
use crate::lines::clip;
use crate::output::{self, Answer};

/// Between two questions with `--follow`.
const EVERY: Duration = Duration::from_millis(500);
/// Shown when nothing is said about how many.
const LIMIT: u16 = 100;
/// The same with `--since`: as many as the admin interface gives.
const LIMIT_SINCE: u16 = 10_000;
/// Characters of a line; only long change lists come near it.
const LINE_MAX: usize = 2_000;

/// What `GET /events?format=document` answers.
#[derive(Debug, Deserialize)]
struct Page {
    events: Vec<Event>,
    through: u64,
    missed: bool,
}

/// Shows events of the running balancer, or of a file.
pub(crate) fn events(arguments: &EventsArgs) -> Answer {
    let filter = Filter { pools: arguments.pool.clone(), kinds: arguments.kind.clone() };
    if let Some(word) = filter.unknown_kind() {
        let hint = "docs/reference/events.md has all kinds";
        output::complain(format_args!("{word:?} is no kind of event"), hint);
        return Answer::Misused;
    }
    match &arguments.file {
        Some(file) => of_file(arguments, file, filter),
        None => of_balancer(arguments),
    }
}

fn of_file(arguments: &EventsArgs, file: &std::path::Path, filter: Filter) -> Answer {
    let since_ms = since(arguments).map(|since| since.saturating_mul(1_000));
    let query = Query { since_ms, filter, limit: usize::from(limit(arguments)), ..Query::default() };
    let dead = match Dead::open(file) {
        Ok(dead) => dead,
        Err(error) => {
            let hint = "while the process runs, ask it: `evenkeel events --admin ADDR`";
            output::complain(&error, hint);
            return Answer::No;
        }
    };
    match dead.read(&query) {
        Ok(page) => output::out(render(page.events.iter().map(AsRef::as_ref), arguments.json)),
        Err(trouble) => {
            output::complain(format_args!("cannot read {}: {trouble}", file.display()), "");
            Answer::No
        }
    }
}

fn of_balancer(arguments: &EventsArgs) -> Answer {
    let admin = AdminAddress(arguments.admin.clone());
    let mut path = format!("/events?format=document&limit={}", limit(arguments));
    if let Some(since) = since(arguments) {
        write!(path, "&since={since}").ok();
    }
    let words = filters(arguments);
    let asked = Session::open(&admin.0)
        .and_then(|mut session| Ok((session.get_json::<Page>(&(path + &words))?, session)));
    let (page, session) = match asked {
        Ok(asked) => asked,
        Err(error) => {
            admin.complain(&error);
            return Answer::No;
        }
    };
    let shown = output::out(render(page.events.iter(), arguments.json));
    if arguments.follow && shown == Answer::Yes {
        return follow(session, &admin, page.through, &words, arguments.json);
    }
    shown
}

/// Asks again and again. A balancer that is restarted is waited for: numbers go on there.
fn follow(mut session: Session, admin: &AdminAddress, mut through: u64, words: &str, json: bool) -> Answer {
    let mut away = false;
    loop {
        std::thread::sleep(EVERY);
        let path = format!("/events?format=document&limit=1000&after={through}{words}");
        match session.get_json::<Page>(&path) {
            Ok(page) => {
                if page.missed {
                    output::err("evenkeel: events in between are not kept any more\n");
                }
                let shown = output::out(render(page.events.iter(), json));
                if shown != Answer::Yes {
                    return shown;
                }
                (through, away) = (page.through, false);
            }
            Err(error @ GetError::Foreign(..)) => {
                admin.complain(&error);
                return Answer::No;
            }
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    output::err(format_args!("evenkeel: {}; waiting for it\n", crate::app::describe(&error)));
                }
                if let Ok(fresh) = Session::open(&admin.0) {
                    session = fresh;
                }
            }
        }
    }
}

fn render<'a>(events: impl Iterator<Item = &'a Event>, json: bool) -> String {
    let line = |event: &Event| if json { event.to_json() + "\n" } else { line(event) };
    events.map(line).collect()
}

/// `2026-11-22 03:12:45.123  warning  backend a of pool web was ejected: 503`
fn line(event: &Event) -> String {
    let level = match event.kind().level() {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    let time = evenkeel_analyze::utc(i64::try_from(event.at_ms / 1_000).unwrap_or_default());
    let text = clip(&event.sentence(), LINE_MAX);
    format!("{time}.{:03}  {level:<7}  {text}\n", event.at_ms % 1_000)
}

fn limit(arguments: &EventsArgs) -> u16 {
    arguments.limit.unwrap_or(if arguments.since.is_some() { LIMIT_SINCE } else { LIMIT })
}

/// In seconds since 1970.
fn since(arguments: &EventsArgs) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    arguments.since.map(|since| now.saturating_sub(since).as_secs())
}

/// Names and kinds need no escapes in an address; whatever else was given names nothing.
fn filters(arguments: &EventsArgs) -> String {
    let is_plain =
        |word: &&String| word.bytes().all(|byte| byte.is_ascii_graphic() && !b"&#%+,".contains(&byte));
    let mut text = String::new();
    for (name, words) in [("pool", &arguments.pool), ("kind", &arguments.kind)] {
        for word in words {
            let word = if is_plain(&word) { word } else { "?" };
            write!(text, "&{name}={word}").ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_when_how_bad_and_what() {
        let json = br#"{"v":1,"seq":1,"at_ms":1795317165123,"generation":1,"pool":"web","backend":"a","kind":"ejected","why":"503\u001b[2J"}"#;
        let event = Event::from_json(json).unwrap();
        assert_eq!(
            line(&event),
            "2026-11-22 03:12:45.123  warning  backend a of pool web was ejected: 503?[2J\n"
        );
    }
}
