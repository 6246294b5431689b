//! What processes and cores are busy with, as the kernel tells it.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use crate::Failure;

/// What a tree of processes had used at some moment.
#[derive(Debug)]
pub(crate) struct Usage {
    cpu: f64,
    waited: f64,
    moment: Instant,
}

/// What it used from one moment to another, seconds.
#[derive(Debug)]
pub(crate) struct Used {
    pub(crate) cpu: f64,
    /// Its threads could have run but for somebody else on their core, or for each other.
    pub(crate) waited: f64,
    pub(crate) wall: f64,
}

/// What a core had done at some moment, in clock ticks.
#[derive(Debug, PartialEq)]
pub(crate) struct Core {
    busy: f64,
    all: f64,
}

impl Core {
    pub(crate) fn of(core: &str) -> Result<Self, Failure> {
        let stat = fs::read_to_string("/proc/stat").map_err(|error| format!("/proc/stat: {error}"))?;
        Self::parse(&stat, core).ok_or_else(|| format!("/proc/stat tells nothing of core {core}"))
    }

    /// Part of the time since then that it worked, for whomever.
    pub(crate) fn busy_since(&self, core: &str) -> Result<f64, Failure> {
        let now = Self::of(core)?;
        Ok((now.busy - self.busy) / (now.all - self.all))
    }

    fn parse(stat: &str, core: &str) -> Option<Self> {
        let name = format!("cpu{core}");
        let line = stat.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix(' '))?;
        // user, nice, system, idle, waiting for disks, interrupts, soft interrupts, stolen by the host; then guests,
        // which are in user.
        let ticks: Vec<f64> =
            line.split_whitespace().take(8).filter_map(|field| field.parse().ok()).collect();
        let all: f64 = ticks.iter().sum();
        Some(Self { busy: all - ticks.get(3)? - ticks.get(4)?, all })
    }
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Result<Self, Failure> {
        Ok(Self { cpu: cpu_seconds(pid)?, waited: waited_seconds(pid), moment: Instant::now() })
    }

    pub(crate) fn until_now(&self, pid: u32) -> Result<Used, Failure> {
        let now = Self::of(pid)?;
        Ok(Used {
            cpu: now.cpu - self.cpu,
            waited: now.waited - self.waited,
            wall: (now.moment - self.moment).as_secs_f64(),
        })
    }
}

impl Used {
    /// Part of one core.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu / self.wall
    }

    /// Part of the time that it was kept from its core.
    pub(crate) fn disturbed(&self) -> f64 {
        self.waited / self.wall
    }
}

/// CPU time of the whole tree so far, children that have ended and been waited for included.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64, Failure> {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let all = tree(pid).into_iter().map(|pid| read(pid, "stat").as_deref().map_or(0.0, ticks_of));
    let sum: f64 = all.sum();
    // A process that serves has used some; one that ended has no such file.
    read(pid, "stat").map(|_| sum / ticks).ok_or_else(|| "it ended".to_owned())
}

/// Resident memory of the whole tree.
pub(crate) fn resident_kib(pid: u32) -> Result<f64, Failure> {
    let all = tree(pid).into_iter().filter_map(|pid| read(pid, "status").as_deref().and_then(resident_of));
    let sum: f64 = all.sum();
    if sum > 0.0 { Ok(sum) } else { Err("it ended".to_owned()) }
}

/// How long the threads of the whole tree waited for a core so far.
fn waited_seconds(pid: u32) -> f64 {
    let tasks = tree(pid).into_iter().flat_map(tasks);
    let all = tasks.filter_map(|task| fs::read_to_string(task.join("schedstat")).ok());
    all.filter_map(|text| waited_of(&text)).sum::<f64>() / 1e9
}

/// A process and all below it.
fn tree(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut next = 0;
    while let Some(&pid) = all.get(next) {
        all.extend(children(pid));
        next += 1;
    }
    all
}

fn children(pid: u32) -> Vec<u32> {
    let lists = tasks(pid).filter_map(|task| fs::read_to_string(task.join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// The directories of its threads.
fn tasks(pid: u32) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten().map(|task| task.path())
}

fn read(pid: u32, file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}")).ok()
}

/// User and system time of the process, and of those of its children that it waited for.
fn ticks_of(stat: &str) -> f64 {
    // The name before the last parenthesis may have spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum()
}

/// Nanoseconds on the run queue without running.
fn waited_of(schedstat: &str) -> Option<f64> {
    schedstat.split_whitespace().nth(1)?.parse().ok()
}

fn resident_of(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn times_of_a_process_and_its_children_are_added() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 30 12 5 3 20 0 1 0 100 0 0";
        assert_eq!(ticks_of(stat), 50.0);
        assert_eq!(ticks_of(""), 0.0);
    }

    #[test]
    fn waiting_is_the_second_of_three() {
        assert_eq!(waited_of("1500127460 605453036 32090\n"), Some(605_453_036.0));
        assert_eq!(waited_of(""), None);
        let used = Used { cpu: 1.0, waited: 0.5, wall: 2.0 };
        assert_eq!((used.busy(), used.disturbed()), (0.5, 0.25));
    }

    #[test]
    fn a_core_is_busy_unless_it_idles_or_waits_for_disks() {
        let stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 10 20 30 400 50 1 2 3 7 7\ncpu10 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(Core::parse(stat, "1"), Some(Core { busy: 66.0, all: 516.0 }));
        assert_eq!(Core::parse(stat, "2"), None);
    }

    #[test]
    fn memory_is_the_resident_part() {
        assert_eq!(resident_of("VmSize:\t  900 kB\nVmRSS:\t  120 kB\n"), Some(120.0));
        assert_eq!(resident_of("VmSize:\t  900 kB\n"), None);
    }

    #[test]
    fn descendants_count() {
        // The shell waits for a child that waits for its input's end.
        let mut shell = Command::new("sh")
            .args(["-c", "cat; true"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        use std::io::{Read as _, Write as _};
        shell.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        // What `cat` repeats shows that it is there.
        shell.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let (own, all) = (tree(std::process::id()), tree(shell.id()));
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|pid| own.contains(pid)));
        let alone = resident_of(&read(shell.id(), "status").unwrap()).unwrap();
        assert!(resident_kib(shell.id()).unwrap() > alone);
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(resident_kib(shell.id()).is_err() && cpu_seconds(shell.id()).is_err());
    }
}
