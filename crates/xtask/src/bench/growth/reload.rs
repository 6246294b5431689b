//! How long a reload takes, and how much memory it needs meanwhile.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Failure;

use super::super::answer;
use super::super::contender::{Contender, evenkeel};
use super::super::measure::{PORT, Setup};
use super::super::measured::Spread;
use super::super::process::resident_kib;
use super::super::reload::{generation, settle};
use super::super::scenario::Scenario;
use super::outcome::Sample;
use super::series::Quantity;

/// Reloads of one round.
const RELOADS: usize = 6;
/// Between two looks at the generation; a reload seems longer by up to this and one request.
const LOOK: Duration = Duration::from_micros(200);
const RELOAD_MAX: Duration = Duration::from_secs(30);

/// Two files that differ in one backend take turns; nothing else is asked of Evenkeel.
pub(super) fn measure(setup: &Setup, scenario: &Scenario) -> Result<Sample, Failure> {
    let port = scenario.admin.ok_or("a reload is watched through the admin interface, which is off")?;
    let running = Contender::Evenkeel.start(setup, scenario, PORT)?;
    let pid = running.0.id();
    answer::check(setup, scenario)?;
    settle(pid)?;
    let file = setup.directory.join(Contender::Evenkeel.name()).join("configuration");
    let fewer = Scenario { backends: scenario.backends - 1, ..*scenario };
    let texts = [evenkeel(setup, &fewer, PORT), evenkeel(setup, scenario, PORT)];
    let before = resident_kib(pid)?;
    forget_peak(pid)?;
    let mut times = Vec::new();
    for text in texts.iter().cycle().take(RELOADS) {
        times.push(reload(pid, port, &file, text)?.as_secs_f64() * 1e3);
    }
    let peak = peak_kib(pid)?;
    let values = vec![
        (Quantity::Reload, Spread::of(times.into_iter()).median),
        (Quantity::Peak, (peak - before).max(0.0) / 1024.0),
    ];
    Ok(Sample { values, ..Sample::default() })
}

/// From the signal until the admin interface tells the next generation.
fn reload(pid: u32, port: u16, file: &Path, text: &str) -> Result<Duration, Failure> {
    let new = file.with_extension("new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, file)).map_err(|error| error.to_string())?;
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("no process")?;
    let before = generation(port)?;
    let begin = Instant::now();
    kill_process(process, Signal::HUP).map_err(|error| format!("HUP: {error}"))?;
    while begin.elapsed() < RELOAD_MAX {
        thread::sleep(LOOK);
        let now = generation(port)?;
        let took = begin.elapsed();
        match now - before {
            0 => {}
            1 => return Ok(took),
            more => return Err(format!("one HUP made {more} generations")),
        }
    }
    Err(format!("still generation {before} {RELOAD_MAX:?} after a HUP"))
}

/// The kernel's record of the greatest resident memory begins anew.
fn forget_peak(pid: u32) -> Result<(), Failure> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").map_err(|error| format!("clear_refs: {error}"))
}

fn peak_kib(pid: u32) -> Result<f64, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| error.to_string())?;
    peak_of(&status).ok_or_else(|| "its peak is not told".to_owned())
}

fn peak_of(status: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_high_water_mark() {
        assert_eq!(peak_of("VmRSS:\t  120 kB\nVmHWM:\t  300 kB\n"), Some(300.0));
        assert_eq!(peak_of("VmRSS:\t  120 kB\n"), None);
    }

    #[test]
    fn a_peak_that_was_forgotten_is_measured_anew() {
        let own = std::process::id();
        let many = vec![1_u8; 64 << 20];
        assert!(many.iter().all(|byte| *byte == 1));
        let with = peak_kib(own).unwrap();
        drop(many);
        forget_peak(own).unwrap();
        let without = peak_kib(own).unwrap();
        assert!(with - without > 32.0 * 1024.0, "{with} {without}");
    }
}
