//! Instructions, counted by callgrind.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;

use super::figures::{Case, Instructions, fields, number, rows};

/// One lap: what was counted in it.
#[derive(Clone, Debug, PartialEq)]
struct Lap {
    case: Case,
    part: String,
    /// Picks or ends.
    count: u64,
}

/// Runs the laps of `program`. Only `counted` is counted, and the count is written down whenever `lap` is left.
pub(super) fn count(program: &Path) -> Result<Vec<Instructions>, Failure> {
    let directory = program.with_file_name("bench-pick-callgrind");
    // What is left of the last run would be taken for this one's.
    fs::remove_dir_all(&directory).ok();
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let out = directory.join("out");
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--collect-atstart=no"])
        .args(["--toggle-collect=bench_pick::laps::counted*", "--dump-after=bench_pick::laps::lap"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .arg("laps")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("valgrind: {error}; Debian's package of that name brings it"))?;
    if !output.status.success() {
        return Err(format!("valgrind ended with {}", output.status));
    }
    let laps = rows(&String::from_utf8_lossy(&output.stdout), Lap::parse)?;
    let totals: Vec<u64> = (1..=laps.len())
        .map(|dump| total(&out.with_extension(dump.to_string())))
        .collect::<Result<_, _>>()?;
    differences(&laps, &totals)
}

fn total(dump: &Path) -> Result<u64, Failure> {
    let text = fs::read_to_string(dump).map_err(|error| format!("{}: {error}", dump.display()))?;
    let total = text.lines().find_map(|line| number(line.strip_prefix("totals: ")?));
    total.ok_or_else(|| format!("{}: no total", dump.display()))
}

/// Laps come in fours: a pair for picks and a pair for ends, the shorter first. What a lap takes beside its picks (or
/// ends) cancels in the difference of a pair.
fn differences(laps: &[Lap], totals: &[u64]) -> Result<Vec<Instructions>, Failure> {
    let of_pair = |laps: &[Lap], totals: &[u64], part: &str| match (laps, totals) {
        ([short, long], [less, more])
            if short.case == long.case
                && short.part == part
                && long.part == part
                && short.count < long.count =>
        {
            // A strategy that learns may take dearer ways in the shorter lap: then it is the longer one's mean, with what
            // that takes beside.
            Some(match more.checked_sub(*less).filter(|difference| *difference > 0) {
                Some(difference) => difference as f64 / (long.count - short.count) as f64,
                None => *more as f64 / long.count as f64,
            })
        }
        _ => None,
    };
    let of_case = |(laps, totals): (&[Lap], &[u64])| {
        let (pick, end) =
            (of_pair(laps.get(..2)?, &totals[..2], "pick")?, of_pair(laps.get(2..)?, &totals[2..], "end")?);
        // Not even an empty loop takes none: the functions were not found by their names.
        (pick > 0.0 && end > 0.0).then(|| Instructions { case: laps[0].case.clone(), pick, end })
    };
    let cases = laps.chunks(4).zip(totals.chunks(4));
    cases
        .map(|case| {
            of_case(case).ok_or_else(|| {
                format!("callgrind counted nothing, or laps are not in pairs: {:?}", case.0[0].case)
            })
        })
        .collect()
}

impl Lap {
    /// `strategy load backends part count`
    fn parse(line: &str) -> Option<Self> {
        let [strategy, load, backends, part, count] = fields(line)?;
        let case = Case::parse(strategy, load, backends)?;
        Some(Self { case, part: part.to_owned(), count: number(count)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laps(text: &str) -> Vec<Lap> {
        rows(text, Lap::parse).unwrap()
    }

    const LAPS: &str =
        "random idle 8 pick 10\nrandom idle 8 pick 20\nrandom idle 8 end 10\nrandom idle 8 end 20";

    #[test]
    fn what_is_not_picks_cancels() {
        let counted = differences(&laps(LAPS), &[1700, 3100, 255, 355]).unwrap();
        assert_eq!(counted.iter().map(|row| (row.pick, row.end)).collect::<Vec<_>>(), [(140.0, 10.0)]);
    }

    #[test]
    fn a_shorter_lap_may_be_dearer() {
        let counted = differences(&laps(LAPS), &[3100, 1700, 255, 355]).unwrap();
        assert_eq!(counted.iter().map(|row| (row.pick, row.end)).collect::<Vec<_>>(), [(85.0, 10.0)]);
    }

    #[test]
    fn what_was_not_counted_is_no_measurement() {
        assert!(differences(&laps(LAPS), &[0, 0, 0, 0]).is_err());
        let mixed = LAPS.replacen("random", "round_robin", 1);
        assert!(differences(&laps(&mixed), &[1700, 3100, 255, 355]).is_err());
        assert!(differences(&laps(LAPS)[..3], &[1700, 3100, 255]).is_err());
    }
}
