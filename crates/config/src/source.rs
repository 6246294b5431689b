//! The text of a configuration file, and how its bytes count as lines and columns.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A configuration file: its name as shown to the operator and its text.
///
/// ```
/// let source = evenkeel_config::Source::new("web.toml", "[admin]\nlisten = \"127.0.0.1:9901\"\n");
/// assert_eq!(source.position(8), (2, 1));
/// ```
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    /// What relative names in the file are relative to; empty is the working directory.
    folder: PathBuf,
    /// Where the file stopped being UTF-8: the bytes of the replacement character that stands there.
    not_utf8: Option<Range<usize>>,
}

/// Some editors put this in front of UTF-8. It means nothing, and a column counted with it would be off by one.
const BYTE_ORDER_MARK: char = '\u{feff}';

impl Source {
    /// A file's name and text. A byte order mark in front is dropped. Names of files in it are relative to the folder
    /// in which `name` is.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.starts_with(BYTE_ORDER_MARK) {
            text.remove(0);
        }
        let name = name.into();
        let folder = folder_of(Path::new(&name));
        Self { name, text, folder, not_utf8: None }
    }

    /// A file's name and bytes. Bytes that are not UTF-8 are a diagnostic of [`crate::load`], not an error here.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::new(name, text),
            Err(error) => {
                // Everything before the first bad byte is the same in the lossy text.
                let start = error.valid_up_to();
                let end = start + char::REPLACEMENT_CHARACTER.len_utf8();
                let text = String::from_utf8_lossy(bytes).into_owned();
                Self { not_utf8: Some(start..end), ..Self::new(name, text) }
            }
        }
    }

    /// Reads a file; its name is the path as given.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let source = Self::from_bytes(path.display().to_string(), &std::fs::read(path)?);
        // The name as shown is not always the name: one that is not UTF-8 is shown with replacements.
        Ok(Self { folder: folder_of(path), ..source })
    }

    /// The name shown in diagnostics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, which the spans of diagnostics index in bytes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.boundary(offset)];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// What relative names in the file are relative to.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn not_utf8(&self) -> Option<Range<usize>> {
        self.not_utf8.clone()
    }

    /// The nearest span that lies in the text, on whole characters.
    pub(crate) fn clamp(&self, span: Range<usize>) -> Range<usize> {
        let start = self.boundary(span.start);
        start..self.boundary(span.end).max(start)
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(PathBuf::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source::new("f", "é = 1\n  x = 2\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (1, 3));
        assert_eq!(source.position(1), (1, 1), "inside of é");
        assert_eq!(source.position(9), (2, 3));
        assert_eq!(source.position(1000), (3, 1));
    }

    #[test]
    fn a_byte_order_mark_does_not_count() {
        assert_eq!(Source::new("f", "\u{feff}a").text(), "a");
        assert_eq!(Source::from_bytes("f", b"\xef\xbb\xbfa").text(), "a");
    }

    #[test]
    fn the_first_bad_byte_is_found() {
        let source = Source::from_bytes("f", b"\xef\xbb\xbfab\xffcd\xff");
        assert_eq!(source.not_utf8(), Some(2..5));
        assert_eq!(source.text(), "ab\u{fffd}cd\u{fffd}");
    }
}
