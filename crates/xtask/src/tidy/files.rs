//! The files of a tree.

use std::path::Path;

use crate::Failure;

/// Built, fetched or generated: not ours to check.
const SKIPPED: &[&str] = &["target", ".git", "corpus", "artifacts", "node_modules"];

/// A text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// A complaint about a line, counting from 0.
    pub(super) fn complain(&self, line: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{}: {what}", self.path, line + 1)
    }
}

/// Every text file below `root`, sorted by path.
pub(super) fn read_all(root: &Path) -> Result<Vec<File>, Failure> {
    let mut files = Vec::new();
    read_into(root, root, &mut files).map_err(|error| format!("reading {}: {error}", root.display()))?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn read_into(root: &Path, directory: &Path, files: &mut Vec<File>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            if !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                read_into(root, &path, files)?;
            }
        } else if kind.is_file() {
            // What is not UTF-8 is not text.
            if let Ok(text) = String::from_utf8(std::fs::read(&path)?) {
                let relative = path.strip_prefix(root).unwrap_or(&path);
                files.push(File { path: relative.to_string_lossy().into_owned(), text });
            }
        }
    }
    Ok(())
}
