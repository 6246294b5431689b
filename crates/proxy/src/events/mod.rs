//! What the journal is told, and what is read from it. Nothing here is on the way of a request: keepers, reloads, the
//! watches of skew, certificates and limits tell what they find, on their own threads.

mod limits;
mod pool;
mod reload;

use evenkeel_config::Config;
use evenkeel_journal::{Journal, Keep, Options, What};

use crate::proxy::Proxy;
use crate::shutdown::ShutdownReport;

pub(crate) use limits::watch;
pub(crate) use pool::transition;

/// Where a configuration wants events to be kept.
pub(crate) fn options(config: &Config) -> Options {
    let events = &config.events;
    Options { path: events.path.clone(), keep: Keep { events: events.keep, bytes: events.size } }
}

/// The first configuration is in force.
pub(crate) fn started(journal: &Journal, config: &Config) {
    let what = What::Start {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        pools: config.pools.len(),
        backends: config.pools.iter().map(|pool| pool.backends.len()).sum(),
    };
    journal.record(None, None, what);
}

/// Everything has ended.
pub(crate) fn stopped(journal: &Journal, report: ShutdownReport) {
    journal.record(None, None, What::Stop { finished: report.finished, cut: report.cut });
}

impl Proxy {
    /// What happened: to be read and followed.
    pub fn journal(&self) -> &Journal {
        &self.inner.journal
    }
}
