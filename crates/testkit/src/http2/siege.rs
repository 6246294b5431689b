//! An attack, and what others notice of it.

use std::time::{Duration, Instant};

use super::attack::{Attack, Fought};
use crate::client::Client;
use crate::process::Evenkeel;

/// Between two requests of the bystander.
const PACE: Duration = Duration::from_millis(5);
/// What it asks for.
const ASKED: &str = "/bystander";

/// What came of an attack on a listener, while somebody else used it.
#[derive(Clone, Debug)]
pub struct Siege {
    /// How the attackers fared.
    pub fought: Fought,
    /// The bystander's requests before.
    pub quiet: Served,
    /// The same during the attack.
    pub under_attack: Served,
    /// The most memory during the attack, beyond that before it, in bytes.
    pub grown: u64,
}

/// How somebody's requests went.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// From sending to the whole response, shortest first.
    pub latencies: Vec<Duration>,
    /// Requests that were not answered with 200.
    pub failed: u64,
}

impl Siege {
    /// Measures a bystander's requests for `/bystander` to the listener `web`, over HTTP/1.1 on a connection of its own, for `length`,
    /// then again during an attack on `listener`. Large responses are at `path`, small ones at `/`.
    pub async fn lay(
        evenkeel: &Evenkeel,
        attack: Attack,
        listener: &str,
        path: &str,
        length: Duration,
    ) -> Self {
        let attacked = evenkeel.address(listener);
        let mut bystander = evenkeel.client("web").await;
        // The first request opens the connection to the backend.
        bystander.get("h", ASKED).await;
        let quiet = serve(evenkeel, &mut bystander, length).await.0;
        let before = evenkeel.resident_bytes();
        let (path, end) = (path.to_owned(), Instant::now() + length);
        let attackers = tokio::task::spawn_blocking(move || {
            stand_back();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be had").block_on(attack.run(attacked, &path, end))
        });
        let (under_attack, most) = serve(evenkeel, &mut bystander, length).await;
        let fought = attackers.await.unwrap_or_else(|error| panic!("the attack: {error}"));
        Self { fought, quiet, under_attack, grown: most.saturating_sub(before) }
    }
}

impl Served {
    /// The latency that all but a hundredth keep; zero when there was none.
    pub fn p99(&self) -> Duration {
        let at = (self.latencies.len() * 99).div_ceil(100).saturating_sub(1);
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// Lets everybody else on this machine go first, for the rest of this thread's life. What attackers compute, and what
/// their requests cost a backend, would elsewhere be other machines' time and none of the bystander's.
pub fn stand_back() {
    rustix::process::setpriority_process(None, 10).ok();
}

/// Requests one after the other for `length`, and the most memory meanwhile.
async fn serve(evenkeel: &Evenkeel, client: &mut Client, length: Duration) -> (Served, u64) {
    let (end, mut served, mut most) = (Instant::now() + length, Served::default(), 0);
    while Instant::now() < end {
        let started = Instant::now();
        let asked = client.try_send(format!("GET {ASKED} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        let answered = match asked {
            Ok(()) => client.try_response("GET").await.is_ok_and(|response| response.status() == 200),
            Err(_) => false,
        };
        served.latencies.push(started.elapsed());
        if !answered {
            served.failed += 1;
            *client = Client::connect(evenkeel.address("web")).await;
        }
        most = most.max(evenkeel.resident_bytes());
        tokio::time::sleep(PACE).await;
    }
    served.latencies.sort_unstable();
    (served, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_a_hundred_is_not_the_99th() {
        let latencies =
            |count: u64| Served { latencies: (1..=count).map(Duration::from_secs).collect(), failed: 0 };
        assert_eq!(latencies(100).p99(), Duration::from_secs(99));
        assert_eq!(latencies(1).p99(), Duration::from_secs(1));
        assert_eq!(latencies(1000).p99(), Duration::from_secs(990));
        assert_eq!(latencies(0).p99(), Duration::ZERO);
    }
}
