//! The access log: one line a request, written by a thread of its own.
//!
//! A request never waits for the disk. When the writer falls behind by more than its queue holds, lines are
//! dropped, and counted.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use evenkeel_config::{AccessLog as Settings, AccessLogFormat, AccessLogPath};

use rustix::fs::OFlags;

use crate::http::Incoming;
use crate::http1::FieldKind;

/// Lines that wait for the writer.
const QUEUE: usize = 16 * 1024;
/// Bytes written at once.
const BUFFER: usize = 64 * 1024;

/// Writes entries in one format to one place.
#[derive(Debug)]
pub(crate) struct AccessLog {
    pub(crate) settings: Settings,
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
}

/// What requests, signals and the writer share.
#[derive(Debug, Default)]
struct Shared {
    /// Lines that were not written.
    dropped: AtomicU64,
    /// The file is to be opened anew.
    reopen: AtomicBool,
}

enum Message {
    Line(String),
    /// Look at the flags.
    Wake,
    /// Write everything so far, then drop the sender.
    Flush(SyncSender<()>),
}

/// One request.
pub(crate) struct AccessEntry<'a> {
    started: Instant,
    generation: u64,
    client: &'a str,
    listener: &'a str,
    /// `None` when what came was not a request.
    pub(crate) request: Option<Incoming<'a>>,
    /// What there is of a connection of layer 4 in place of a request.
    pub(crate) relay: Option<RelayEntry<'a>>,
    /// 0 when the client left, or was cut, before a response had ended; and of what has no status.
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

/// One connection that was passed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelayEntry<'a> {
    /// As in the configuration.
    pub(crate) protocol: &'static str,
    /// Whom a TLS client asked for.
    pub(crate) server_name: Option<&'a str>,
}

impl<'a> AccessEntry<'a> {
    pub(crate) fn new(started: Instant, generation: u64, client: &'a str, listener: &'a str) -> Self {
        Self {
            started,
            generation,
            client,
            listener,
            request: None,
            relay: None,
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
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            sink,
            path: settings.path.clone(),
            shared: Arc::clone(&shared),
            unflushed: 0,
            failing: false,
        };
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || writer.run(&messages))?;
        Ok(Self { settings, queue, shared })
    }

    pub(crate) fn write(&self, entry: &AccessEntry<'_>) {
        let line = match self.settings.format {
            AccessLogFormat::Json => json(entry, SystemTime::now()),
            AccessLogFormat::Combined => combined(entry, SystemTime::now()),
        };
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has the file opened anew, after a tool has moved it away. Never waits: a writer that is stuck looks when it can.
    pub(crate) fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        self.queue.try_send(Message::Wake).ok();
    }

    /// Waits until what has been logged is written, but no longer than `patience`.
    pub(crate) fn flush(&self, patience: Duration) {
        let (done, wait) = sync_channel(0);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            wait.recv_timeout(patience).ok();
        }
    }

    /// Lines lost because the writer was behind or could not write.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

enum Sink {
    File(BufWriter<File>),
    Stdout(BufWriter<io::Stdout>),
}

impl Sink {
    fn open(path: &AccessLogPath) -> io::Result<Self> {
        Ok(match path {
            AccessLogPath::Stdout => Self::Stdout(BufWriter::with_capacity(BUFFER, io::stdout())),
            AccessLogPath::File(path) => Self::File(BufWriter::with_capacity(BUFFER, append(path)?)),
        })
    }

    /// Forgets what is buffered: it could not be written, and would fail again.
    fn discard(&mut self) {
        match self {
            Self::File(file) => {
                if let Ok(again) = file.get_ref().try_clone() {
                    let failed = std::mem::replace(file, BufWriter::with_capacity(BUFFER, again));
                    drop(failed.into_parts());
                }
            }
            Self::Stdout(stdout) => {
                let failed = std::mem::replace(stdout, BufWriter::with_capacity(BUFFER, io::stdout()));
                drop(failed.into_parts());
            }
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::File(file) => file,
            Self::Stdout(stdout) => stdout,
        }
    }
}

/// A named pipe without a reader is refused; waiting for one would hold up a reload.
fn append(path: &Path) -> io::Result<File> {
    let nonblocking = OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().create(true).append(true).custom_flags(nonblocking).open(path)?;
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// The thread that writes.
struct Writer {
    sink: Sink,
    path: AccessLogPath,
    shared: Arc<Shared>,
    /// Lines since the last flush.
    unflushed: u64,
    failing: bool,
}

impl Writer {
    /// Writes lines as they come and flushes whenever there are none, until the log is dropped.
    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let message = match messages.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => return self.flush(),
                Err(TryRecvError::Empty) => {
                    self.flush();
                    match messages.recv() {
                        Ok(message) => message,
                        Err(_) => return,
                    }
                }
            };
            match message {
                Message::Line(line) => self.line(&line),
                Message::Wake => {}
                Message::Flush(done) => {
                    self.flush();
                    drop(done);
                }
            }
            if self.shared.reopen.swap(false, Ordering::AcqRel) {
                self.reopen();
            }
        }
    }

    fn line(&mut self, line: &str) {
        self.unflushed += 1;
        if let Err(error) = self.sink.writer().write_all(line.as_bytes()) {
            self.failed(&error);
        }
    }

    fn flush(&mut self) {
        if self.unflushed == 0 {
            return;
        }
        match self.sink.writer().flush() {
            Ok(()) => {
                self.unflushed = 0;
                self.failing = false;
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Says once that writing fails; lines that could not be written are lost, and counted.
    fn failed(&mut self, error: &io::Error) {
        if !self.failing {
            tracing::error!(%error, "cannot write the access log");
            self.failing = true;
        }
        self.shared.dropped.fetch_add(self.unflushed, Ordering::Relaxed);
        self.unflushed = 0;
        self.sink.discard();
    }

    fn reopen(&mut self) {
        self.flush();
        match Sink::open(&self.path) {
            Ok(opened) => self.sink = opened,
            Err(error) => tracing::error!(%error, "cannot reopen the access log; the old file is kept"),
        }
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
        "request_id": request.map(|request| String::from_utf8_lossy(request.request_id)),
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
    });
    if let (Some(relay), Some(line)) = (entry.relay, line.as_object_mut()) {
        line.insert("protocol".to_owned(), relay.protocol.into());
        line.insert("server_name".to_owned(), relay.server_name.into());
    }
    format!("{line}\n")
}

/// Apache's combined format, then Evenkeel's fields.
fn combined(entry: &AccessEntry<'_>, now: SystemTime) -> String {
    let mut line = String::with_capacity(256);
    let request = entry.request.as_ref();
    let field = |kind| request.and_then(|request| field(request, kind)).unwrap_or(b"-");
    write!(line, "{} - - [{}] \"", entry.client, common_log_time(now)).ok();
    match request {
        Some(request) => {
            quoted(&mut line, request.head.method_span.slice(request.bytes));
            line.push(' ');
            quoted(&mut line, request.path());
            let version =
                if request.over_http2 { "2.0" } else { ["1.0", "1.1"][usize::from(request.head.minor != 0)] };
            write!(line, " HTTP/{version}").ok();
        }
        None => {
            let relay = entry.relay.map(|relay| (relay.protocol, relay.server_name.unwrap_or_default()));
            let (protocol, name) = relay.unwrap_or(("-", ""));
            quoted(&mut line, [protocol, name].join(" ").trim_end().as_bytes());
        }
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
        request.map_or("-".into(), |request| String::from_utf8_lossy(request.request_id)),
        millis(entry.picked),
        millis(entry.connected),
        millis(entry.header),
        millis(Some(entry.started.elapsed())),
    )
    .ok();
    line
}

/// `21/Nov/2026:12:54:47 +0000`, from the parts of `Sat, 21 Nov 2026 12:54:47 GMT`.
fn common_log_time(now: SystemTime) -> String {
    let date = httpdate::fmt_http_date(now);
    let part = |range: std::ops::Range<usize>| date.get(range).unwrap_or_default();
    format!("{}/{}/{}:{} +0000", part(5..7), part(8..11), part(12..16), part(17..25))
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
