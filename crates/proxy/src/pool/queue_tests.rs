use std::num::NonZeroU32;
use std::task::Wake;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use evenkeel_core::{
    BackendId, Intent, MemberSpec, Outcome, PickKey, Placement, PoolEvent, PoolId, PoolSpec, PoolState,
    Ratio, Shaping, StrategyKind, StrategySettings, Tried, Weight,
};
use tokio::sync::mpsc;

use super::*;
use crate::clock::Clock;
use crate::pool::{PoolSettings, Prober, ToldApart, Tunnels};
use crate::upstream::Keep;

const SIZE: usize = 100;

/// Members `a`, `b`, ... that may have so many leases each.
fn spec(limits: &[u32]) -> PoolSpec {
    let member = |(index, &limit): (usize, &u32)| MemberSpec {
        id: BackendId::new(char::from(b'a' + index as u8).to_string()),
        address: Some("127.0.0.1:1".parse().unwrap()),
        weight: Weight::ONE,
        capacity: None,
        enabled: true,
        placement: Placement { max_in_flight: NonZeroU32::new(limit), ..Placement::default() },
    };
    PoolSpec {
        id: PoolId::new("web"),
        strategy: StrategyKind::RoundRobin,
        settings: StrategySettings::default(),
        members: limits.iter().enumerate().map(member).collect(),
        health: None,
        passive: None,
        panic_threshold: Ratio::ZERO,
        intent: Intent::Equal,
        shaping: Shaping::default(),
    }
}

fn pool(limits: &[u32]) -> (Arc<PoolCell>, PoolState) {
    let state = PoolState::new(spec(limits), 7, Nanos::ZERO);
    let second = Duration::from_secs(1);
    let settings = PoolSettings {
        connect_timeout: second,
        response_header_timeout: second,
        response_idle_timeout: second,
        total_timeout: None,
        keep: Keep { idle_max: 0, idle_timeout: second, max_age: second },
        max_attempts: 1,
        hash: None,
        show_keys: false,
        sticky: None,
        queue: evenkeel_config::Queue { size: SIZE, timeout: second, priority: None },
        streams_max: None,
        probed: false,
        send_proxy: None,
        tls: None,
        upgrade: false,
    };
    let cell = PoolCell {
        id: PoolId::new("web"),
        snapshot: ArcSwap::new(state.snapshot()),
        settings: ArcSwap::from_pointee(settings),
        durations: Histogram::default(),
        failures: mpsc::channel(1).0,
        clock: Clock::start(),
        queue: Queue::new(Rng::from_seed(1)),
        told_apart: ToldApart::default(),
        prober: Prober::default(),
        tunnels: Tunnels::default(),
        journal: evenkeel_journal::Journal::idle(),
    };
    cell.queue.set_open(true);
    (Arc::new(cell), state)
}

fn wanted(priority: u8) -> Wanted {
    Wanted { session: None, key: PickKey::NONE, client: 0, tried: Tried::default(), rank: 9 - priority }
}

fn pick(pool: &Arc<PoolCell>) -> Result<Attempt, Refusal> {
    pool.pick(&wanted(4), &mut Rng::from_seed(3), pool.clock.now())
}

fn enter(pool: &Arc<PoolCell>, wanted: Wanted) -> Waiting {
    let turn = Queue::enter(pool, wanted, None, SIZE, pool.clock.now()).expect("there is room in the line");
    Waiting { turn, wakes: Arc::default() }
}

fn end(attempt: Attempt) {
    attempt.end(Outcome::Ok, Instant::now());
}

/// A turn that is polled by hand, and how often it was woken.
struct Waiting {
    turn: Turn,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Waiting {
    fn poll(&mut self) -> Option<Result<Attempt, Refusal>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        match Pin::new(&mut self.turn).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::Relaxed)
    }
}

#[test]
fn each_lease_that_ends_wakes_one_in_the_order_of_arrival() {
    let (pool, _state) = pool(&[2]);
    let mut held: Vec<Attempt> = (0..2).map(|_| pick(&pool).unwrap()).collect();
    assert!(matches!(pick(&pool), Err(Refusal::Full)));
    let mut line: Vec<Waiting> = (0..5).map(|_| enter(&pool, wanted(4))).collect();
    assert!(line.iter_mut().all(|waiting| waiting.poll().is_none()));
    assert_eq!(pool.queue.len(), 5);
    for served in 0..5 {
        end(held.remove(0));
        let wakes: Vec<usize> = line.iter().map(Waiting::wakes).collect();
        let expected: Vec<usize> = (0..5).map(|index| usize::from(index <= served)).collect();
        assert_eq!(wakes, expected, "whoever came first is next, and nobody else is bothered");
        held.push(line[served].poll().expect("its turn").expect("a lease"));
        assert_eq!((pool.queue.len(), held[0].lease().member().load.in_flight()), (4 - served, 2));
    }
    held.into_iter().for_each(end);
    assert_eq!(pool.snapshot.load().members()[0].member.load.in_flight(), 0);
}

#[test]
fn whoever_has_a_higher_priority_goes_first() {
    let (pool, _state) = pool(&[1]);
    let mut held = pick(&pool).unwrap();
    let priorities = [4, 0, 9, 4, 9];
    let mut line: Vec<Waiting> = priorities.iter().map(|&priority| enter(&pool, wanted(priority))).collect();
    let mut order = Vec::new();
    for _ in 0..5 {
        end(held);
        let next = line.iter_mut().enumerate().find_map(|(index, waiting)| Some((index, waiting.poll()?)));
        let (index, answer) = next.expect("somebody's turn");
        order.push(index);
        held = answer.expect("a lease");
    }
    assert_eq!(order, [2, 4, 0, 3, 1]);
    end(held);
}

#[test]
fn who_leaves_gives_up_its_place_and_what_it_was_given() {
    let (pool, _state) = pool(&[1]);
    let held = pick(&pool).unwrap();
    let [leaving, mut given, mut last] = [(); 3].map(|()| enter(&pool, wanted(4)));
    assert!(given.poll().is_none() && last.poll().is_none());
    drop(leaving);
    assert_eq!(pool.queue.len(), 2);
    end(held);
    assert_eq!(given.wakes(), 1);
    assert!(last.poll().is_none());
    drop(given);
    let lease = last.poll().expect("what the one before was given").expect("a lease");
    assert_eq!((pool.queue.len(), lease.lease().member().load.in_flight()), (0, 1));
    end(lease);
    assert_eq!(pool.queue.word.load(Ordering::Relaxed), OPEN);
}

#[test]
fn only_so_many_wait() {
    let (pool, _state) = pool(&[1]);
    let _held = pick(&pool).unwrap();
    let try_enter = |size| Queue::enter(&pool, wanted(4), None, size, pool.clock.now());
    let line: Vec<Turn> = (0..3).map_while(|_| try_enter(3)).collect();
    assert_eq!(line.len(), 3);
    assert!(try_enter(3).is_none() && try_enter(0).is_none());
    drop(line);
    assert!(try_enter(3).is_some());
}

/// The room was there all along, or came while the request made up its mind.
#[test]
fn room_is_seen_by_who_enters() {
    let (pool, _state) = pool(&[2]);
    let held = pick(&pool).unwrap();
    let lease = enter(&pool, wanted(4)).poll().expect("at once").expect("a lease");
    assert_eq!((pool.queue.len(), lease.lease().member().load.in_flight()), (0, 2));
    drop((held, lease));
}

#[test]
fn a_change_of_the_pool_is_looked_at_at_once() {
    let (pool, mut state) = pool(&[1]);
    let held = pick(&pool).unwrap();
    let mut line: Vec<Waiting> = (0..4).map(|_| enter(&pool, wanted(4))).collect();
    let publish = |state: &mut PoolState, limits: &[u32]| {
        state.apply(PoolEvent::Configured(spec(limits)), Nanos::ZERO);
        pool.snapshot.store(state.snapshot());
        Queue::pool_changed(&pool, pool.clock.now());
    };
    publish(&mut state, &[1, 2]);
    let leases: Vec<Attempt> = line.drain(..2).map(|mut waiting| waiting.poll().unwrap().unwrap()).collect();
    assert!(leases.iter().all(|lease| lease.lease().member().id.as_str() == "b"));
    assert!(line.iter_mut().all(|waiting| waiting.poll().is_none()));
    publish(&mut state, &[]);
    assert!(line.iter_mut().all(|waiting| matches!(waiting.poll(), Some(Err(Refusal::Nobody)))));
    drop((held, leases));
}

/// A session waits for its own backend only if nobody else has room; once its backend has, it need not stand behind
/// those whom that does not help.
#[test]
fn a_lease_that_only_a_later_one_can_use_is_not_lost() {
    let (pool, mut state) = pool(&[1, 1]);
    let first = pick(&pool).unwrap();
    let second = pick(&pool).unwrap();
    let (on_a, on_b) =
        if first.lease().member().id.as_str() == "a" { (first, second) } else { (second, first) };
    let mut draining = spec(&[1, 1]);
    draining.members[0].placement.draining = true;
    state.apply(PoolEvent::Configured(draining), Nanos::ZERO);
    pool.snapshot.store(state.snapshot());
    let session = on_a.lease().member().session();
    let mut plain = enter(&pool, wanted(4));
    let mut at_home = enter(&pool, Wanted { session: Some(session), ..wanted(4) });
    end(on_a);
    assert!(plain.poll().is_none(), "a draining backend gets nothing new");
    let lease = at_home.poll().expect("its turn").expect("a lease");
    assert_eq!(lease.lease().member().id.as_str(), "a");
    end(on_b);
    let other = plain.poll().expect("its turn").expect("a lease");
    assert_eq!(other.lease().member().id.as_str(), "b");
    drop((lease, other));
}

/// Wants anybody but those tried.
fn retry(tried: &[u64]) -> Wanted {
    let mut wanted = wanted(4);
    tried.iter().for_each(|&serial| assert!(wanted.tried.push(serial)));
    wanted
}

/// Two members with one lease each: one that everybody in front has tried, and is free again, and one that is taken.
#[test]
fn many_that_one_backend_does_not_help_hold_up_nobody() {
    type Front = fn(u64, u64) -> Wanted;
    let fronts: [Front; 2] = [|tried, _| retry(&[tried]), |tried, index| retry(&[tried, 1_000 + index])];
    for front in fronts {
        let (pool, _state) = pool(&[1, 1]);
        let (first, second) = (pick(&pool).unwrap(), pick(&pool).unwrap());
        let tried = first.lease().member().serial;
        let mut line: Vec<Waiting> = (0..80).map(|index| enter(&pool, front(tried, index))).collect();
        let [mut behind, mut last] = [(); 2].map(|()| enter(&pool, wanted(4)));
        end(first);
        let lease = behind.poll().expect("a backend is free").expect("a lease");
        assert!(last.poll().is_none());
        end(lease);
        let lease = last.poll().expect("it is free again").expect("a lease");
        end(lease);
        let mut newcomer = enter(&pool, wanted(4));
        end(newcomer.poll().expect("a backend is free").expect("a lease"));
        assert!(line.iter_mut().all(|waiting| waiting.poll().is_none()));
        end(second);
        end(line[0].poll().expect("whoever came first is next").expect("a lease"));
        let _next = line[1].poll().expect("then the second").expect("a lease");
        assert!(line[2].poll().is_none());
    }
}

#[test]
fn a_change_of_the_pool_reaches_those_behind_many_it_does_not_help() {
    let (pool, mut state) = pool(&[1, 1]);
    let (first, _second) = (pick(&pool).unwrap(), pick(&pool).unwrap());
    let tried = first.lease().member().serial;
    let on_a = first.lease().member().id.as_str() == "a";
    let mut line: Vec<Waiting> = (0..80).map(|_| enter(&pool, retry(&[tried]))).collect();
    let mut behind: Vec<Waiting> = (0..3).map(|_| enter(&pool, wanted(4))).collect();
    state.apply(PoolEvent::Configured(spec(if on_a { &[3, 1] } else { &[1, 3] })), Nanos::ZERO);
    pool.snapshot.store(state.snapshot());
    Queue::pool_changed(&pool, pool.clock.now());
    let leases: Vec<Attempt> = behind.iter_mut().filter_map(Waiting::poll).map(Result::unwrap).collect();
    assert_eq!(leases.len(), 2, "there is room for two more");
    assert!(line.iter_mut().all(|waiting| waiting.poll().is_none()));
}

/// A session of a draining backend gets what only it can use, whoever waits in front of it.
#[test]
fn a_draining_backend_serves_its_sessions_behind_any_number_of_others() {
    let (pool, mut state) = pool(&[1, 1]);
    let (first, second) = (pick(&pool).unwrap(), pick(&pool).unwrap());
    let (on_a, _on_b) =
        if first.lease().member().id.as_str() == "a" { (first, second) } else { (second, first) };
    let mut draining = spec(&[1, 1]);
    draining.members[0].placement.draining = true;
    state.apply(PoolEvent::Configured(draining), Nanos::ZERO);
    pool.snapshot.store(state.snapshot());
    let session = on_a.lease().member().session();
    let at_home = || Wanted { session: Some(session), ..wanted(4) };
    let _line: Vec<Waiting> = (0..80).map(|index| enter(&pool, retry(&[1_000 + index]))).collect();
    let mut waiting = enter(&pool, at_home());
    assert!(waiting.poll().is_none());
    end(on_a);
    end(waiting.poll().expect("its backend has room").expect("a lease"));
    end(enter(&pool, at_home()).poll().expect("its backend is idle").expect("a lease"));
}

/// A lease that came to nothing, such as one of a backend that has just died, does not send its request to the end, nor
/// away because others have filled the line.
#[test]
fn a_retry_has_the_place_that_it_had() {
    let (pool, _state) = pool(&[1]);
    let held = pick(&pool).unwrap();
    let mut first = enter(&pool, wanted(4));
    let mut second = enter(&pool, wanted(4));
    end(held);
    let (place, lease) = (first.turn.place(), first.poll().expect("its turn").expect("a lease"));
    assert!(Queue::enter(&pool, wanted(4), None, 1, pool.clock.now()).is_none());
    let turn = Queue::enter(&pool, wanted(4), Some(place), 1, pool.clock.now()).expect("it has a place");
    let mut again = Waiting { turn, wakes: Arc::default() };
    end(lease);
    assert!(second.poll().is_none());
    end(again.poll().expect("it was there before the second").expect("a lease"));
    end(second.poll().expect("its turn").expect("a lease"));
}

#[test]
fn sessions_of_nobody_are_one_class() {
    let (pool, _state) = pool(&[1]);
    let held = pick(&pool).unwrap();
    let made_up = |session| Wanted { session: Some(session), ..wanted(4) };
    let line: Vec<Waiting> = (0..9).map(|session| enter(&pool, made_up(session))).collect();
    assert_eq!((lock(&pool.queue.line).classes.len(), pool.queue.len()), (1, 9));
    drop(line);
    assert!(lock(&pool.queue.line).classes.is_empty() && lock(&pool.queue.line).heads.is_empty());
    drop(held);
}

/// Threads pick, wait and end against each other. One wake-up that is lost would leave its request waiting for ever once
/// the others have gone.
#[test]
fn nobody_is_forgotten_and_no_limit_exceeded() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 5_000;
    let (pool, _state) = pool(&[1, 1]);
    let waits = AtomicU64::new(0);
    let loads: Vec<_> =
        pool.snapshot.load().members().iter().map(|view| Arc::clone(&view.member.load)).collect();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let round = async |rng: &mut Rng| {
        let attempt = match pool.pick(&wanted(4), rng, pool.clock.now()) {
            Ok(attempt) => attempt,
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Full);
                waits.fetch_add(1, Ordering::Relaxed);
                let turn =
                    Queue::enter(&pool, wanted(4), None, SIZE, pool.clock.now()).expect("room in the line");
                tokio::time::timeout(Duration::from_secs(20), turn).await.expect("its turn").expect("a lease")
            }
        };
        assert!(loads[0].in_flight() <= 1 && loads[1].in_flight() <= 1);
        // The others find it busy.
        std::thread::yield_now();
        end(attempt);
    };
    std::thread::scope(|scope| {
        for seed in 0..THREADS {
            let (round, runtime) = (&round, runtime());
            scope.spawn(move || {
                let mut rng = Rng::from_seed(seed);
                runtime.block_on(async {
                    for _ in 0..ROUNDS {
                        round(&mut rng).await;
                    }
                });
            });
        }
    });
    let total: u64 = loads.iter().map(|load| load.attempts_total()).sum();
    assert!(waits.load(Ordering::Relaxed) > ROUNDS / 10, "nobody has met anybody: {waits:?}");
    assert_eq!((total, pool.queue.word.load(Ordering::Relaxed)), (THREADS * ROUNDS, OPEN));
}

/// One holds the only lease, another finds it taken just as it ends: whatever the order, the other is served, and nobody
/// else is there to do it.
#[test]
fn a_lease_that_ends_in_between_is_not_missed() {
    const ROUNDS: u64 = 3_000;
    let (pool, _state) = pool(&[1]);
    let (waits, together) = (AtomicU64::new(0), std::sync::Barrier::new(2));
    let missed = std::sync::atomic::AtomicBool::new(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                let held = pick(&pool);
                together.wait();
                if round % 2 == 0 {
                    std::thread::yield_now();
                }
                drop(held);
                together.wait();
                if missed.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        for _ in 0..ROUNDS {
            together.wait();
            let attempt = pick(&pool).or_else(|_| {
                waits.fetch_add(1, Ordering::Relaxed);
                std::thread::yield_now();
                let turn = enter(&pool, wanted(4)).turn;
                let turn = async { tokio::time::timeout(Duration::from_secs(5), turn).await };
                runtime.block_on(turn).unwrap_or(Err(Refusal::Full))
            });
            missed.fetch_or(attempt.is_err(), Ordering::Relaxed);
            drop(attempt);
            together.wait();
            if missed.load(Ordering::Relaxed) {
                return;
            }
        }
    });
    assert!(!missed.into_inner(), "a lease has ended, and who waited for it waits for ever");
    assert!(waits.into_inner() > 0, "they never met");
}
