//! Naming a process on this machine for good.

/// When the kernel started process `pid`, in ticks since boot; `None` when there is no such process.
///
/// A process id alone may be another process's: it is used again, and inside a container it counts anew.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Field 22 of `/proc/PID/stat` (proc_pid_stat(5)). The second is the name in parentheses and may hold anything.
fn parse(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_and_parentheses() {
        let rest: Vec<String> = (3..=52).map(|field| (field * 10).to_string()).collect();
        let stat = format!("4242 (a) 7 (b) {}\n", rest.join(" "));
        assert_eq!(parse(&stat), Some(220));
        assert_eq!(parse("4242"), None);
    }

    #[test]
    fn every_process_has_one() {
        assert!(start_ticks(std::process::id()).is_some());
        assert_eq!(start_ticks(u32::MAX), None);
    }
}
