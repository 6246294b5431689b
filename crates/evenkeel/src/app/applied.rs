//! The text of the configuration in force: what `diff` and `drift` compare a file with.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use evenkeel_config::BackendAddress;

/// Shared by who applies configurations and who shows them; nothing until one has been applied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Applied(Arc<Mutex<Option<Text>>>);

/// What was applied last.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// As it stood in the file; what such a file would say, where there is none.
    pub(crate) text: Arc<str>,
    /// The generation that it became.
    pub(crate) generation: u64,
    /// When.
    pub(crate) at: SystemTime,
}

impl Applied {
    /// Notes that `text` became `generation` just now.
    pub(crate) fn note(&self, text: impl Into<Arc<str>>, generation: u64) {
        let applied = Text { text: text.into(), generation, at: SystemTime::now() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(applied);
    }

    /// What was applied last.
    pub(crate) fn text(&self) -> Option<Text> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The file that says what `run --listen ADDR --to ADDR` does.
pub(super) fn file_of(listen: SocketAddr, to: &[BackendAddress], admin: Option<SocketAddr>) -> String {
    let admin = admin.map(|admin| format!("[admin]\nlisten = \"{admin}\"\n\n")).unwrap_or_default();
    let entry = |(position, address): (usize, &BackendAddress)| {
        match to[..position].iter().filter(|other| *other == address).count() {
            0 => format!("\"{address}\""),
            // A name in a file has no `#`.
            earlier => format!("{{ name = \"{address}.{}\", address = \"{address}\" }}", earlier + 1),
        }
    };
    let backends: Vec<String> = to.iter().enumerate().map(entry).collect();
    format!(
        "{admin}[listener.web]\nbind = \"{listen}\"\npool = \"web\"\n\n[pool.web]\nbackends = [{}]\n",
        backends.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use evenkeel_config::{Admin, Config, Source, load};

    use super::*;

    #[test]
    fn the_file_says_what_the_flags_do() {
        let to: Vec<BackendAddress> =
            ["10.0.0.1:80", "app.internal:80"].iter().map(|text| text.parse().unwrap()).collect();
        let (listen, admin) = ("127.0.0.1:8080".parse().unwrap(), "127.0.0.1:9902".parse().unwrap());
        let config = |text: String| load(&Source::new("f", text)).config;
        assert_eq!(config(file_of(listen, &to, None)), Some(Config::quick(listen, &to)));
        let moved = Config { admin: Some(Admin { listen: admin }), ..Config::quick(listen, &to) };
        assert_eq!(config(file_of(listen, &to, Some(admin))), Some(moved));
    }

    #[test]
    fn the_last_one_counts() {
        let applied = Applied::default();
        assert!(applied.text().is_none());
        applied.note("a", 1);
        applied.clone().note("b", 2);
        let last = applied.text().unwrap();
        assert_eq!((&*last.text, last.generation), ("b", 2));
    }
}
