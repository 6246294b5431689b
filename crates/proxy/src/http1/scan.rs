//! Finds the end of a message head as bytes arrive, each byte looked at once.

use memchr::memchr;

/// Remembers how far a growing buffer has been searched, so that a client that sends one byte at a time
/// costs one look at each byte, not a parse of everything so far.
#[derive(Clone, Debug, Default)]
pub struct HeadScanner {
    searched: usize,
    line_start: usize,
    first_line: Option<usize>,
}

/// What the buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The empty line that ends the head has not arrived.
    Partial,
    /// The head takes this many bytes, empty line included.
    Complete(usize),
    /// A line ends in LF without CR. RFC 9112 section 2.2 allows to accept it; recipients differ, so it is refused.
    BareLf,
}

impl HeadScanner {
    /// Continues the search in `bytes`, which must begin with what earlier calls saw.
    pub fn advance(&mut self, bytes: &[u8]) -> Scan {
        while let Some(offset) = memchr(b'\n', &bytes[self.searched..]) {
            let newline = self.searched + offset;
            self.searched = newline + 1;
            if newline == 0 || bytes[newline - 1] != b'\r' {
                return Scan::BareLf;
            }
            self.first_line.get_or_insert(newline + 1);
            if newline - 1 == self.line_start {
                return Scan::Complete(newline + 1);
            }
            self.line_start = newline + 1;
        }
        self.searched = bytes.len();
        Scan::Partial
    }

    /// Length of the first line with its end, once it has ended.
    pub fn first_line(&self) -> Option<usize> {
        self.first_line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_whatever_the_cuts() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        for cut in 0..head.len() {
            let mut scanner = HeadScanner::default();
            let first = scanner.advance(&head[..cut]);
            let second = if first == Scan::Partial { scanner.advance(head) } else { first };
            assert_eq!(second, Scan::Complete(head.len() - 4), "cut at {cut}");
            assert_eq!(scanner.first_line(), Some(16), "cut at {cut}");
        }
    }

    #[test]
    fn refuses_bare_line_feeds() {
        for bytes in
            [&b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..], b"\n", b"GET / HTTP/1.1\r\nHost: a\n\n", b"a\r\n\n"]
        {
            assert_eq!(HeadScanner::default().advance(bytes), Scan::BareLf, "{bytes:?}");
        }
    }

    #[test]
    fn an_empty_line_at_the_start_is_a_head_of_its_own() {
        assert_eq!(HeadScanner::default().advance(b"\r\nGET"), Scan::Complete(2));
    }
}
