//! What to reproduce, and how exactly.

use crate::Failure;

use super::LATENCY;
use super::row::{self, Effort};

/// Read from the command line.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) effort: Effort,
    pub(super) json: bool,
    /// Put the figures and pictures into the documentation.
    pub(super) write: bool,
    names: Vec<String>,
}

impl Options {
    pub(super) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self { effort: Effort::Full, json: false, write: false, names: Vec::new() };
        for argument in arguments {
            match *argument {
                "--quick" => options.effort = Effort::Quick,
                "--json" => options.json = true,
                "--write" => options.write = true,
                name => options.names.push(known(name)?),
            }
        }
        let part = !options.names.is_empty() || options.effort == Effort::Quick;
        if options.write && part {
            return Err("--write takes all figures, and not the quick ones".to_owned());
        }
        Ok(options)
    }

    /// All, unless some are named.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }
}

fn known(name: &str) -> Result<String, Failure> {
    let mut names: Vec<&str> = row::all().iter().map(|row| row.name).collect();
    names.push(LATENCY);
    if names.contains(&name) {
        Ok(name.to_owned())
    } else {
        Err(format!("{name}: not one of {}", names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_and_without_any_everything_is_wanted() {
        let some = Options::parse(&["latency", "--quick", "smooth"]).unwrap();
        assert!(some.wants("smooth") && some.wants(LATENCY) && !some.wants("supermarket_1"));
        assert_eq!(some.effort, Effort::Quick);
        assert!(Options::parse(&["--json"]).unwrap().wants("supermarket_1"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [&["no_such_row"][..], &["--svg"], &["--write", "--quick"], &["--write", "smooth"]] {
            assert!(Options::parse(line).is_err(), "{line:?}");
        }
    }
}
