//! The log: written by a thread of its own, so that a slow reader of standard error never holds a request.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use evenkeel_config::{LogFormat, LogLevel};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::output;

/// Lines that wait while standard error is slow; the ones after that are dropped and counted.
const QUEUE: usize = 4096;
/// The end of the process waits for this long for the last lines.
const FLUSH: Duration = Duration::from_secs(2);
/// Between two tries to get a flush into a full queue.
const RETRY: Duration = Duration::from_millis(5);
/// Overrides the configured level, in the syntax of `tracing-subscriber`: `EVENKEEL_LOG=debug`.
const OVERRIDE: &str = "EVENKEEL_LOG";

/// A handle on the process's log; clones are the same one.
#[derive(Clone)]
pub(crate) struct Logging {
    queue: Queue,
    filter: reload::Handle<EnvFilter, Registry>,
}

/// Where formatted lines go.
#[derive(Clone)]
struct Queue {
    messages: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Line(Vec<u8>),
    /// Answered when everything before it has been written.
    Flush(SyncSender<()>),
}

impl Logging {
    /// Sends all events of the process to standard error from now on. Once in a process.
    pub(crate) fn install(settings: &evenkeel_config::Log) -> io::Result<Self> {
        let terminal = io::stderr().is_terminal();
        let json = match settings.format {
            LogFormat::Auto => !terminal,
            LogFormat::Human => false,
            LogFormat::Json => true,
        };
        let queue = Queue::start(io::stderr(), json)?;
        let (filter, handle) = reload::Layer::new(filter(settings.level));
        let writer = queue.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(writer);
        let layer: Box<dyn Layer<_> + Send + Sync> = if json {
            layer.json().flatten_event(true).boxed()
        } else {
            layer.compact().with_target(false).with_ansi(output::coloured(terminal)).boxed()
        };
        tracing_subscriber::registry().with(filter).with(layer).try_init().map_err(io::Error::other)?;
        Ok(Self { queue, filter: handle })
    }

    /// Changes which events are written.
    pub(crate) fn set_level(&self, level: LogLevel) {
        self.filter.reload(filter(level)).ok();
    }

    /// Lines dropped since start because standard error was slow.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.dropped.load(Ordering::Relaxed)
    }

    /// Waits, not for long, until everything said so far has been written.
    pub(crate) fn flush(&self) {
        self.queue.flush();
    }
}

impl Queue {
    fn start(sink: impl Write + Send + 'static, json: bool) -> io::Result<Self> {
        let (messages, inbox) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&dropped);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write(sink, &inbox, &seen, json))?;
        Ok(Self { messages, dropped })
    }

    fn flush(&self) {
        let deadline = Instant::now() + FLUSH;
        let (done, written) = sync_channel(1);
        let mut message = Message::Flush(done);
        while let Err(TrySendError::Full(unsent)) = self.messages.try_send(message) {
            if Instant::now() > deadline {
                return;
            }
            message = unsent;
            std::thread::sleep(RETRY);
        }
        written.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok();
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Queue {
    /// The formatter writes each event with one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.messages.try_send(Message::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ours at the level asked for; of the libraries only what is wrong.
fn filter(level: LogLevel) -> EnvFilter {
    if let Ok(filter) = EnvFilter::try_from_env(OVERRIDE) {
        return filter;
    }
    let level = match level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    EnvFilter::new(format!("error,evenkeel={level}"))
}

/// The writer thread. It ends with the process, or when nobody can send any more.
fn write(mut sink: impl Write, inbox: &Receiver<Message>, dropped: &AtomicU64, json: bool) {
    let mut told = 0;
    let mut next = inbox.recv().ok();
    while let Some(message) = next {
        match message {
            // Nobody could be told of a failure to write to standard error.
            Message::Line(line) => drop(sink.write_all(&line)),
            Message::Flush(done) => drop(done.send(())),
        }
        next = match inbox.try_recv() {
            Ok(message) => Some(message),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                let now = dropped.load(Ordering::Relaxed);
                if now > told {
                    drop(sink.write_all(gap(now - told, json).as_bytes()));
                    told = now;
                }
                sink.flush().ok();
                inbox.recv().ok()
            }
        };
    }
}

/// What stands where lines are missing.
fn gap(lines: u64, json: bool) -> String {
    if json {
        format!("{{\"level\":\"WARN\",\"message\":\"log lines dropped\",\"lines\":{lines}}}\n")
    } else {
        format!("WARN log lines dropped, standard error is too slow: lines={lines}\n")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;

    use super::*;

    /// Takes a line whenever the test lets it.
    struct Slow {
        allowed: Receiver<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.allowed.recv().map_err(io::Error::other)?;
            self.written.send(line.to_vec()).map_err(io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_slow_reader_costs_lines_and_they_are_counted() {
        let (allow, allowed) = std::sync::mpsc::channel();
        let (written, lines) = std::sync::mpsc::channel();
        let queue = Queue::start(Slow { allowed, written }, true).unwrap();
        // One is in the writer's hands or in the queue; the rest of the queue is full after these.
        let sent = QUEUE + 10;
        for number in 0..sent {
            assert_eq!(
                (&queue).write(format!("{number}\n").as_bytes()).unwrap(),
                number.to_string().len() + 1
            );
        }
        let dropped = queue.dropped.load(Ordering::Relaxed);
        assert!((9..=10).contains(&dropped), "{dropped}");
        (0..sent).for_each(|_| allow.send(()).unwrap());
        queue.flush();
        let lines: Vec<String> = lines.try_iter().map(|line| String::from_utf8(line).unwrap()).collect();
        assert_eq!(lines[0], "0\n");
        assert!(lines.len() as u64 >= sent as u64 - dropped, "{} lines", lines.len());
        // The flush may have been answered before the gap was told; another one is not.
        allow.send(()).unwrap();
        queue.flush();
    }

    #[test]
    fn the_gap_is_json_where_the_log_is() {
        let gap: serde_json::Value = serde_json::from_str(&gap(3, true)).unwrap();
        assert_eq!(gap["lines"], 3);
    }
}
