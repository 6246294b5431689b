//! The configuration of a story: a file as anybody would write it, changed as anybody would change it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::super::backends::{Backend, HEALTH_PATH};
use super::story::Change;

/// The file.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    listen: SocketAddr,
    /// Keys of the pool.
    pool: &'static str,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    address: SocketAddr,
    weight: u32,
    enabled: bool,
    drain: bool,
    /// What it replaced, which is gone, stands in its place.
    replaced: bool,
}

impl Setup {
    pub(super) fn new(listen: SocketAddr, pool: &'static str, backends: &[Backend]) -> Self {
        let entry = |backend: &Backend| Entry {
            name: backend.name.clone(),
            address: backend.address,
            weight: 1,
            enabled: true,
            drain: false,
            replaced: false,
        };
        Self { listen, pool, entries: backends.iter().map(entry).collect() }
    }

    /// Writes a change into the file. Whether it is one of the file at all.
    pub(super) fn change(&mut self, change: Change) -> bool {
        match change {
            Change::Weight(index, weight) => self.each(&[index], |entry| entry.weight = weight),
            Change::Enabled(indices, enabled) => self.each(indices, |entry| entry.enabled = enabled),
            Change::Drain(index, drain) => self.each(&[index], |entry| entry.drain = drain),
            Change::Replaced(indices, replaced) => {
                self.each(indices, |entry| entry.replaced = replaced);
            }
            Change::Pool(keys) => self.pool = keys,
            Change::Slow(..) | Change::Failing(..) | Change::Large(_) => return false,
        }
        true
    }

    fn each(&mut self, indices: &[usize], change: impl Fn(&mut Entry)) {
        indices.iter().for_each(|index| self.entries.get_mut(*index).into_iter().for_each(&change));
    }

    /// What stands in it.
    pub(super) fn text(&self) -> String {
        let entries: Vec<String> = self.entries.iter().map(Entry::text).collect();
        format!(
            "[admin]\nlisten = \"127.0.0.1:0\"\n\n[runtime]\ndrain_timeout = \"1s\"\n\n\
             [listener.web]\nbind = \"{}\"\npool = \"web\"\n\n[pool.web]\n{}\n\
             health = {{ path = \"{HEALTH_PATH}\", interval = \"1s\" }}\nbackends = [\n{}]\n",
            self.listen,
            self.pool,
            entries.concat()
        )
    }
}

impl Entry {
    fn text(&self) -> String {
        // Names under `.invalid` are nobody's for ever (RFC 2606).
        let (name, address) = match self.replaced {
            true => (format!("{}-old", self.name), format!("{}-old.invalid:80", self.name)),
            false => (self.name.clone(), self.address.to_string()),
        };
        let mut text = format!("  {{ name = \"{name}\", address = \"{address}\"");
        if self.weight != 1 {
            write!(text, ", weight = {}", self.weight).ok();
        }
        if !self.enabled {
            text.push_str(", enabled = false");
        }
        if self.drain {
            text.push_str(", drain = true");
        }
        text.push_str(" },\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use evenkeel_config::{Source, load};

    use super::super::super::backends::{self, Spec};
    use super::super::story::Fault;
    use super::*;

    /// Whatever a story writes into its file, `run` would take it.
    #[test]
    fn every_file_of_every_story_is_sound() {
        for fault in Fault::value_variants() {
            let story = fault.story();
            let spec = |number| Spec {
                name: format!("web{number}"),
                service_time: std::time::Duration::ZERO,
                waiting_max: 1,
            };
            let started = backends::start((1..=story.backends).map(spec).collect()).unwrap();
            let mut setup = Setup::new("127.0.0.1:0".parse().unwrap(), story.pool, &started);
            let mut texts = vec![setup.text()];
            for step in story.fault.iter().chain([&story.mend]) {
                step.changes.iter().for_each(|change| _ = setup.change(*change));
                texts.push(setup.text());
            }
            for text in texts {
                let loaded = load(&Source::new("demo.toml", text.clone()));
                assert!(loaded.config.is_some(), "{fault:?}: {:?}\n{text}", loaded.diagnostics);
            }
        }
    }
}
