use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use evenkeel_config::Source;
use evenkeel_core::{Nanos, PickKey, Refusal, Tried};

use super::*;
use crate::clock::Clock;
use crate::pool::{Prober, ToldApart, Tunnels, Wanted};
use crate::telemetry::Histogram;

/// The pool `p` of a file with these keys.
fn target(keys: &str) -> Target {
    let text =
        format!("[listener.l]\nbind = \"127.0.0.1:0\"\npool = \"p\"\n[pool.p]\npassive = false\n{keys}\n");
    let loaded = evenkeel_config::load(&Source::new("test.toml", text));
    let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    crate::plan::target(&config.pools[0], &crate::tls::TlsPlan::default())
}

fn with_queue() -> Target {
    let backends = "backends = [{ name = \"a\", address = \"127.0.0.1:1\", max_in_flight = 1 }]";
    target(&format!("health = false\nqueue = {{ size = 10, timeout = \"1s\" }}\n{backends}"))
}

/// A keeper that runs, and its pool, which is what `target` says.
async fn start(target: Target) -> (Arc<PoolCell>, mpsc::UnboundedSender<Command>) {
    let clock = Clock::start();
    let spec = PoolSpec { members: Vec::new(), ..target.spec.clone() };
    let state = PoolState::new(spec, 7, Nanos::ZERO);
    let (failures, failed) = mpsc::channel(8);
    let cell = Arc::new(PoolCell {
        id: target.spec.id.clone(),
        snapshot: ArcSwap::new(state.snapshot()),
        settings: ArcSwap::from_pointee(target.settings.clone()),
        durations: Histogram::default(),
        failures,
        clock,
        queue: Queue::new(Rng::from_seed(1)),
        told_apart: ToldApart::default(),
        prober: Prober::default(),
        tunnels: Tunnels::default(),
        journal: evenkeel_journal::Journal::idle(),
    });
    let (commands, inbox) = mpsc::unbounded_channel();
    let kept = Arc::new(Semaphore::new(8));
    tokio::spawn(Keeper::run(Arc::clone(&cell), state, Rng::from_seed(3), inbox, failed, kept));
    configure(&commands, target).await.unwrap();
    (cell, commands)
}

fn configure(commands: &mpsc::UnboundedSender<Command>, target: Target) -> oneshot::Receiver<()> {
    let (done, wait) = oneshot::channel();
    commands.send(Command::Configure(Box::new(target), done)).ok();
    wait
}

fn refusal(cell: &Arc<PoolCell>) -> Option<Refusal> {
    let wanted = Wanted { session: None, key: PickKey::NONE, client: 0, tried: Tried::default(), rank: 5 };
    cell.pick(&wanted, &mut Rng::from_seed(3), cell.clock.now()).err()
}

#[tokio::test]
async fn settings_come_into_force_with_the_backends_that_they_are_for() {
    let (cell, commands) = start(with_queue()).await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let health = "health = { path = \"/\", interval = \"1s\", timeout = \"500ms\" }";
    let after = target(&format!("{health}\nbackends = [\"127.0.0.1:1\", \"{address}\"]"));
    let mut done = configure(&commands, after);
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let (members, size) = (cell.snapshot.load().members().len(), cell.settings.load().queue.size);
        assert_eq!((members, size), (1, 10), "the new backend is still being checked");
    }
    assert!(done.try_recv().is_err(), "the check has ended too soon for this test");
    done.await.unwrap();
    assert_eq!((cell.snapshot.load().members().len(), cell.settings.load().queue.size), (2, 0));
}

#[tokio::test]
async fn who_came_before_a_reload_has_the_longer_line() {
    let (cell, commands) = start(with_queue()).await;
    let first = cell.settings.load_full();
    let without = target("health = false\nbackends = [\"127.0.0.1:1\"]");
    configure(&commands, without).await.unwrap();
    let second = cell.settings.load_full();
    assert_eq!((cell.line_for(&first).0, cell.line_for(&second).0), (10, 0));
    configure(&commands, with_queue()).await.unwrap();
    assert_eq!(cell.line_for(&second), (10, Duration::from_secs(1)));
}

/// Limits and their queue come and go; a request that finds everybody full finds a queue, under the configuration that
/// it came under or the one that is in force by then.
#[tokio::test]
async fn no_limit_is_without_its_queue_at_any_moment() {
    let without = || target("health = false\nbackends = [{ name = \"a\", address = \"127.0.0.1:1\" }]");
    let (cell, commands) = start(with_queue()).await;
    let held = {
        let wanted =
            Wanted { session: None, key: PickKey::NONE, client: 0, tried: Tried::default(), rank: 5 };
        cell.pick(&wanted, &mut Rng::from_seed(3), cell.clock.now()).unwrap()
    };
    let ended = Arc::new(AtomicBool::new(false));
    let requests = std::thread::spawn({
        let (cell, ended) = (Arc::clone(&cell), Arc::clone(&ended));
        move || {
            let (mut full, mut turned_away) = (0, 0);
            while !ended.load(Ordering::Relaxed) {
                let came_under = cell.settings.load_full();
                if refusal(&cell) == Some(Refusal::Full) {
                    full += 1;
                    turned_away += u32::from(cell.line_for(&came_under).0 == 0);
                }
            }
            (full, turned_away)
        }
    });
    for _ in 0..1_000 {
        configure(&commands, without()).await.unwrap();
        configure(&commands, with_queue()).await.unwrap();
    }
    ended.store(true, Ordering::Relaxed);
    let (full, turned_away) = requests.join().unwrap();
    assert!(full > 100, "limits were hardly met: {full}");
    assert_eq!(turned_away, 0, "of {full}");
    drop(held);
}

/// A process has one for each backend, nearly always between two checks.
#[tokio::test]
async fn the_task_that_checks_a_backend_is_small() {
    let checked = "health = { path = \"/\" }\nbackends = [\"127.0.0.1:1\"]";
    let (cell, _commands) = start(with_queue()).await;
    let backend = probe::Backend {
        id: BackendId::new("a"),
        address: ([127, 0, 0, 1], 1).into(),
        health: Arc::new(target(checked).health.expect("it is checked")),
        pool: cell,
        kept_checks: Arc::new(Semaphore::new(1)),
    };
    let (found, _findings) = mpsc::unbounded_channel();
    let due = Arc::new(Mutex::new(Instant::now()));
    let size = size_of_val(&probe::watch(backend, found, Rng::from_seed(1), due));
    assert!(size <= 1024, "{size} bytes");
}
