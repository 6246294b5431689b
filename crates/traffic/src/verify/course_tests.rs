use evenkeel_core::Rng;
use evenkeel_core::skew::Tolerance;

use super::*;
use crate::client::{Dial, Failure, Request, Target, Tls, TlsSettings, sample};
use crate::split::Expectation;
use crate::verify::{Bound, Report, Verdict};
use crate::{Names, Vary};

fn plan(expectation: Expectation) -> Plan {
    Plan {
        target: Target::parse("http://127.0.0.1/").unwrap(),
        dial: Dial::new(Tls::new(TlsSettings::default())),
        request: Request::get("/"),
        pattern: Pattern::Fresh,
        vary: None,
        sticky: false,
        by: None,
        names: Names::default(),
        expectation,
        bounds: Vec::new(),
        tolerance: Tolerance::PLAN,
        factor: 2.0,
        failures_max: 0.01,
        requests: 2_000,
        at_a_time: 8,
        each: 10,
        notes: Vec::new(),
        seed: 1,
    }
}

fn answered(unit: u64, first: bool, name: &str) -> Sighting {
    Sighting { unit, first, outcome: Ok(sample(&[("x-backend", name), ("server", "nginx")], "")) }
}

/// Plays sightings until it is over; the request's number and the generator say what comes.
fn play(plan: &Plan, seed: u64, mut sighting: impl FnMut(u64, &mut Rng) -> Sighting) -> Report {
    let (mut course, mut rng) = (Course::new(plan), Rng::from_seed(seed));
    for number in 0..plan.requests {
        if !course.take(sighting(number, &mut rng)) {
            break;
        }
    }
    course.report()
}

fn draw(weights: &[f64], rng: &mut Rng) -> String {
    let mut left = rng.unit() * weights.iter().sum::<f64>();
    let chosen = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    ["a", "b", "c", "d"][chosen.unwrap_or(weights.len() - 1)].to_owned()
}

fn fresh(weights: &'static [f64]) -> impl FnMut(u64, &mut Rng) -> Sighting {
    move |number, rng| answered(number, true, &draw(weights, rng))
}

#[test]
fn five_to_one_to_one_is_refused_within_120_requests() {
    let mut requests: Vec<u64> = (0..50)
        .map(|seed| {
            let report = play(&plan(Expectation::Equal(3)), seed, fresh(&[5.0, 1.0, 1.0]));
            assert_eq!(report.verdict, Verdict::Refused, "{report:?}");
            assert!(report.reasons[0].contains("33.3 % would be its share"), "{report:?}");
            report.requests
        })
        .collect();
    requests.sort_unstable();
    assert!(requests[25] <= 120, "{requests:?}");
}

#[test]
fn an_even_split_is_not_refused_in_1000_runs() {
    for seed in 0..1_000 {
        let report = play(&plan(Expectation::Equal(3)), seed, fresh(&[1.0; 3]));
        assert_eq!(report.verdict, Verdict::AsExpected, "{report:?}");
        assert!(report.reasons.is_empty() && report.excluded.above.is_some_and(|above| above <= 2.0));
    }
}

#[test]
fn weights_are_guessed_from_what_they_give() {
    let mut cycle = 0;
    let report = play(&plan(Expectation::EqualSeen), 1, |number, _| {
        cycle = (cycle + 1) % 7;
        answered(number, true, ["a", "b", "a", "a", "c", "a", "a"][cycle])
    });
    assert_eq!(report.verdict, Verdict::Refused);
    assert!(report.notes.iter().any(|note| note.contains("1:5:1") || note.contains("5:1:1")), "{report:?}");
}

/// The tolerance lets pass what the contract of the pool does not.
#[test]
fn the_contract_is_held_against_what_comes() {
    let bound = |backend: &str, least: f64, most: f64| Bound { backend: backend.to_owned(), least, most };
    let parts = ["a", "b", "c"].map(|name| (name.to_owned(), 1.0));
    let played = |bounds: &[Bound], weights: &'static [f64], requests: u64| {
        let tolerance = Tolerance::new(0.5).unwrap();
        let expectation = Expectation::of_parts(&parts).unwrap();
        let plan = Plan { bounds: bounds.to_vec(), tolerance, factor: 2.5, requests, ..plan(expectation) };
        play(&plan, 1, fresh(weights))
    };
    let bounds = ["a", "b", "c"].map(|name| bound(name, 0.25, 0.38));
    assert_eq!(played(&[], &[4.5, 3.5, 2.0], 100_000).verdict, Verdict::AsExpected);
    let broken = played(&bounds, &[4.5, 3.5, 2.0], 100_000);
    assert_eq!(broken.verdict, Verdict::Refused, "{broken:?}");
    let reasons = broken.reasons.join("; ");
    assert!(reasons.contains("`expect` of its pool says at"), "{reasons}");
    assert!(broken.requests < 20_000, "{broken:?}");
    assert_eq!(played(&bounds, &[1.0; 3], 100_000).verdict, Verdict::AsExpected);
    let sound = played(&[], &[1.0; 3], 100_000).requests;
    let few = played(&[bound("a", 0.0, 0.3)], &[1.0; 3], sound);
    assert_eq!(few.verdict, Verdict::Undecided, "{few:?}");
    assert!(few.needed.is_some_and(|needed| needed > 0), "{few:?}");
}

#[test]
fn too_few_requests_are_undecided_and_say_how_many_more() {
    let plan = Plan { requests: 60, ..plan(Expectation::Equal(3)) };
    let report = play(&plan, 1, fresh(&[1.0; 3]));
    assert_eq!(report.verdict, Verdict::Undecided);
    assert!(report.needed.is_some_and(|needed| (300..1_000).contains(&needed)), "{report:?}");
}

#[test]
fn what_cannot_be_judged_is_said() {
    let nameless = |number, _: &mut Rng| Sighting {
        unit: number,
        first: true,
        outcome: Ok(sample(&[("server", "nginx")], "")),
    };
    let report = play(&plan(Expectation::EqualSeen), 1, nameless);
    assert_eq!(report.verdict, Verdict::Impossible);
    assert!(report.reasons[0].contains("--by") && report.requests < 50, "{report:?}");
    let one = play(&plan(Expectation::EqualSeen), 1, fresh(&[1.0]));
    assert_eq!(one.verdict, Verdict::Impossible);
    assert!(one.reasons[0].contains("--equal") && one.requests < 150, "{one:?}");
    let ids =
        play(&plan(Expectation::EqualSeen), 1, |number, _| answered(number, true, &format!("id{number}")));
    assert_eq!(ids.verdict, Verdict::Impossible);
    assert!(ids.reasons[0].contains("does not name backends"), "{ids:?}");
    let dead = |number, _: &mut Rng| Sighting { unit: number, first: true, outcome: Err(Failure::Reset) };
    let dead = play(&plan(Expectation::Equal(3)), 1, dead);
    assert_eq!((dead.verdict, dead.failures["reset"]), (Verdict::Impossible, HOPELESS_AFTER));
}

#[test]
fn requests_that_fail_are_not_passed_over() {
    let report = play(&plan(Expectation::EqualSeen), 1, |number, rng| match draw(&[1.0; 3], rng).as_str() {
        "a" => Sighting { unit: number, first: true, outcome: Ok(sample(&[], "")) },
        name => answered(number, true, name),
    });
    let explicit = Plan { by: By::parse("header:x-backend").ok(), ..plan(Expectation::EqualSeen) };
    let with_errors = play(&explicit, 1, |number, rng| match draw(&[1.0; 3], rng).as_str() {
        "a" => Sighting { unit: number, first: true, outcome: Err(Failure::Closed) },
        name => answered(number, true, name),
    });
    assert_ne!(report.verdict, Verdict::AsExpected, "{report:?}");
    assert_eq!(with_errors.verdict, Verdict::Refused, "{with_errors:?}");
    assert!(with_errors.reasons[0].contains("closed"), "{with_errors:?}");
}

/// A connection keeps its backend, chosen by chance with these weights; requests take connections by chance.
fn pinned(weights: &'static [f64]) -> impl FnMut(u64, &mut Rng) -> Sighting {
    let (mut live, mut next) = (Vec::new(), 0);
    move |_, rng| {
        if live.len() < 16 {
            live.push((next, 0, draw(weights, rng)));
            next += 1;
        }
        let any = rng.below(live.len() as u32) as usize;
        let (connection, used, name) = &mut live[any];
        *used += 1;
        let sighting = answered(*connection, *used == 1, name);
        if *used == 10 {
            live.swap_remove(any);
        }
        sighting
    }
}

#[test]
fn connections_that_are_pinned_are_counted_once() {
    let plan = Plan { pattern: Pattern::Kept, requests: 20_000, ..plan(Expectation::Equal(3)) };
    for seed in 0..50 {
        let even = play(&plan, seed, pinned(&[1.0; 3]));
        assert_eq!((even.verdict, even.unit), (Verdict::AsExpected, Unit::Connection), "{even:?}");
        assert!(even.notes.iter().any(|note| note.contains("stays with one backend")), "{even:?}");
    }
    let uneven = play(&plan, 1, pinned(&[5.0, 1.0, 1.0]));
    assert_eq!((uneven.verdict, uneven.unit), (Verdict::Refused, Unit::Connection), "{uneven:?}");
}

#[test]
fn requests_on_kept_connections_are_counted_each_where_they_are_balanced() {
    let plan = Plan { pattern: Pattern::Kept, ..plan(Expectation::Equal(3)) };
    let by_request = |weights: &'static [f64]| {
        let mut connections = pinned(&[1.0]);
        move |number, rng: &mut Rng| {
            let Sighting { unit, first, .. } = connections(number, rng);
            answered(unit, first, &draw(weights, rng))
        }
    };
    let even = play(&plan, 1, by_request(&[1.0; 3]));
    assert_eq!((even.verdict, even.unit), (Verdict::AsExpected, Unit::Request), "{even:?}");
    let uneven = play(&plan, 1, by_request(&[5.0, 1.0, 1.0]));
    assert_eq!((uneven.verdict, uneven.unit), (Verdict::Refused, Unit::Request), "{uneven:?}");
}

#[test]
fn sessions_stay_or_move() {
    let plan = Plan { sticky: true, each: 5, requests: 10_000, ..plan(Expectation::Equal(3)) };
    let mut home = String::new();
    let mut sessions = |loyal: f64| {
        play(&plan, 1, |number, rng| {
            if number % 5 == 0 || rng.unit() > loyal {
                home = draw(&[1.0; 3], rng);
            }
            answered(number / 5, number % 5 == 0, &home)
        })
    };
    let loyal = sessions(1.0);
    assert_eq!((loyal.verdict, loyal.unit), (Verdict::AsExpected, Unit::Session), "{loyal:?}");
    let sticky = loyal.sticky.unwrap();
    assert_eq!((sticky.moved, sticky.followed / 4), (0, sticky.sessions - 1), "{sticky:?}");
    let moving = sessions(0.9);
    assert_eq!(moving.verdict, Verdict::Refused);
    assert!(moving.reasons[0].contains("sessions moved"), "{moving:?}");
}

#[test]
fn several_names_of_a_backend_are_one() {
    let mut names = Names::default();
    names.add("web1", "a");
    names.add("web1", "b");
    let parts = [("web1".to_owned(), 2.0), ("c".to_owned(), 1.0)];
    let plan =
        Plan { names, vary: Vary::parse("query:user").ok(), ..plan(Expectation::of_parts(&parts).unwrap()) };
    let report = play(&plan, 1, fresh(&[1.0; 3]));
    assert_eq!(report.verdict, Verdict::AsExpected, "{report:?}");
    assert_eq!(report.backends.len(), 2);
}

/// Answers the first request of each connection, and closes it when the second has come.
async fn closing_server() -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\nX-Backend: a\r\nContent-Length: 0\r\n\r\n";
                    stream.write_all(answer).await.ok();
                    // Whatever it is, it gets no answer.
                    stream.readable().await.ok();
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_kept_connection_may_end_between_two_requests() {
    let address = closing_server().await;
    let target = Target::parse(&format!("http://{address}/")).unwrap();
    let plan = Plan { target, pattern: Pattern::Kept, ..plan(Expectation::Equal(1)) };
    let report = crate::verify::verify(&plan, std::future::pending(), |_| ()).await;
    assert_eq!((report.verdict, report.failures.len()), (Verdict::AsExpected, 0), "{report:?}");
}
