//! Lines of a file, one by one, however long it is.

use std::io::{self, BufRead};

/// A longer line is not one of an access log; it is skipped.
pub(crate) const LINE_MAX: usize = 64 * 1024;

/// Lines without their ends, none of which is copied unless it spans two reads.
pub(crate) struct Lines<'a, R> {
    log: &'a mut R,
    line: Vec<u8>,
    /// How much of what was read last has been given out.
    used: usize,
    /// Lines that were skipped.
    pub(crate) too_long: u64,
}

impl<'a, R: BufRead> Lines<'a, R> {
    pub(crate) fn new(log: &'a mut R) -> Self {
        Self { log, line: Vec::new(), used: 0, too_long: 0 }
    }

    /// The next one; empty in place of one that is too long.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.log.consume(std::mem::take(&mut self.used));
        self.line.clear();
        let here = memchr::memchr(b'\n', self.log.fill_buf()?);
        if let Some(end) = here {
            self.used = end + 1;
            if end > LINE_MAX {
                self.too_long += 1;
                return Ok(Some(b""));
            }
            return Ok(Some(trimmed(&self.log.fill_buf()?[..end])));
        }
        self.across()
    }

    /// A line that goes on in what is read next, or the last one.
    fn across(&mut self) -> io::Result<Option<&[u8]>> {
        let mut length = 0;
        loop {
            let bytes = self.log.fill_buf()?;
            let end = memchr::memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            length += part.len();
            if length > LINE_MAX {
                self.line.clear();
            } else {
                self.line.extend_from_slice(part);
            }
            let is_last = bytes.is_empty();
            let taken = part.len() + usize::from(end.is_some());
            self.log.consume(taken);
            if is_last && length == 0 {
                return Ok(None);
            }
            if is_last || end.is_some() {
                self.too_long += u64::from(length > LINE_MAX);
                return Ok(Some(trimmed(&self.line)));
            }
        }
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn all(text: &[u8], capacity: usize) -> (Vec<String>, u64) {
        let mut log = BufReader::with_capacity(capacity, text);
        let mut lines = Lines::new(&mut log);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(String::from_utf8_lossy(line).into_owned());
        }
        (all, lines.too_long)
    }

    #[test]
    fn lines_are_the_same_however_they_are_read() {
        for capacity in [1, 2, 3, 7, 100] {
            assert_eq!(all(b"one\ntwo\r\n\nfour", capacity).0, ["one", "two", "", "four"], "{capacity}");
            assert_eq!(all(b"one\n", capacity).0, ["one"]);
            assert!(all(b"", capacity).0.is_empty());
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut text = vec![b'x'; 10 * LINE_MAX];
        text.extend_from_slice(b"\nshort\n");
        text.extend_from_slice(&[b'y'; LINE_MAX + 1]);
        for capacity in [1000, LINE_MAX, 100 * LINE_MAX] {
            let (lines, too_long) = all(&text, capacity);
            assert_eq!(
                (lines, too_long),
                (vec![String::new(), "short".into(), String::new()], 2),
                "{capacity}"
            );
        }
        assert_eq!(all(&[b'x'; LINE_MAX], 1000).0[0].len(), LINE_MAX);
    }
}
