use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_traffic::Names;
use evenkeel_traffic::client::{Dial, FailureClass, Request, Target, Tls, TlsSettings};
use evenkeel_traffic::load::{
    Arrivals, Bracket, Capacity, Class, Judged, Objective, Plan, Profile, Rates, Record, Sample, probe_of,
    report,
};
use evenkeel_traffic::split::Expectation;

use super::*;

fn plan() -> Plan {
    let target = Target::parse(&format!("http://127.0.0.1:8080/{}", "x".repeat(200))).unwrap();
    let rates = Rates { from: 10.0, to: 30.0 };
    Plan {
        request: Request::get(target.path.clone()),
        target,
        addresses: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
        dial: Dial::new(Tls::new(TlsSettings::default())),
        vary: None,
        keys: None,
        by: None,
        names: Names::default(),
        profile: Arc::new(Profile::steps(rates, 10.0, Duration::from_secs(10)).unwrap()),
        arrivals: Arrivals::Constant,
        seed: 1,
        connections: 64,
        streams: 16,
        requests_per_connection: None,
        threads: 1,
    }
}

/// 20 a second for 30 s, of which every `heavy`-th goes elsewhere, and every tenth fails.
fn record(heavy: u64) -> Record {
    let mut record = Record::new(3);
    for number in 0..600_u64 {
        let due = number * 50_000_000;
        let name = if number % heavy == 0 { "a-backend-with-a-very-long-name.example:8080" } else { "b" };
        let failure = match number % 10 {
            3 => Some(Class::Unanswered(FailureClass::Timeout)),
            4 => Some(Class::Status5xx),
            _ => None,
        };
        let sample = Sample {
            due,
            sent: due,
            done: due + number * 1_000_000,
            backend: Some(name),
            failure,
            bytes: 100,
        };
        record.add(&sample, (number / 200) as usize);
        record.lag.record(5_000_000);
    }
    record
}

fn fits(text: &str) {
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn the_verdict_comes_first_and_everything_fits() {
    let objective = Objective::parse("p99<50ms,errors<0.1%").unwrap();
    let all = report(&plan(), &record(6), 30.0, (&Expectation::EqualSeen, Some(&objective)));
    let text = render(&all);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("The objective is missed: p99 was 59"), "{text}");
    assert!(text.contains(" s b got 8"), "{text}");
    assert!(text.contains("error timeout") && text.contains("10.000%  answered with 5xx"), "{text}");
    assert!(text.contains("note: the generator fell behind by up to 5.0 ms"), "{text}");
    assert!(text.contains("      rate   requests") && text.contains("      30.0 "), "{text}");
    assert!(!all.is_yes());
    fits(&text);
}

#[test]
fn a_name_that_a_server_sends_drives_no_terminal() {
    let mut record = Record::new(1);
    for number in 0..600_u64 {
        let due = number * 50_000_000;
        let backend = Some(if number % 6 == 0 { "w\u{1b}[2Jx\u{7}" } else { "b" });
        record.add(&Sample { due, sent: due, done: due + 1_000_000, backend, failure: None, bytes: 100 }, 0);
    }
    let text = render(&report(&plan(), &record, 30.0, (&Expectation::EqualSeen, None)));
    assert!(text.contains("w?[2Jx?") && !text.contains(['\u{1b}', '\u{7}']), "{text}");
}

#[test]
fn a_search_tells_every_rate() {
    let objective = Objective::parse("p99<500ms").unwrap();
    let (plan, record) = (plan(), record(2));
    let probe = probe_of(&plan, &record, &objective).unwrap();
    let bracket = Bracket { good: Some(20.0), bad: Some(30.0), invalid: false };
    let mut all = report(&plan, &record, 30.0, (&Expectation::EqualSeen, None));
    all.capacity = Some(Capacity::new(&objective, bracket, vec![probe], false));
    let text = render(&all);
    assert!(text.starts_with("20 requests a second are good enough, 30 are not: p99 was 59"), "{text}");
    assert!(text.contains("not good") && text.contains("even: "), "{text}");
    fits(&text);
}

#[test]
fn nothing_at_all_is_told_too() {
    let nothing = report(&plan(), &Record::new(3), 0.0, (&Expectation::Equal(2), None));
    let page = evenkeel_traffic::load::page(&nothing);
    assert!(page.contains("<td>-</td>") && !page.contains("<td>0.00</td>"), "{page}");
    let text = render(&nothing);
    assert!(!text.contains("0.00"), "{text}");
    assert!(text.starts_with("No request was answered well.\n"), "{text}");
    assert!(text.contains("no answer says which backend gave it (--by)"), "{text}");
    fits(&text);
    assert!(text.contains("from when it was due              -"), "{text}");
}

/// 5 ms are the generator's own: a p99 that is 3 ms too long says nothing of the target, one that is far too long does.
#[test]
fn what_the_generator_did_itself_is_no_measurement() {
    let (plan, mut record) = (plan(), record(2));
    let judged = |record: &Record, text: &str| {
        probe_of(&plan, record, &Objective::parse(text).unwrap()).map(|probe| probe.judged)
    };
    assert_eq!(judged(&record, "p99<590ms"), Some(Judged::Bad), "the last stage's p99 is 598 ms");
    assert_eq!(judged(&record, "p99<596ms"), Some(Judged::Invalid));
    assert_eq!(judged(&record, "p99<596ms,errors<1%"), Some(Judged::Bad));
    assert_eq!(judged(&record, "p99<700ms"), Some(Judged::Good));
    record.lag = Default::default();
    assert_eq!(judged(&record, "p99<596ms"), Some(Judged::Bad));
}
