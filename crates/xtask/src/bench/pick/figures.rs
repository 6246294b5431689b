//! What the benchmarks said, and what is asked of it.

use std::str::FromStr;

use crate::Failure;

/// Everything of one run.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) times: Vec<Time>,
    pub(super) instructions: Vec<Instructions>,
    pub(super) allocations: Vec<Allocations>,
    pub(super) requests: Vec<Request>,
}

/// What is picked from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) strategy: String,
    pub(super) load: String,
    pub(super) backends: u32,
}

/// Nanoseconds of one thread.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Time {
    pub(super) case: Case,
    pub(super) threads: u32,
    pub(super) pick: f64,
    pub(super) end: f64,
    /// A pick whose lease ends before the next one.
    pub(super) both: f64,
    /// Others ran on the same cores: the figure is worth little, that of two threads nothing.
    pub(super) disturbed: bool,
}

/// Instructions of one pick and of one end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Instructions {
    pub(super) case: Case,
    pub(super) pick: f64,
    pub(super) end: f64,
}

/// How often memory was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Allocations {
    pub(super) case: Case,
    pub(super) picks: u64,
    pub(super) in_picks: u64,
    pub(super) in_ends: u64,
}

/// How often, and for how much of it, a proxied request asks for memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) proxy: String,
    pub(super) allocations: f64,
    pub(super) bytes: f64,
}

/// How a figure stands against its bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Goal,
    Must,
    Missed,
}

/// The bars of [`Time::pick`], at so many backends.
pub(super) const BAR_AT: u32 = 1_000;
pub(super) const MUST_NANOS: f64 = 50.0;
pub(super) const GOAL_NANOS: f64 = 15.0;
/// Allocations of a request beyond the yardstick's.
pub(super) const MUST_ABOVE: f64 = 2.0;

pub(super) const OURS: &str = "evenkeel";
const YARDSTICK: &str = "hyper";

impl Figures {
    /// The bars that were missed of those that do not depend on the machine.
    pub(super) fn missed(&self) -> Vec<String> {
        let picks = self.allocations.iter().filter(|row| row.in_picks + row.in_ends > 0).map(|row| {
            let Case { strategy, load, backends } = &row.case;
            let (in_picks, in_ends) = (row.in_picks, row.in_ends);
            format!("{strategy} of {backends} ({load}) allocates: {in_picks} in picks, {in_ends} in ends")
        });
        let request = (!self.requests_met())
            .then(|| format!("a proxied request's allocations are not at most bare hyper's + {MUST_ABOVE}"));
        picks.chain(request).collect()
    }

    pub(super) fn requests_met(&self) -> bool {
        let of = |proxy: &str| self.requests.iter().find(|row| row.proxy == proxy).map(|row| row.allocations);
        of(OURS).zip(of(YARDSTICK)).is_some_and(|(ours, theirs)| ours <= theirs + MUST_ABOVE)
    }
}

impl Time {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let [strategy, threads, load, backends, pick, end, both, company] = fields(line)?;
        let case = Case::parse(strategy, load, backends)?;
        let (pick, end, both) = (number(pick)?, number(end)?, number(both)?);
        let disturbed = match company {
            "quiet" => false,
            "disturbed" => true,
            _ => return None,
        };
        Some(Self { case, threads: number(threads)?, pick, end, both, disturbed })
    }

    /// `None` where no bar is, or no figure to hold against it.
    pub(super) fn mark(&self) -> Option<Mark> {
        (self.case.backends == BAR_AT && !self.disturbed).then_some(match self.pick {
            nanos if nanos <= GOAL_NANOS => Mark::Goal,
            nanos if nanos <= MUST_NANOS => Mark::Must,
            _ => Mark::Missed,
        })
    }
}

impl Allocations {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let [strategy, load, backends, picks, in_picks, in_ends] = fields(line)?;
        let case = Case::parse(strategy, load, backends)?;
        Some(Self { case, picks: number(picks)?, in_picks: number(in_picks)?, in_ends: number(in_ends)? })
    }
}

impl Request {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let [proxy, allocations, bytes] = fields(line)?;
        Some(Self { proxy: proxy.to_owned(), allocations: number(allocations)?, bytes: number(bytes)? })
    }
}

impl Case {
    pub(super) fn parse(strategy: &str, load: &str, backends: &str) -> Option<Self> {
        let backends = number(backends)?;
        Some(Self { strategy: strategy.to_owned(), load: load.to_owned(), backends })
    }
}

impl Mark {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Goal => "must met, goal met",
            Self::Must => "must met, goal MISSED",
            Self::Missed => "must MISSED",
        }
    }
}

/// Every line of `text`. No lines at all are an error: nothing was measured, and no bar is met by that.
pub(super) fn rows<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Failure> {
    let all: Vec<T> = text
        .lines()
        .map(|line| parse(line).ok_or_else(|| format!("not understood: {line}")))
        .collect::<Result<_, _>>()?;
    if all.is_empty() { Err("nothing was measured".to_owned()) } else { Ok(all) }
}

pub(super) fn fields<const N: usize>(line: &str) -> Option<[&str; N]> {
    line.split_whitespace().collect::<Vec<_>>().try_into().ok()
}

pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(allocations: &str, requests: &str) -> Figures {
        Figures {
            times: Vec::new(),
            instructions: Vec::new(),
            allocations: rows(allocations, Allocations::parse).unwrap(),
            requests: rows(requests, Request::parse).unwrap(),
        }
    }

    #[test]
    fn allocations_miss_their_bars() {
        let good = figures("random idle 8 1000 0 0", "hyper 6.000 16880.0\nevenkeel 8.000 99.0");
        assert_eq!(good.missed(), [""; 0]);
        let bad =
            figures("random idle 8 1000 3 0\nrandom busy 8 1000 0 1", "hyper 6.0 1.0\nevenkeel 8.001 1.0");
        assert_eq!(bad.missed().len(), 3, "{:?}", bad.missed());
        assert_eq!(figures("random idle 8 1000 0 0", "evenkeel 1.0 1.0").missed().len(), 1, "no yardstick");
    }

    #[test]
    fn what_is_not_understood_is_no_measurement() {
        assert!(rows("", Request::parse).is_err());
        assert!(rows("hyper 6.0", Request::parse).is_err());
        assert!(rows("hyper six 1.0", Request::parse).is_err());
        assert!(rows("hyper 6.0 1.0 1.0", Request::parse).is_err());
    }

    #[test]
    fn a_pick_is_marked_at_one_size() {
        let mark = |backends: u32, pick: f64| {
            let line = format!("random 1 idle {backends} {pick} 1 1 quiet");
            Time::parse(&line).unwrap().mark()
        };
        let at = |pick| mark(BAR_AT, pick);
        assert_eq!(
            [at(15.0), at(15.1), at(50.0), at(50.1), mark(8, 15.0)],
            [Some(Mark::Goal), Some(Mark::Must), Some(Mark::Must), Some(Mark::Missed), None]
        );
        assert_eq!(Time::parse("random 1 idle 1000 15 1 1 disturbed").unwrap().mark(), None);
    }
}
