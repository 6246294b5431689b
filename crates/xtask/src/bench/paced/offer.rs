//! What a generator is asked to do.

use std::time::Duration;

use crate::Failure;

/// GET requests for one path on kept connections to a port of this machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Offer {
    pub(crate) port: u16,
    pub(crate) path: String,
    /// Bytes of each response body.
    pub(crate) bytes: usize,
    pub(crate) connections: usize,
    /// Requests a second.
    pub(crate) rate: f64,
    /// Load before anything is recorded.
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
}

impl Offer {
    /// For the generator's command line.
    pub(super) fn arguments(&self) -> [String; 7] {
        [
            self.port.to_string(),
            self.path.clone(),
            self.bytes.to_string(),
            self.connections.to_string(),
            self.rate.to_string(),
            self.warm_up.as_millis().to_string(),
            self.duration.as_millis().to_string(),
        ]
    }

    /// From there.
    pub(super) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let offer = || -> Option<Self> {
            let &[port, path, bytes, connections, rate, warm_up, duration] = arguments else { return None };
            Some(Self {
                port: port.parse().ok()?,
                path: path.to_owned(),
                bytes: bytes.parse().ok()?,
                connections: connections.parse().ok().filter(|&count| count > 0)?,
                rate: rate.parse().ok().filter(|&rate| rate >= 1.0)?,
                warm_up: Duration::from_millis(warm_up.parse().ok()?),
                duration: Duration::from_millis(duration.parse().ok()?),
            })
        };
        offer().ok_or_else(|| "paced PORT PATH BYTES CONNECTIONS RATE WARM-UP-MS DURATION-MS".to_owned())
    }

    /// When the request of this number is due, nanoseconds from the start.
    pub(super) fn due(&self, number: u64) -> u64 {
        (number as f64 * 1e9 / self.rate) as u64
    }

    /// Requests before anything is recorded.
    pub(super) fn unrecorded(&self) -> u64 {
        (self.rate * self.warm_up.as_secs_f64()) as u64
    }

    /// Requests in all.
    pub(super) fn total(&self) -> u64 {
        self.unrecorded() + (self.rate * self.duration.as_secs_f64()) as u64
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn offer(rate: f64, seconds: f64) -> Offer {
        Offer {
            port: 1,
            path: "/7".to_owned(),
            bytes: 7,
            connections: 2,
            rate,
            warm_up: Duration::from_millis(500),
            duration: Duration::from_secs_f64(seconds),
        }
    }

    #[test]
    fn its_arguments_are_read_back() {
        let offer = offer(123.5, 4.0);
        let arguments = offer.arguments();
        assert_eq!(Offer::parse(&arguments.each_ref().map(String::as_str)), Ok(offer));
        assert!(Offer::parse(&["1", "/", "7", "0", "100", "1", "1"]).is_err());
        assert!(Offer::parse(&["1"]).is_err());
    }

    #[test]
    fn requests_are_due_evenly() {
        let offer = offer(1000.0, 2.0);
        assert_eq!((offer.unrecorded(), offer.total()), (500, 2500));
        assert_eq!((offer.due(0), offer.due(1), offer.due(2500)), (0, 1_000_000, 2_500_000_000));
    }
}
