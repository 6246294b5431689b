//! What to replay, and with which program.

use std::path::PathBuf;

use crate::Failure;

use super::story::{STORIES, Story};

/// Read from the command line.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) stories: Vec<&'static Story>,
    /// The Evenkeel to replay with, instead of one that is built.
    pub(crate) program: Option<PathBuf>,
    pub(crate) json: bool,
    /// Put the table and the pictures into the documentation.
    pub(crate) write: bool,
}

impl Options {
    /// `[R1...] [--program FILE] [--json] [--write]`
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self { stories: Vec::new(), program: None, json: false, write: false };
        let mut arguments = arguments.iter();
        while let Some(&argument) = arguments.next() {
            match argument {
                "--program" => {
                    let file = arguments.next().ok_or("--program needs a file")?;
                    let file = std::path::absolute(file).map_err(|error| format!("{file}: {error}"))?;
                    options.program = Some(file);
                }
                "--json" => options.json = true,
                "--write" => options.write = true,
                name => options.stories.push(story(name)?),
            }
        }
        if options.write && !options.stories.is_empty() {
            return Err("--write takes all replays".to_owned());
        }
        if options.stories.is_empty() {
            options.stories.extend(STORIES);
        }
        Ok(options)
    }
}

fn story(name: &str) -> Result<&'static Story, Failure> {
    let names = || STORIES.iter().map(|known| known.id).collect::<Vec<_>>().join(", ");
    let found = STORIES.iter().find(|known| known.id.eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("{name}: not one of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(arguments: &[&str]) -> Vec<&'static str> {
        Options::parse(arguments).unwrap().stories.iter().map(|story| story.id).collect()
    }

    #[test]
    fn names_choose_and_without_any_all_are_played() {
        assert_eq!(ids(&["r10", "R2", "--json"]), ["R10", "R2"]);
        assert_eq!(ids(&["--write"]).len(), STORIES.len());
        assert_eq!(Options::parse(&["--program", "/a/b"]).unwrap().program, Some("/a/b".into()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [&["R11"][..], &["--program"], &["--svg"], &["R1", "--write"]] {
            assert!(Options::parse(line).is_err(), "{line:?}");
        }
    }
}
