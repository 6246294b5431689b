//! Reloading the configuration: one file read, one answer, for every SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use evenkeel_config::{Config, Loaded, LogLevel, Source};
use evenkeel_proxy::Proxy;

use super::addresses::{self, Own};
use super::{Applied, Logging, describe, log_diagnostics, log_listening};
use crate::admin::Admin;
use crate::check;

/// Carries out reloads, one at a time.
pub(super) struct Reloader {
    proxy: Proxy,
    admin: Admin,
    file: Option<PathBuf>,
    logging: Logging,
    level: LogLevel,
    applied: Applied,
}

impl Reloader {
    pub(super) fn new(
        proxy: Proxy,
        admin: Admin,
        file: Option<PathBuf>,
        logging: Logging,
        level: LogLevel,
        applied: Applied,
    ) -> Self {
        Self { proxy, admin, file, logging, level, applied }
    }

    /// Reloads for every message, until nobody can send any more.
    pub(super) fn run(mut self, wanted: &Receiver<()>) {
        while wanted.recv().is_ok() {
            self.reload();
        }
    }

    /// Numbered before the file is read: who waits for a later number gets the outcome of what the file says now.
    fn reload(&mut self) {
        self.proxy.reload_begins();
        let Some(file) = self.file.clone() else {
            self.refuse(Path::new("(command line)"), "no-file", "started without a file: nothing to reload");
            return;
        };
        let source = match check::read(&file) {
            Ok(source) => source,
            Err(message) => return self.refuse(&file, "unreadable-file", &message),
        };
        let loaded = load_behind_requests(&source);
        log_diagnostics(&source, &loaded.diagnostics);
        match loaded.config {
            Some(config) => self.apply(&source, config),
            None => {
                self.proxy.note_refused_reload(evenkeel_config::to_json(&source, &loaded.diagnostics));
                tracing::error!(file = source.name(), "reload refused; the running configuration stays");
            }
        }
    }

    /// The admin address is bound before anything changes, and taken over after everything has.
    fn apply(&mut self, source: &Source, config: Config) {
        let level = config.log.level;
        let before = self.proxy.listeners();
        let in_force = addresses::in_force(before.clone(), self.admin.address());
        let move_to = match self.admin.prepare(config.admin.as_ref()) {
            Ok(move_to) => move_to,
            Err(error) => {
                let mut message = describe(&error);
                if let Some(holder) = addresses::holder(&error, &in_force) {
                    message.push_str(&format!("; {}", until_applied(holder)));
                }
                return self.refuse(Path::new(source.name()), "admin-bind", &message);
            }
        };
        let format_changed = self.proxy.config().log.format != config.log.format;
        match self.proxy.reload(config) {
            Ok(report) => {
                self.applied.note(source.text(), report.generation);
                self.admin.commit(move_to);
                if level != self.level {
                    self.logging.set_level(level);
                    self.level = level;
                }
                if format_changed {
                    tracing::warn!("log.format takes effect at the next start");
                }
                log_listening(&before, &self.proxy.listeners());
                for change in &report.changes {
                    tracing::info!(change, generation = report.generation, "changed");
                }
                let (generation, changes) = (report.generation, report.changes.len());
                tracing::info!(generation, changes, took = ?report.took, "reloaded");
            }
            Err(error) => {
                let hint = addresses::holder(&error, &in_force).map(until_applied);
                let hint = hint.unwrap_or_else(|| super::hint(&error, &[]));
                let error = describe(&error);
                tracing::error!(
                    file = source.name(),
                    error,
                    hint,
                    "reload refused; the running configuration stays"
                );
            }
        }
    }

    fn refuse(&self, file: &Path, code: &str, message: &str) {
        let file = file.display().to_string();
        self.proxy.note_refused_reload(check::unreadable_json(&file, code, message));
        tracing::error!(file, code, "reload refused; the running configuration stays: {message}");
    }
}

/// Sockets are bound before the old ones are closed, so that a reload can be refused without harm.
fn until_applied(holder: &Own) -> String {
    format!("{holder} has this address until a reload is applied: restart, or go by way of another port")
}

/// Reads a configuration on a thread that gives way to the workers: ten thousand backends take a core for a while, and
/// where every core has a worker, requests would wait. The thread is of this job alone, because those that it starts
/// would give way for ever, and a priority that was lowered cannot be raised again.
fn load_behind_requests(source: &Source) -> Loaded {
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            // On Linux this is the thread's own priority (setpriority(2), "C library/kernel differences").
            rustix::process::setpriority_process(None, NICENESS).ok();
            evenkeel_config::load(source)
        });
        load.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Priority, from -20 (first) to 19 (last).
const NICENESS: i32 = 10;
