//! Events in sentences.

use crate::event::Event;
use crate::kinds::What;

impl Event {
    /// What happened, in one sentence without a full stop.
    pub fn sentence(&self) -> String {
        let pool = self.pool.as_deref().unwrap_or("?");
        let backend = format!("backend {} of pool {pool}", self.backend.as_deref().unwrap_or("?"));
        self.of_process()
            .or_else(|| self.of_backend(&backend))
            .or_else(|| self.of_skew(pool, &backend))
            .or_else(|| self.of_pool(pool))
            .unwrap_or_else(|| "something that a later version of Evenkeel tells".to_owned())
    }

    fn of_process(&self) -> Option<String> {
        Some(match &self.what {
            What::Start { version, pid, pools, backends } => {
                format!("started: version {version}, process {pid}, {pools} pools, {backends} backends")
            }
            What::Stopping => "told to stop; draining".to_owned(),
            What::Stop { finished, cut } => {
                format!("stopped: {finished} requests finished, {cut} cut")
            }
            What::ReloadApplied { changes, more, .. } => {
                format!("generation {} was applied: {}", self.generation, list(changes, *more))
            }
            What::ReloadFailed { why } => format!("a reload was refused: {why}"),
            What::ConnectionsFull { listener, limit } => {
                format!("listener {listener} has all of its {limit} connections; others wait")
            }
            What::ConnectionsFullOver { listener } => format!("listener {listener} has room again"),
            What::CertificateLoaded { used_by } => format!("certificates of {used_by} were loaded anew"),
            What::CertificateRefused { used_by, file, why } => {
                format!("changed certificates of {used_by} were refused: {file}: {why}")
            }
            What::EventsDropped { count } => format!("{count} events came too fast to be noted down"),
            What::DiskFailing { path, why } => format!("events cannot be written to {path}: {why}"),
            What::DiskBack { path, lost: 0 } => format!("events are written to {path} again; none is lost"),
            What::DiskBack { path, lost } => {
                format!("events are written to {path} again; {lost} are not there")
            }
            _ => return None,
        })
    }

    fn of_backend(&self, backend: &str) -> Option<String> {
        Some(match &self.what {
            What::BackendUp { from, why } => because(format!("{backend} serves: {from} before"), why),
            What::BackendDown { from, to, why } => {
                because(format!("{backend} is out: {from} before, {to} now"), why)
            }
            What::Ejected { why } => because(format!("{backend} was ejected"), why),
            What::Returned { why } => because(format!("{backend} is back after its ejection"), why),
            What::DrainBegin { why } => because(format!("{backend} drains"), why),
            What::DrainEnd { to, why } => because(format!("{backend} drains no more: {to} now"), why),
            What::Weight { from, to } => format!("{backend} has weight {to}, {from} before"),
            What::MemberAdded => format!("{backend} was added"),
            What::MemberRemoved => format!("{backend} was removed"),
            What::MemberUnresolved { why } => because(format!("{backend} cannot be found"), why),
            What::MemberResolved { to, why } => because(format!("{backend} was found: {to} now"), why),
            _ => return None,
        })
    }

    fn of_skew(&self, pool: &str, backend: &str) -> Option<String> {
        Some(match &self.what {
            What::SkewRaised { cause, blame, severity, sentence, .. } => {
                format!("skew in pool {pool} ({severity}): {sentence} ({cause}, {blame})")
            }
            What::SkewExplained { from, cause, sentence, .. } => {
                format!("skew in pool {pool} has another cause: {sentence} ({cause}, not {from})")
            }
            What::SkewCleared { dimension, cause } => {
                format!("skew of {backend} is over: {dimension}, {cause}")
            }
            What::SharedSlow => format!("all backends of pool {pool} are slower or fail alike"),
            What::SharedSlowOver => format!("the backends of pool {pool} are as usual again"),
            _ => return None,
        })
    }

    fn of_pool(&self, pool: &str) -> Option<String> {
        Some(match &self.what {
            What::PanicEntered { healthy, enabled } => {
                format!("pool {pool} panics: {healthy} of {enabled} backends are healthy, all are used")
            }
            What::PanicLeft { healthy, enabled } => {
                format!("pool {pool} panics no more: {healthy} of {enabled} backends are healthy")
            }
            What::PoolEmpty { enabled } => {
                format!("pool {pool} is empty: none of {enabled} backends may be picked")
            }
            What::PoolServes { healthy, enabled } => {
                format!("pool {pool} serves: {healthy} of {enabled} backends are healthy")
            }
            What::QueueFull { refused, waiting } => {
                format!("pool {pool} turns requests away: {refused} in a second, {waiting} wait")
            }
            What::QueueFullOver { refused } => {
                format!("pool {pool} turns nobody away any more; {refused} were")
            }
            _ => return None,
        })
    }
}

fn because(what: String, why: &str) -> String {
    if why.is_empty() { what } else { format!("{what}: {why}") }
}

fn list(changes: &[String], more: usize) -> String {
    match (changes, more) {
        ([], 0) => "nothing changed".to_owned(),
        (changes, 0) => changes.join("; "),
        (changes, more) => format!("{}; and {more} more", changes.join("; ")),
    }
}
