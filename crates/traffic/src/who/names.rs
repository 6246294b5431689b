//! The same backend under several names.

use std::collections::HashMap;

/// What each backend is called, and what else it may be called in answers.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// In lower case. `None` where it may be either of two.
    known: HashMap<String, Option<String>>,
}

impl Names {
    /// `alias` is another name for `name`; it stands for nobody once it has been given to two. A name that is also a
    /// backend's own always stands for that one.
    pub fn add(&mut self, name: &str, alias: &str) {
        let entry = self.known.entry(alias.to_lowercase()).or_insert_with(|| Some(name.to_owned()));
        let own = |known: &str| known.eq_ignore_ascii_case(alias);
        match entry {
            Some(known) if known == name || own(known) => {}
            _ if own(name) => *entry = Some(name.to_owned()),
            _ => *entry = None,
        }
    }

    /// What the backend is called, where an answer calls it `seen`.
    pub fn resolve<'a>(&'a self, seen: &'a str) -> &'a str {
        self.known.get(&seen.to_lowercase()).and_then(Option::as_deref).unwrap_or(seen)
    }

    /// Whether somebody is called that.
    pub fn knows(&self, seen: &str) -> bool {
        matches!(self.known.get(&seen.to_lowercase()), Some(Some(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_that_two_have_stand_for_nobody() {
        let mut names = Names::default();
        for (name, alias) in [
            ("web1", "web1"),
            ("web1", "10.0.0.1:80"),
            ("web1", "10.0.0.1"),
            ("web2", "10.0.0.1:81"),
            ("web2", "10.0.0.1"),
            ("web2", "web2"),
            ("web3", "web1"),
            ("web4", "web5"),
            ("web5", "web5"),
        ] {
            names.add(name, alias);
        }
        assert_eq!(names.resolve("10.0.0.1:80"), "web1");
        assert_eq!(names.resolve("WEB2"), "web2");
        assert_eq!(names.resolve("10.0.0.1"), "10.0.0.1");
        assert!(!names.knows("10.0.0.1") && names.knows("10.0.0.1:81"));
        assert_eq!(names.resolve("web1"), "web1", "its own name");
        assert_eq!(names.resolve("web5"), "web5", "its own name");
        assert_eq!(names.resolve("other"), "other");
    }
}
