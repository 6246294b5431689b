//! What a figure must be, and what it should be.

use super::contender::Contender;
use super::scenario::Scenario;

/// One figure of a scenario, and what it is held against.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) figure: Figure,
    pub(crate) against: Against,
    /// The most that it may be: a ratio, or the figure itself when it is [`Against::Absolute`].
    pub(crate) must: f64,
    pub(crate) goal: f64,
}

/// What is compared; less is better in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// CPU time of a request.
    Cpu,
    /// 99th percentile of latency at a given rate.
    P99,
    /// Longest latency around reloads.
    Pause,
    /// Resident memory of an idle connection.
    Idle,
    /// Resident memory after the first request.
    Base,
}

/// Whom a figure is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Against {
    /// The better one of nginx and HAProxy.
    Peers,
    /// The best one of these: not everybody speaks everything.
    These(&'static [Contender]),
    /// Evenkeel itself in another scenario, measured in the same rounds.
    Own(&'static Scenario),
    /// Nobody: the figure counts as it is.
    Absolute,
}

/// How a figure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Goal,
    Met,
    Missed,
}

impl Bar {
    pub(crate) const fn new(figure: Figure, against: Against, must: f64, goal: f64) -> Self {
        Self { figure, against, must, goal }
    }

    /// What a value is worth. One that is no number, because nothing was measured, is worth nothing.
    pub(crate) fn verdict(&self, value: f64) -> Verdict {
        if value <= self.goal {
            Verdict::Goal
        } else if value <= self.must {
            Verdict::Met
        } else {
            Verdict::Missed
        }
    }
}

impl Against {
    /// Whose best a figure is compared with, and pictures are relative to.
    pub(crate) fn rivals(self) -> &'static [Contender] {
        match self {
            Self::These(all) => all,
            Self::Peers | Self::Own(_) | Self::Absolute => &Contender::PEERS,
        }
    }
}

impl Figure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::P99 => "p99",
            Self::Pause => "pause",
            Self::Idle => "idle",
            Self::Base => "base",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Cpu => "us CPU a request",
            Self::P99 => "ms p99",
            Self::Pause => "ms longest",
            Self::Idle => "KiB a connection",
            Self::Base => "MiB resident",
        }
    }
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Goal => "goal",
            Self::Met => "met",
            Self::Missed => "MISSED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_met_at_its_very_value_and_missed_above_it() {
        let bar = Bar::new(Figure::Cpu, Against::Peers, 1.0, 0.9);
        assert_eq!(bar.verdict(0.9), Verdict::Goal);
        assert_eq!(bar.verdict(0.901), Verdict::Met);
        assert_eq!(bar.verdict(1.0), Verdict::Met);
        assert_eq!(bar.verdict(1.004), Verdict::Missed);
    }

    #[test]
    fn nothing_measured_is_nothing_met() {
        assert_eq!(Bar::new(Figure::P99, Against::Absolute, 5.0, 1.0).verdict(f64::NAN), Verdict::Missed);
    }
}
