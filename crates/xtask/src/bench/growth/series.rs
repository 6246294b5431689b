//! What grows, and what is measured while it does. A new series is a new variant here.

use crate::chart::Unit;

use super::super::scenario::{H1, Load, Scenario};

/// One thing of which there is more and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Series {
    Backends,
    Routes,
    Idle,
    Body,
    Reload,
}

/// What is measured at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    /// CPU time of a request, microseconds.
    Request,
    /// CPU time of a MiB of body, microseconds.
    Mebibyte,
    /// Resident memory under load, MiB.
    Resident,
    /// From the signal until the new configuration is in force, milliseconds.
    Reload,
    /// By how much reloads raise the greatest resident memory, MiB.
    Peak,
}

const KIB: usize = 1024;
const MIB: usize = KIB * KIB;

/// From so many backends on they are checked each minute: every 2 s would be more work than the requests are.
pub(super) const MANY_BACKENDS: usize = 1000;

impl Series {
    pub(super) const ALL: [Self; 5] = [Self::Backends, Self::Routes, Self::Idle, Self::Body, Self::Reload];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Backends => "backends",
            Self::Routes => "routes",
            Self::Idle => "idle",
            Self::Body => "body",
            Self::Reload => "reload",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Backends => "1 KiB responses from a pool of so many backends",
            Self::Routes => "1 KiB responses for so many hosts with a route each, asked for at random",
            Self::Idle => "1 KiB responses while so many other connections are open and idle",
            Self::Body => "responses of so many bytes",
            Self::Reload => "a reload of so many backends, one of them added or removed, without load",
        }
    }

    /// What the points count.
    pub(super) fn counts(self) -> (&'static str, Unit) {
        match self {
            Self::Backends | Self::Reload => ("backends in the pool", Unit::Count),
            Self::Routes => ("hosts, each with a route of its own", Unit::Count),
            Self::Idle => ("open idle connections", Unit::Count),
            Self::Body => ("bytes of the response's body", Unit::Bytes),
        }
    }

    pub(super) fn points(self) -> &'static [usize] {
        match self {
            Self::Backends => &[1, 10, 100, 1000, 10_000],
            Self::Routes => &[1, 10, 100, 1000, 10_000, 100_000],
            Self::Idle => &[0, 1000, 2000, 4000, 8000],
            Self::Body => &[0, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB],
            Self::Reload => &[10, 100, 1000, 10_000],
        }
    }

    pub(super) fn quantities(self) -> &'static [Quantity] {
        match self {
            Self::Backends | Self::Routes | Self::Idle => &[Quantity::Request, Quantity::Resident],
            Self::Body => &[Quantity::Request, Quantity::Mebibyte],
            Self::Reload => &[Quantity::Reload, Quantity::Peak],
        }
    }

    /// The configuration and the load of a point.
    pub(super) fn scenario(self, at: usize) -> Scenario {
        let base = Scenario { name: self.name(), about: self.about(), busy_at_least: 0.0, bars: &[], ..H1 };
        let health_seconds = if at >= MANY_BACKENDS { 60 } else { base.health_seconds };
        match self {
            Self::Backends => Scenario { backends: at, health_seconds, ..base },
            Self::Routes => Scenario { hosts: at, asked: at, ..base },
            Self::Idle => base,
            Self::Body => Scenario { load: Load::Get { bytes: at }, ..base },
            Self::Reload => Scenario { backends: at, health_seconds, admin: Some(ADMIN), ..base },
        }
    }
}

/// Where the admin interface tells that a reload is done.
const ADMIN: u16 = 19_001;

impl Quantity {
    /// For programs.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Request => "cpu_us",
            Self::Mebibyte => "cpu_us_per_mib",
            Self::Resident => "resident_mib",
            Self::Reload => "reload_ms",
            Self::Peak => "peak_growth_mib",
        }
    }

    /// For people.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Request => "us CPU a request",
            Self::Mebibyte => "us CPU a MiB",
            Self::Resident => "MiB resident",
            Self::Reload => "ms a reload",
            Self::Peak => "MiB more at the peak",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_changes_what_its_series_is_about() {
        let backends = Series::Backends.scenario(10);
        assert_eq!((backends.backends, backends.hosts, backends.asked), (10, 0, 0));
        let routes = Series::Routes.scenario(10);
        assert_eq!((routes.backends, routes.hosts, routes.asked), (H1.backends, 10, 10));
        assert_eq!(Series::Body.scenario(4 * KIB).response_bytes(), 4 * KIB);
        assert!(Series::Reload.scenario(10).admin.is_some());
    }

    #[test]
    fn many_backends_are_checked_less_often() {
        let seconds = |at| Series::Backends.scenario(at).health_seconds;
        assert_eq!((seconds(100), seconds(1000), seconds(10_000)), (H1.health_seconds, 60, 60));
    }

    #[test]
    fn points_ascend() {
        for series in Series::ALL {
            assert!(series.points().is_sorted() && series.points().len() > 3, "{}", series.name());
        }
    }
}
