//! How long requests wait while the configuration is applied anew.
//!
//! Each second begins with a reload; what is slow in its first half may be the reload's doing, what is slow in its
//! second half is the machine's.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

use crate::Failure;

use super::answer;
use super::contender::{Contender, evenkeel};
use super::figures::{Figures, Pause};
use super::measure::{PORT, PROXY_CORE, Setup, WARM_UP};
use super::paced::{self, Longest, Offer, Paced};
use super::process::{Core, Usage, cpu_seconds, resident_kib};
use super::scenario::Scenario;

/// From one reload to the next; half of it is counted to the reload.
const PERIOD: Duration = Duration::from_secs(1);
/// Fewer say little about the longest.
const RELOADS_MIN: u64 = 10;
/// A generator that comes later than this adds too much of its own to the longest latency.
const LATE_MS: f64 = 0.5;
/// Connections of the load.
const CONNECTIONS: usize = 32;
/// How long the first checks of all backends may take.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// Offers the rate while two files that differ in one backend take turns.
pub(crate) fn measure(setup: &Setup, scenario: &Scenario, rate: f64) -> Result<Figures, Failure> {
    let port = scenario.admin.ok_or("a reload is checked through the admin interface, which is off")?;
    let running = Contender::Evenkeel.start(setup, scenario, PORT)?;
    let pid = running.0.id();
    answer::check(setup, scenario)?;
    settle(pid)?;
    let reloads = setup.duration.as_secs().max(RELOADS_MIN);
    let load = paced::start(&Offer {
        port: PORT,
        path: scenario.path(),
        bytes: scenario.response_bytes(),
        connections: CONNECTIONS,
        rate,
        warm_up: WARM_UP,
        duration: PERIOD * u32::try_from(reloads + 1).map_err(|error| error.to_string())?,
    })?;
    thread::sleep(WARM_UP + PERIOD / 2);
    let (before, core) = (Usage::of(pid)?, Core::of(PROXY_CORE)?);
    let moments = reload_often(setup, scenario, pid, port, reloads)?;
    let (used, core_busy) = (before.until_now(pid)?, core.busy_since(PROXY_CORE)?);
    let load = load.finish()?;
    load.check(LATE_MS)?;
    Ok(Figures {
        per_second: rate,
        p50_ms: load.p50_ms,
        p99_ms: load.p99_ms,
        p999_ms: load.p999_ms,
        max_ms: load.max_ms,
        busy: used.busy(),
        // Its threads wait for each other here, which is what is measured: others are who used the rest of the core.
        disturbed: (core_busy - used.busy()).max(0.0),
        resident_kib: resident_kib(pid)?,
        pause: Some(pause(&load, &moments)),
        ..Figures::default()
    })
}

/// Reloads each second and returns when each began.
fn reload_often(
    setup: &Setup,
    scenario: &Scenario,
    pid: u32,
    port: u16,
    reloads: u64,
) -> Result<Vec<u64>, Failure> {
    let file = setup.directory.join(Contender::Evenkeel.name()).join("configuration");
    let fewer = Scenario { backends: scenario.backends - 1, ..*scenario };
    let texts = [evenkeel(setup, &fewer, PORT), evenkeel(setup, scenario, PORT)];
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("no process")?;
    let mut moments = Vec::new();
    let mut generation = generation(port)?;
    for text in texts.iter().cycle().take(reloads as usize) {
        let end = Instant::now() + PERIOD;
        let new = file.with_extension("new");
        fs::write(&new, text).and_then(|()| fs::rename(&new, &file)).map_err(|error| error.to_string())?;
        moments.push(now());
        kill_process(process, Signal::HUP).map_err(|error| format!("HUP: {error}"))?;
        thread::sleep(PERIOD / 2);
        let (before, after) = (generation, self::generation(port)?);
        if after != before + 1 {
            return Err(format!("generation {before} became {after} within {:?} of a HUP", PERIOD / 2));
        }
        generation = after;
        thread::sleep(end.saturating_duration_since(Instant::now()));
    }
    Ok(moments)
}

/// Waits until the first checks of all backends are over, which is when it uses no CPU any more.
pub(crate) fn settle(pid: u32) -> Result<(), Failure> {
    let deadline = Instant::now() + SETTLE_MAX;
    let mut before = cpu_seconds(pid)?;
    while Instant::now() < deadline {
        thread::sleep(Duration::from_millis(500));
        let after = cpu_seconds(pid)?;
        if after - before < 0.05 {
            return Ok(());
        }
        before = after;
    }
    Err(format!("still busy after {SETTLE_MAX:?} without any load"))
}

fn pause(load: &Paced, moments: &[u64]) -> Pause {
    let half = PERIOD.as_nanos() as u64 / 2;
    let longest = |offset: u64, of: fn(Longest<f64>) -> f64| -> Vec<f64> {
        let window = |moment: &u64| of(load.longest(moment + offset, moment + offset + half));
        let mut windows: Vec<f64> = moments.iter().map(window).collect();
        windows.sort_by(f64::total_cmp);
        windows
    };
    // Also what was due before the reload ended, or before it began.
    let reload = longest(0, |longest| longest.due.max(longest.ended));
    // Neither what is left of this reload, which ended then but was due before, nor what the next one begins with.
    let quiet = longest(half, |longest| longest.due.min(longest.ended));
    Pause {
        typical_ms: reload.get(reload.len() / 2).copied().unwrap_or(f64::NAN),
        reload_ms: reload.last().copied().unwrap_or_default(),
        quiet_ms: quiet.last().copied().unwrap_or_default(),
        reloads: moments.len(),
    }
}

/// The generation in force, as the admin interface tells it.
pub(crate) fn generation(port: u16) -> Result<u64, Failure> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| format!("admin: {error}"))?;
    let mut answer = String::new();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .and_then(|()| {
            stream.write_all(b"GET /generation HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        })
        .and_then(|()| stream.read_to_string(&mut answer))
        .map_err(|error| format!("admin: {error}"))?;
    parse_generation(&answer).ok_or_else(|| format!("no generation in {answer:?}"))
}

fn parse_generation(answer: &str) -> Option<u64> {
    let (_, after) = answer.split_once("\"generation\":")?;
    let after = after.trim_start();
    after[..after.find(|char: char| !char.is_ascii_digit())?].parse().ok()
}

fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests as `(due, latency)` in milliseconds, among short ones; reloads at 0 s and 1 s.
    fn pause_of(slow: &[(usize, f64)]) -> Pause {
        let mut steps = vec![[0.2; 2]; 200];
        for &(due, latency) in slow {
            steps[due / 10][0] = latency;
            steps[(due + latency as usize) / 10][1] = latency;
        }
        let steps: Vec<String> = steps.iter().map(|[due, ended]| format!("{due} {ended}")).collect();
        let line = format!("PACED 5000000000 1000 0 0 1 1 1 1 1 1 {}", steps.join(" "));
        pause(&Paced::parse(&line).unwrap(), &[5_000_000_000, 6_000_000_000])
    }

    #[test]
    fn a_pause_is_charged_to_the_half_second_that_it_touches() {
        assert_eq!(pause_of(&[]), Pause { typical_ms: 0.2, reload_ms: 0.2, quiet_ms: 0.2, reloads: 2 });
        assert_eq!(
            pause_of(&[(20, 7.0)]),
            Pause { typical_ms: 7.0, reload_ms: 7.0, quiet_ms: 0.2, reloads: 2 }
        );
        assert_eq!(
            pause_of(&[(1320, 7.0)]),
            Pause { typical_ms: 7.0, reload_ms: 7.0, quiet_ms: 0.2, reloads: 2 }
        );
        assert_eq!(
            pause_of(&[(720, 7.0)]),
            Pause { typical_ms: 0.2, reload_ms: 0.2, quiet_ms: 7.0, reloads: 2 }
        );
    }

    #[test]
    fn a_pause_that_outlasts_the_half_second_or_begins_before_it_is_the_reloads() {
        assert_eq!(
            pause_of(&[(20, 700.0)]),
            Pause { typical_ms: 700.0, reload_ms: 700.0, quiet_ms: 0.2, reloads: 2 }
        );
        assert_eq!(
            pause_of(&[(990, 30.0)]),
            Pause { typical_ms: 30.0, reload_ms: 30.0, quiet_ms: 0.2, reloads: 2 }
        );
    }

    #[test]
    fn the_generation_is_read() {
        assert_eq!(parse_generation("HTTP/1.1 200 OK\r\n\r\n{\"generation\":17,\"pid\":3}"), Some(17));
        assert_eq!(parse_generation("{ \"pid\": 3, \"generation\": 4 }"), Some(4));
        assert_eq!(parse_generation("HTTP/1.1 404 Not Found\r\n\r\n"), None);
    }
}
