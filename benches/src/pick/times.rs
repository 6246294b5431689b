//! Wall time. Compare only what one run on a quiet machine says.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::case::{Bench, Case, Hand};

/// Nanoseconds of one thread.
#[derive(Clone, Copy)]
struct Times {
    pick: f64,
    end: f64,
    /// Of a pick that ends before the next one: with nothing between them but what they share.
    both: f64,
    /// Part of the time that somebody else had the core.
    waited: f64,
}

/// Threads meet here. They spin: one that slept would begin when the other is half through.
#[derive(Default)]
struct Start(AtomicUsize);

/// `strategy threads load backends pick end both quiet|disturbed`
pub(crate) fn print() {
    let clock = cost_of_clock();
    for case in Case::all() {
        for threads in THREADS {
            let Times { pick, end, both, waited } = measure(case, threads, clock);
            let Case { strategy, load, backends } = case;
            let load = load.as_str();
            let company = if waited > QUIET { "disturbed" } else { "quiet" };
            println!("{strategy} {threads} {load} {backends} {pick:.2} {end:.2} {both:.2} {company}");
        }
    }
}

/// Medians over rounds in which nobody else had a core, as far as there are enough: two threads that share one core
/// do not contend, and look faster than they are. `waited` is the worst of the rounds that count.
fn measure(case: Case, threads: usize, clock: f64) -> Times {
    let bench = case.bench();
    let batch = case.batch(threads);
    let mut rounds: Vec<Times> = Vec::new();
    for seed in 0..WARM_UP + ROUNDS_MAX {
        let times = round(&bench, batch, threads, seed, clock);
        if seed >= WARM_UP {
            rounds.push(times);
        }
        if rounds.iter().filter(|times| times.waited <= QUIET).count() == ROUNDS {
            break;
        }
    }
    rounds.sort_by(|one, other| one.waited.total_cmp(&other.waited));
    rounds.truncate(ROUNDS);
    let median = |figure: fn(&Times) -> f64| median(rounds.iter().map(figure).collect());
    Times {
        pick: median(|times| times.pick),
        end: median(|times| times.end),
        both: median(|times| times.both),
        waited: rounds.iter().fold(0.0, |worst, times| worst.max(times.waited)),
    }
}

/// All threads start together; the slowest counts.
fn round(bench: &Bench, batch: usize, threads: usize, seed: u64, clock: f64) -> Times {
    let (first, second) = (&Start::default(), &Start::default());
    let worker = |thread: u64| {
        let mut hand = Hand::new(seed << 8 | thread, batch);
        first.meet(threads);
        let (began, waited) = (Instant::now(), waited());
        let (pick, end) = alone(bench, batch, &mut hand, clock);
        second.meet(threads);
        let both = together(bench, &mut hand);
        let waited = (self::waited() - waited) as f64 / began.elapsed().as_nanos() as f64;
        Times { pick, end, both, waited }
    };
    if threads == 1 {
        return worker(0);
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads as u64).map(|thread| scope.spawn(move || worker(thread))).collect();
        let all = running.into_iter().map(|handle| handle.join().expect("no panics"));
        all.reduce(slowest).expect("there are threads")
    })
}

/// The clock is stopped between the picks of a batch and their ends; what it takes itself is not theirs.
fn alone(bench: &Bench, batch: usize, hand: &mut Hand, clock: f64) -> (f64, f64) {
    let batches = PICKS / batch;
    let (mut picking, mut ending) = (0, 0);
    for _ in 0..batches {
        hand.prepare(bench);
        let began = Instant::now();
        hand.pick(bench);
        let picked = Instant::now();
        picking += (picked - began).as_nanos();
        let again = Instant::now();
        hand.end();
        ending += again.elapsed().as_nanos();
    }
    let each = |nanos: u128| (nanos as f64 / batches as f64 - clock).max(0.0) / batch as f64;
    (each(picking), each(ending))
}

fn together(bench: &Bench, hand: &mut Hand) -> f64 {
    hand.prepare(bench);
    let began = Instant::now();
    for _ in 0..PICKS {
        hand.pick_and_end(bench);
    }
    began.elapsed().as_nanos() as f64 / PICKS as f64
}

impl Start {
    /// Returns when so many have met.
    fn meet(&self, threads: usize) {
        self.0.fetch_add(1, Ordering::AcqRel);
        while self.0.load(Ordering::Acquire) < threads {
            std::hint::spin_loop();
        }
    }
}

/// Between two readings with nothing between them.
fn cost_of_clock() -> f64 {
    let reading = |_| {
        let began = Instant::now();
        for _ in 0..CLOCK_READINGS {
            black_box(Instant::now());
        }
        began.elapsed().as_nanos() as f64 / CLOCK_READINGS as f64
    };
    median((0..ROUNDS).map(reading).collect())
}

/// Nanoseconds for which this thread could have run and did not; 0 where the kernel does not tell.
fn waited() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|waited| waited.parse().ok()).unwrap_or(0)
}

fn slowest(one: Times, other: Times) -> Times {
    Times {
        pick: one.pick.max(other.pick),
        end: one.end.max(other.end),
        both: one.both.max(other.both),
        waited: one.waited.max(other.waited),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const THREADS: [usize; 2] = [1, 2];
const PICKS: usize = 20_000;
const WARM_UP: u64 = 3;
const ROUNDS: usize = 15;
const ROUNDS_MAX: u64 = 60;
/// A round is quiet when its threads waited for no larger part of the time.
const QUIET: f64 = 0.02;
const CLOCK_READINGS: u32 = 10_000;
