//! Reads a log of any size, once.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::Options;
use crate::format::{Envelope, Found, Opened, detect};
use crate::lines::Lines;
use crate::report::{Report, report};
use crate::survey::Survey;
use crate::time::Times;

/// Read at once.
const BUFFER: usize = 256 * 1024;
/// Lines that the format is found out from, and their bytes.
const SAMPLE: usize = 1000;
const SAMPLE_BYTES: usize = 4 * 1024 * 1024;
/// Of compressed data, begins of a file (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Begins of what others compress, and what to read it with.
const OTHERS: [(&[u8], &str, &str); 3] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd", "zstdcat"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "xz", "xzcat"),
    (b"BZh", "bzip2", "bzcat"),
];
/// Time that goes back by more than this many seconds is no matter of lines that overtake each other.
const BACK: i64 = 300;

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
             which must have $upstream_addr in it; or say with --field-map which field is what"
    )]
    UnknownFormat {
        /// Lines looked at.
        lines: usize,
        /// The first one, cut where it is long.
        example: String,
    },
    /// It is nginx's, and does not say where requests went.
    #[error(
        "the log is in the combined format, which does not say where a request went; add a field behind it in nginx:\n  \
             log_format upstream '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent '\n  \
             '\"$http_referer\" \"$http_user_agent\" $request_time $upstream_addr';\n\
             and use it: access_log /var/log/nginx/access.log upstream;"
    )]
    NoBackend,
    /// It is compressed by something else than gzip.
    #[error("the log is compressed by {with}; try: {command} LOG | evenkeel analyze -")]
    Compressed {
        /// By what.
        with: &'static str,
        /// What reads it.
        command: &'static str,
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
    /// No line lies in the time that is asked for.
    #[error("none of {lines} lines is from the time asked for; the log is from {first} to {last}")]
    NoTime {
        /// Lines read.
        lines: u64,
        /// When it begins.
        first: String,
        /// When it ends.
        last: String,
    },
}

/// What became of the lines of a log.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// In the format.
    pub(crate) read: u64,
    /// In another one, or too long.
    pub(crate) unread: u64,
    /// In the format, before or after the time that is asked for.
    pub(crate) outside: u64,
    /// Why it could not be read to its end.
    pub(crate) cut: Option<String>,
    /// How often time went back, and by how many seconds at most.
    pub(crate) back: (u64, i64),
    first: i64,
    last: i64,
    now: Option<i64>,
}

/// Reads a log, compressed by gzip or not, to its end.
///
/// Memory does not grow with the log: it takes some hundred megabytes at most, and some of them for most logs.
///
/// # Errors
/// [`AnalyzeError`].
pub fn analyze(log: impl Read, options: &Options) -> Result<Report, AnalyzeError> {
    let mut plain = BufReader::with_capacity(BUFFER, log);
    let begin = plain.fill_buf()?;
    if begin.starts_with(&GZIP) {
        return lines(&mut BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain)), options);
    }
    if let Some((_, with, command)) = OTHERS.into_iter().find(|(magic, ..)| begin.starts_with(magic)) {
        return Err(AnalyzeError::Compressed { with, command });
    }
    lines(&mut plain, options)
}

fn lines(log: &mut impl BufRead, options: &Options) -> Result<Report, AnalyzeError> {
    let mut reader = Lines::new(log);
    let mut sample = Vec::new();
    let mut cut = None;
    let mut bytes = 0;
    while sample.len() < SAMPLE && bytes < SAMPLE_BYTES && cut.is_none() {
        match reader.next() {
            Ok(Some([])) => {}
            Ok(Some(line)) => {
                bytes += line.len();
                sample.push(line.to_vec());
            }
            Ok(None) => break,
            Err(error) if sample.is_empty() => return Err(error.into()),
            Err(error) => cut = Some(error.to_string()),
        }
    }
    if sample.is_empty() {
        return Err(AnalyzeError::Empty);
    }
    let found = found_in(&sample, options)?;
    let mut state = State::new(found, options);
    sample.iter().for_each(|line| state.line(line));
    while cut.is_none() {
        match reader.next() {
            Ok(Some(line)) => state.line(line),
            Ok(None) => break,
            // What is left of a file that was cut off is worth something.
            Err(error) => cut = Some(error.to_string()),
        }
    }
    state.tally.unread += reader.too_long;
    state.tally.cut = cut;
    state.report()
}

fn found_in(sample: &[Vec<u8>], options: &Options) -> Result<Found, AnalyzeError> {
    let lines: Vec<&[u8]> = sample.iter().map(Vec::as_slice).collect();
    match (detect(&lines, options.format.as_ref()), &options.format) {
        (Some(found), _) => Ok(found),
        (None, Some(format)) => Ok(Found { envelope: Envelope::None, format: format.clone() }),
        (None, None) if is_combined(&lines) => Err(AnalyzeError::NoBackend),
        (None, None) => {
            let example = String::from_utf8_lossy(&sample[0]).escape_debug().take(200).collect();
            Err(AnalyzeError::UnknownFormat { lines: sample.len(), example })
        }
    }
}

/// Whether most lines begin as nginx's and Apache's do.
fn is_combined(lines: &[&[u8]]) -> bool {
    let Ok(combined) = crate::FieldMap::new("backend=1") else { return false };
    let fit = lines.iter().filter(|line| combined.parse(line, &mut Times::default()).is_some()).count();
    fit * 2 > lines.len()
}

struct State<'a> {
    found: Found,
    options: &'a Options,
    times: Times,
    survey: Survey,
    tally: Tally,
    copy: Vec<u8>,
}

impl<'a> State<'a> {
    fn new(found: Found, options: &'a Options) -> Self {
        Self {
            found,
            options,
            times: Times::default(),
            survey: Survey::default(),
            tally: Tally { first: i64::MAX, last: i64::MIN, ..Tally::default() },
            copy: Vec::new(),
        }
    }

    fn line(&mut self, line: &[u8]) {
        let inner = match self.found.envelope.open(line, &mut self.copy) {
            Opened::Line(inner) => inner,
            Opened::Other => line,
            Opened::Empty => return,
        };
        let Some(entry) = self.found.format.parse(inner, &mut self.times) else {
            self.tally.unread += u64::from(!inner.is_empty());
            return;
        };
        self.tally.read += 1;
        if !self.tally.is_inside(entry.at, self.options) {
            self.tally.outside += 1;
            return;
        }
        let pools = &self.options.pools;
        if pools.is_empty() || pools.iter().any(|pool| pool.as_bytes() == entry.pool) {
            self.survey.add(&entry);
        }
    }

    fn report(self) -> Result<Report, AnalyzeError> {
        let Tally { read, unread, outside, first, last, .. } = self.tally;
        if read == 0 {
            return Err(AnalyzeError::NoLine { lines: unread, format: self.found.format.name() });
        }
        if outside == read {
            let (first, last) = (crate::utc(first), crate::utc(last));
            return Err(AnalyzeError::NoTime { lines: read, first, last });
        }
        Ok(report(self.found.format, self.survey, self.tally, self.options))
    }
}

impl Tally {
    /// Whether a line of this time is asked for; one without a time is as old as the one before it.
    fn is_inside(&mut self, at: Option<i64>, options: &Options) -> bool {
        if let Some(at) = at {
            let back = self.now.map_or(0, |now| now - at);
            if back > BACK {
                self.back = (self.back.0 + 1, self.back.1.max(back));
            }
            self.first = self.first.min(at);
            self.last = self.last.max(at);
            self.now = Some(at);
        }
        let now = self.now.unwrap_or(0);
        options.since.is_none_or(|since| now >= since) && options.until.is_none_or(|until| now < until)
    }
}
