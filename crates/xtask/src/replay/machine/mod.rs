//! A server of a replay, as a process of its own: this very program, called again.
//!
//! It can do so many requests at a time, and each takes so long. What comes beyond that waits, so that latency grows with
//! load; when too many wait it refuses; and one that had to refuse for too long runs out of memory, and is gone.

mod database;
mod wire;
mod work;

use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::net::TcpListener;

use crate::Failure;

use work::Work;

/// What it can do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) port: u16,
    /// Requests worked on at a time.
    pub(crate) workers: usize,
    /// How long one takes, beside what the database takes.
    pub(crate) service: Duration,
    /// Requests that may wait; further ones are refused.
    pub(crate) queue: usize,
    /// It ends when it has had to refuse for so long.
    pub(crate) dies: Option<Duration>,
    /// Port of what it asks for each request.
    pub(crate) database: Option<u16>,
}

impl Spec {
    /// For its command line.
    pub(crate) fn arguments(&self) -> [String; 7] {
        [
            self.name.clone(),
            self.port.to_string(),
            self.workers.to_string(),
            self.service.as_micros().to_string(),
            self.queue.to_string(),
            self.dies.unwrap_or_default().as_millis().to_string(),
            self.database.unwrap_or_default().to_string(),
        ]
    }

    /// From there.
    fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let spec = || -> Option<Self> {
            let &[name, port, workers, service, queue, dies, database] = arguments else { return None };
            let dies = Duration::from_millis(dies.parse().ok()?);
            Some(Self {
                name: name.to_owned(),
                port: port.parse().ok()?,
                workers: workers.parse().ok().filter(|&workers| workers > 0)?,
                service: Duration::from_micros(service.parse().ok()?),
                queue: queue.parse().ok()?,
                dies: (!dies.is_zero()).then_some(dies),
                database: database.parse().ok().map(|port: u16| (port > 0).then_some(port))?,
            })
        };
        spec().ok_or_else(|| "machine NAME PORT WORKERS SERVICE-US QUEUE DIES-MS DATABASE-PORT".to_owned())
    }

    /// Requests a second that it can do as long as the database takes no time.
    pub(crate) fn capacity(&self) -> f64 {
        self.workers as f64 / self.service.as_secs_f64()
    }
}

/// The server itself. Serves until it is killed, or dies of its load.
pub(crate) fn main(arguments: &[&str]) -> Result<(), Failure> {
    let spec = Spec::parse(arguments)?;
    // Whoever ends the replay ends its servers.
    let orphaned = set_parent_process_death_signal(Some(Signal::KILL));
    orphaned.map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", spec.port)).await;
        let listener = listener.map_err(|error| format!("{}: port {}: {error}", spec.name, spec.port))?;
        wire::serve(listener, Work::new(&spec)).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn spec(workers: usize, queue: usize) -> Spec {
        Spec {
            name: "web1".to_owned(),
            port: 0,
            workers,
            service: Duration::from_millis(20),
            queue,
            dies: None,
            database: None,
        }
    }

    #[test]
    fn its_arguments_are_read_back() {
        for (dies, database) in [(None, None), (Some(Duration::from_secs(2)), Some(5432))] {
            let spec = Spec { dies, database, ..spec(3, 40) };
            let arguments = spec.arguments();
            assert_eq!(Spec::parse(&arguments.each_ref().map(String::as_str)), Ok(spec));
        }
        assert!(Spec::parse(&["web1", "80", "0", "1", "1", "0", "0"]).is_err(), "nobody works");
        assert!(Spec::parse(&["web1"]).is_err());
        assert_eq!(spec(3, 0).capacity(), 150.0);
    }
}
