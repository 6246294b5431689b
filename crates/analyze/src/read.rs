//! Reads a log of any size, once.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::format::detect;
use crate::report::{Report, report};
use crate::survey::Survey;
use crate::time::Times;
use crate::{Format, Options};

/// Read at once.
const BUFFER: usize = 256 * 1024;
/// Lines that the format is found out from.
const SAMPLE: usize = 200;
/// A longer line is not one of an access log; it is skipped.
const LINE_MAX: usize = 64 * 1024;
/// Of compressed data, begins of a file (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why a log cannot be analyzed.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// It cannot be read.
    #[error("cannot read the log: {0}")]
    Read(#[from] io::Error),
    /// It is in no known format.
    #[error(
        "the first {lines} lines are in no format that is known here; the first one is:\n  {example}\n\
             Give the format: --format haproxy, envoy, evenkeel-json, evenkeel-combined, or your nginx log_format, \
             which must have $upstream_addr in it"
    )]
    UnknownFormat {
        /// Lines looked at.
        lines: usize,
        /// The first one, cut where it is long.
        example: String,
    },
    /// There is nothing in it.
    #[error("the log is empty")]
    Empty,
    /// No line says where a request went.
    #[error("none of {lines} lines is in the format {format}")]
    NoLine {
        /// Lines looked at.
        lines: u64,
        /// What they were expected to be.
        format: &'static str,
    },
}

/// Reads a log, compressed by gzip or not, to its end.
///
/// Memory does not grow with the log: it takes some megabytes for each pool.
///
/// # Errors
/// [`AnalyzeError`].
pub fn analyze(log: impl Read, options: &Options) -> Result<Report, AnalyzeError> {
    let mut plain = BufReader::with_capacity(BUFFER, log);
    if plain.fill_buf()?.starts_with(&GZIP) {
        return lines(&mut BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain)), options);
    }
    lines(&mut plain, options)
}

fn lines(log: &mut impl BufRead, options: &Options) -> Result<Report, AnalyzeError> {
    let mut reader = Lines::new(log);
    let mut sample = Vec::new();
    while sample.len() < SAMPLE
        && let Some(line) = reader.next()?
    {
        if !line.is_empty() {
            sample.push(line.to_vec());
        }
    }
    if sample.is_empty() {
        return Err(AnalyzeError::Empty);
    }
    let format = format_of(&sample, options)?;
    let mut state = State { times: Times::default(), survey: Survey::default(), read: 0, unread: 0 };
    for line in &sample {
        state.line(line, &format, options);
    }
    while let Some(line) = reader.next()? {
        state.line(line, &format, options);
    }
    if state.read == 0 {
        return Err(AnalyzeError::NoLine { lines: state.unread, format: format.name() });
    }
    Ok(report(format, state.survey, (state.read, state.unread + reader.too_long), options))
}

fn format_of(sample: &[Vec<u8>], options: &Options) -> Result<Format, AnalyzeError> {
    if let Some(format) = &options.format {
        return Ok(format.clone());
    }
    let lines: Vec<&[u8]> = sample.iter().map(Vec::as_slice).collect();
    detect(&lines).ok_or_else(|| AnalyzeError::UnknownFormat {
        lines: sample.len(),
        example: String::from_utf8_lossy(&sample[0]).chars().take(200).collect(),
    })
}

struct State {
    times: Times,
    survey: Survey,
    read: u64,
    unread: u64,
}

impl State {
    fn line(&mut self, line: &[u8], format: &Format, options: &Options) {
        match format.parse(line, &mut self.times) {
            Some(entry) => {
                self.read += 1;
                let wanted = options.pools.is_empty()
                    || options.pools.iter().any(|pool| pool.as_bytes() == entry.pool);
                if wanted {
                    self.survey.add(&entry);
                }
            }
            None if line.is_empty() => {}
            None => self.unread += 1,
        }
    }
}

/// Lines without their ends, none of which is copied unless it spans two reads.
struct Lines<'a, R> {
    log: &'a mut R,
    line: Vec<u8>,
    /// How much of what was read last has been given out.
    used: usize,
    too_long: u64,
}

impl<'a, R: BufRead> Lines<'a, R> {
    fn new(log: &'a mut R) -> Self {
        Self { log, line: Vec::new(), used: 0, too_long: 0 }
    }

    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.log.consume(std::mem::take(&mut self.used));
        self.line.clear();
        let here = memchr::memchr(b'\n', self.log.fill_buf()?);
        if let Some(end) = here {
            self.used = end + 1;
            return Ok(Some(trimmed(&self.log.fill_buf()?[..end])));
        }
        self.across()
    }

    /// A line that goes on in what is read next, or the last one.
    fn across(&mut self) -> io::Result<Option<&[u8]>> {
        let mut whole = true;
        loop {
            let bytes = self.log.fill_buf()?;
            if bytes.is_empty() {
                return Ok(if self.line.is_empty() { None } else { Some(trimmed(&self.line)) });
            }
            let end = memchr::memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + part.len() > LINE_MAX {
                whole = false;
                self.line.clear();
            }
            if whole {
                self.line.extend_from_slice(part);
            }
            let taken = part.len() + usize::from(end.is_some());
            self.log.consume(taken);
            if end.is_some() {
                self.too_long += u64::from(!whole);
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
    use super::*;

    fn all(text: &[u8], capacity: usize) -> Vec<String> {
        let mut log = BufReader::with_capacity(capacity, text);
        let mut lines = Lines::new(&mut log);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push(String::from_utf8_lossy(line).into_owned());
        }
        all
    }

    #[test]
    fn lines_are_the_same_however_they_are_read() {
        for capacity in [1, 2, 3, 7, 100] {
            assert_eq!(all(b"one\ntwo\r\n\nfour", capacity), ["one", "two", "", "four"], "{capacity}");
            assert_eq!(all(b"one\n", capacity), ["one"]);
            assert!(all(b"", capacity).is_empty());
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut text = vec![b'x'; 10 * LINE_MAX];
        text.extend_from_slice(b"\nshort\n");
        assert_eq!(all(&text, 1000), ["", "short"]);
    }
}
