//! The access log: one line a request, written by a thread of its own.
//!
//! A request never waits for the disk. When the writer falls behind by more than its queue holds, lines are
//! dropped, and counted.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use evenkeel_config::{AccessLog as Settings, AccessLogFormat, AccessLogPath};

use crate::http::Incoming;
use crate::http1::FieldKind;

/// Lines that wait for the writer.
const QUEUE: usize = 16 * 1024;

/// Writes entries in one format to one place.
#[derive(Debug)]
pub(crate) struct AccessLog {
    pub(crate) settings: Settings,
    queue: SyncSender<Message>,
    dropped: AtomicU64,
}

enum Message {
    Line(String),
    Reopen,
}

/// One request.
pub(crate) struct AccessEntry<'a> {
    started: Instant,
    generation: u64,
    client: &'a str,
    listener: &'a str,
    /// `None` when what came was not a request.
    pub(crate) request: Option<Incoming<'a>>,
    /// 0 when the client left, or was cut, before a response had ended.
    pub(crate) status: u16,
    pub(crate) error: Option<&'static str>,
    pub(crate) pool: Option<&'a str>,
    pub(crate) backend: Option<&'a str>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) attempts: u32,
    /// Times since the first byte of the request.
    pub(crate) picked: Option<Duration>,
    pub(crate) connected: Option<Duration>,
    pub(crate) header: Option<Duration>,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
}

impl<'a> AccessEntry<'a> {
    pub(crate) fn new(started: Instant, generation: u64, client: &'a str, listener: &'a str) -> Self {
        Self {
            started,
            generation,
            client,
            listener,
            request: None,
            status: 0,
            error: None,
            pool: None,
            backend: None,
            reason: None,
            attempts: 0,
            picked: None,
            connected: None,
            header: None,
            request_bytes: 0,
            response_bytes: 0,
        }
    }
}

impl AccessLog {
    /// Opens the file and starts the writer, which ends when the log is dropped.
    pub(crate) fn open(settings: Settings) -> io::Result<Self> {
        let sink = Sink::open(&settings.path)?;
        let (queue, messages) = sync_channel(QUEUE);
        let path = settings.path.clone();
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(sink, &path, &messages))?;
        Ok(Self { settings, queue, dropped: AtomicU64::new(0) })
    }

    pub(crate) fn write(&self, entry: &AccessEntry<'_>) {
        let line = match self.settings.format {
            AccessLogFormat::Json => json(entry, SystemTime::now()),
            AccessLogFormat::Combined => combined(entry, SystemTime::now()),
        };
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens the file anew, after a tool has moved it away. Waits for room in the queue.
    pub(crate) fn reopen(&self) {
        match self.queue.try_send(Message::Reopen) {
            Err(TrySendError::Full(message)) => {
                self.queue.send(message).ok();
            }
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Lines lost because the writer was behind.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

enum Sink {
    File(BufWriter<File>),
    Stdout(BufWriter<io::Stdout>),
}

impl Sink {
    fn open(path: &AccessLogPath) -> io::Result<Self> {
        Ok(match path {
            AccessLogPath::Stdout => Self::Stdout(BufWriter::with_capacity(64 * 1024, io::stdout())),
            AccessLogPath::File(path) => Self::File(BufWriter::with_capacity(64 * 1024, append(path)?)),
        })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::File(file) => file,
            Self::Stdout(stdout) => stdout,
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Writes lines as they come and flushes whenever there are none.
fn write_all(mut sink: Sink, path: &AccessLogPath, messages: &Receiver<Message>) {
    let mut failing = false;
    loop {
        let message = match messages.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Empty) => {
                note(sink.writer().flush(), &mut failing);
                match messages.recv() {
                    Ok(message) => message,
                    Err(_) => return,
                }
            }
            Err(TryRecvError::Disconnected) => {
                note(sink.writer().flush(), &mut failing);
                return;
            }
        };
        match message {
            Message::Line(line) => note(sink.writer().write_all(line.as_bytes()), &mut failing),
            Message::Reopen => {
                note(sink.writer().flush(), &mut failing);
                match Sink::open(path) {
                    Ok(opened) => sink = opened,
                    Err(error) => {
                        tracing::error!(%error, "cannot reopen the access log; the old file is kept")
                    }
                }
            }
        }
    }
}

/// Says once that writing fails, and once that it works again.
fn note(outcome: io::Result<()>, failing: &mut bool) {
    match outcome {
        Err(error) if !*failing => {
            tracing::error!(%error, "cannot write the access log");
            *failing = true;
        }
        Ok(()) => *failing = false,
        Err(_) => {}
    }
}

fn json(entry: &AccessEntry<'_>, now: SystemTime) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let millis = |duration: Option<Duration>| duration.map(|duration| duration.as_secs_f64() * 1e3);
    let request = entry.request.as_ref();
    let field = |kind| request.and_then(|request| field(request, kind)).map(text);
    let mut line = serde_json::json!({
        "time": unix_seconds(now),
        "client": entry.client,
        "listener": entry.listener,
        "request_id": request.map(|request| request.request_id),
        "method": request.map(|request| text(request.head.method_span.slice(request.bytes))),
        "host": request.map(|request| text(request.head.host.slice(request.bytes))),
        "path": request.map(|request| text(request.path())),
        "status": entry.status,
        "error": entry.error,
        "pool": entry.pool,
        "backend": entry.backend,
        "reason": entry.reason,
        "attempts": entry.attempts,
        "generation": entry.generation,
        "request_bytes": entry.request_bytes,
        "response_bytes": entry.response_bytes,
        "picked_ms": millis(entry.picked),
        "connected_ms": millis(entry.connected),
        "header_ms": millis(entry.header),
        "total_ms": millis(Some(entry.started.elapsed())),
        "user_agent": field(FieldKind::UserAgent),
        "referer": field(FieldKind::Referer),
    })
    .to_string();
    line.push('\n');
    line
}

/// Apache's combined format, then Evenkeel's fields.
fn combined(entry: &AccessEntry<'_>, now: SystemTime) -> String {
    let mut line = String::with_capacity(256);
    let request = entry.request.as_ref();
    let field = |kind| request.and_then(|request| field(request, kind)).unwrap_or(b"-");
    write!(line, "{} - - [{}] \"", entry.client, httpdate::fmt_http_date(now)).ok();
    match request {
        Some(request) => {
            quoted(&mut line, request.head.method_span.slice(request.bytes));
            line.push(' ');
            quoted(&mut line, request.path());
            write!(line, " HTTP/1.{}", request.head.minor).ok();
        }
        None => line.push('-'),
    }
    write!(line, "\" {} {} \"", entry.status, entry.response_bytes).ok();
    quoted(&mut line, field(FieldKind::Referer));
    line.push_str("\" \"");
    quoted(&mut line, field(FieldKind::UserAgent));
    let millis = |duration: Option<Duration>| duration.map_or(-1.0, |duration| duration.as_secs_f64() * 1e3);
    writeln!(
        line,
        "\" listener={} pool={} backend={} reason={} attempts={} generation={} error={} id={} picked_ms={:.3} \
         connected_ms={:.3} header_ms={:.3} total_ms={:.3}",
        entry.listener,
        entry.pool.unwrap_or("-"),
        entry.backend.unwrap_or("-"),
        entry.reason.unwrap_or("-"),
        entry.attempts,
        entry.generation,
        entry.error.unwrap_or("-"),
        request.map_or("-", |request| request.request_id),
        millis(entry.picked),
        millis(entry.connected),
        millis(entry.header),
        millis(Some(entry.started.elapsed())),
    )
    .ok();
    line
}

fn field<'a>(request: &Incoming<'a>, kind: FieldKind) -> Option<&'a [u8]> {
    let field = request.fields.iter().find(|field| field.kind == kind)?;
    Some(field.value.slice(request.bytes))
}

/// Nothing that a client sends can end the quotes or the line.
fn quoted(line: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => {
                line.push('\\');
                line.push(char::from(byte));
            }
            b' '..=b'~' => line.push(char::from(byte)),
            _ => {
                write!(line, "\\x{byte:02x}").ok();
            }
        }
    }
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
#[path = "access_log_tests.rs"]
mod tests;
