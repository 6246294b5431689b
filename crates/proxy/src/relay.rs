//! Moves bytes both ways between two connections until both have ended.
//!
//! What is short is copied: one read and one write, by way of a buffer that all relays of a worker share, so that a relay
//! that waits holds none. What a read has not emptied is spliced from then on. An end is passed on while the other
//! direction goes on; a reset ends both.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use evenkeel_core::Outcome;
use tokio::time::Instant;

use crate::http::timer::Timer;
use crate::splice::{IN_ONE_GO, Pipe, Pipes};
use crate::transport::Transport;
use crate::worker::Worker;

/// What a read takes at most: as much as the kernel takes at once for a client (`UNSENT_MAX` of the listening socket).
pub(crate) const CHUNK: usize = 32 * 1024;
/// A splice that moves less was not worth its pipe: the next piece is copied.
const BULK_MIN: usize = 16 * 1024;
/// While a backend does not take what a client has sent, nothing is read from the client, and nothing tells that it has
/// gone: so it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Two connections that are to become one.
pub(crate) struct Relay<'a> {
    pub(crate) client: &'a Transport,
    pub(crate) backend: &'a Transport,
    pub(crate) early: Early,
    pub(crate) worker: &'a Worker,
    pub(crate) timer: &'a mut Timer,
    /// Longest time without a byte either way.
    pub(crate) idle: Duration,
    /// When it must end though nobody else does. `None` is never.
    pub(crate) leave: Option<Leave<'a>>,
}

/// What has been read before, and goes first.
#[derive(Debug, Default)]
pub(crate) struct Early {
    pub(crate) to_backend: Vec<u8>,
    pub(crate) to_client: Vec<u8>,
}

/// A listener that may be taken out of the configuration.
#[derive(Clone, Copy)]
pub(crate) struct Leave<'a> {
    /// Whether it has been.
    pub(crate) retired: &'a AtomicBool,
    /// How long the relay may go on then.
    pub(crate) patience: Duration,
}

/// How a relay has ended. All but [`End::Closed`] leave something undelivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both sides have closed in order.
    Closed,
    /// The backend had said all it had to say, and took no more.
    BackendClosed,
    /// The client reset its connection, or it broke.
    ClientReset,
    /// The backend did.
    BackendReset,
    /// Nobody had anything to say for too long.
    Idle,
    /// The drain deadline passed, or that of its listener.
    Cut,
}

impl End {
    /// What it says of the backend. Whatever the client or this process ended says nothing.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Closed | Self::BackendClosed => Outcome::Ok,
            Self::BackendReset => Outcome::ResponseBroken,
            Self::ClientReset | Self::Idle | Self::Cut => Outcome::Cancelled,
        }
    }

    /// What the access log calls it; `None` when both sides closed in order.
    pub(crate) fn error(self) -> Option<&'static str> {
        match self {
            Self::Closed | Self::BackendClosed => None,
            Self::ClientReset => Some("client_reset"),
            Self::BackendReset => Some("backend_reset"),
            Self::Idle => Some("idle"),
            Self::Cut => Some("cut"),
        }
    }
}

/// Bytes that a relay has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// From the client to the backend.
    pub(crate) sent: u64,
    /// From the backend to the client.
    pub(crate) received: u64,
}

impl std::ops::AddAssign for Moved {
    fn add_assign(&mut self, more: Self) {
        self.sent += more.sent;
        self.received += more.received;
    }
}

impl Relay<'_> {
    /// Moves bytes until the end, and tells `report` about them whenever there are no more for the moment.
    ///
    /// The connections stay as they are: where the end is not [`End::Closed`], whoever drops them should reset them.
    pub(crate) fn run(self, mut report: impl FnMut(Moved)) -> impl Future<Output = End> {
        let Self { client, backend, early, worker, timer, idle, leave } = self;
        let pipes = worker.pipes();
        let mut both = Both {
            up: Direction::new(client, backend, pipes, early.to_backend),
            down: Direction::new(backend, client, pipes, early.to_client),
            backend_broken: false,
            client_broken: false,
        };
        let since = Instant::now();
        let mut silence = Silence { timer, idle, since, leave, leave_at: None, look_at: None };
        // Not an async function, which would hold all this twice: an idle relay is little else.
        poll_fn(move |context| {
            let polled = both.poll(context, &mut worker.relay_buffer());
            let moved = both.take_moved();
            if moved != Moved::default() {
                silence.since = Instant::now();
                report(moved);
            }
            if polled.is_ready() {
                return polled;
            }
            if worker.stage().is_cut() {
                return Poll::Ready(End::Cut);
            }
            silence.poll(context, both.up.is_held_up().then_some(client))
        })
    }
}

/// What ends a relay that nothing else ends.
struct Silence<'a> {
    timer: &'a mut Timer,
    idle: Duration,
    /// When the last byte was moved.
    since: Instant,
    leave: Option<Leave<'a>>,
    /// When it must end, once its listener is gone.
    leave_at: Option<Instant>,
    /// When the client is looked at next, while it is not read from.
    look_at: Option<Instant>,
}

impl Silence<'_> {
    /// When it is over, and what that is called.
    fn over(&mut self) -> (Instant, End) {
        let gone = self.leave.filter(|leave| leave.retired.load(Ordering::Acquire));
        let leave_at =
            gone.map(|leave| *self.leave_at.get_or_insert_with(|| Instant::now() + leave.patience));
        let idle_at = self.since + self.idle;
        match leave_at {
            Some(leave_at) if leave_at <= idle_at => (leave_at, End::Cut),
            _ => (idle_at, End::Idle),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>, held_up: Option<&Transport>) -> Poll<End> {
        let (over, end) = self.over();
        let Some(client) = held_up else {
            self.look_at = None;
            return self.timer.poll_deadline(context, over).map(|()| end);
        };
        let mut look = *self.look_at.get_or_insert_with(|| Instant::now() + LOOK_EVERY);
        loop {
            ready!(self.timer.poll_deadline(context, look.min(over)));
            if over <= look {
                return Poll::Ready(end);
            }
            if is_broken(client) {
                return Poll::Ready(End::ClientReset);
            }
            look = Instant::now() + LOOK_EVERY;
            self.look_at = Some(look);
        }
    }
}

/// Whether the connection has been reset, though there are bytes of it to be read.
fn is_broken(side: &Transport) -> bool {
    !matches!(side.tcp().take_error(), Ok(None))
}

/// Both directions.
struct Both<'a> {
    up: Direction<'a>,
    down: Direction<'a>,
    /// It takes nothing any more.
    backend_broken: bool,
    client_broken: bool,
}

impl Both<'_> {
    fn poll(&mut self, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<End> {
        match self.up.poll(context, buffer) {
            Poll::Ready(Err(Fault::Sender)) => return Poll::Ready(End::ClientReset),
            Poll::Ready(Err(Fault::Receiver)) if self.down.is_over() => {
                return Poll::Ready(if self.client_broken { End::ClientReset } else { End::BackendClosed });
            }
            // What it had sent before may still be read.
            Poll::Ready(Err(Fault::Receiver)) => self.backend_broken = true,
            _ => {}
        }
        match self.down.poll(context, buffer) {
            Poll::Ready(Err(Fault::Sender)) => return Poll::Ready(End::BackendReset),
            Poll::Ready(Err(Fault::Receiver)) => self.client_broken = true,
            _ => {}
        }
        if !self.up.is_over() || !self.down.is_over() {
            return Poll::Pending;
        }
        Poll::Ready(match (self.client_broken, self.backend_broken) {
            (true, _) => End::ClientReset,
            (false, true) => End::BackendReset,
            (false, false) => End::Closed,
        })
    }

    fn take_moved(&mut self) -> Moved {
        Moved { sent: std::mem::take(&mut self.up.moved), received: std::mem::take(&mut self.down.moved) }
    }
}

/// One direction.
struct Direction<'a> {
    from: &'a Transport,
    to: &'a Transport,
    pipes: &'a Pipes,
    stage: Stage,
    /// Read, and not taken by the receiver yet.
    held: Vec<u8>,
    /// So much of it has been.
    taken: usize,
    /// The same in the kernel.
    pipe: Option<Pipe<'a>>,
    /// There was more than one read takes.
    bulk: bool,
    /// Nothing has failed to be spliced.
    spliceable: bool,
    /// Bytes moved since they were last asked for.
    moved: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The sender has ended; the receiver is to be told.
    Ending,
    Over,
}

/// What broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Sender,
    Receiver,
}

impl<'a> Direction<'a> {
    fn new(from: &'a Transport, to: &'a Transport, pipes: &'a Pipes, held: Vec<u8>) -> Self {
        Self {
            from,
            to,
            pipes,
            stage: Stage::Open,
            held,
            taken: 0,
            pipe: None,
            bulk: false,
            spliceable: from.plain().is_some() && to.plain().is_some(),
            moved: 0,
        }
    }

    fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether it waits for the receiver.
    fn is_held_up(&self) -> bool {
        !self.is_over() && (!self.held.is_empty() || self.pipe.as_ref().is_some_and(|pipe| !pipe.is_empty()))
    }

    /// Moves what there is to move. Ready when the sender has ended, or something broke; nothing is moved after that.
    fn poll(&mut self, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<Result<(), Fault>> {
        if self.stage == Stage::Over {
            return Poll::Ready(Ok(()));
        }
        let polled = self.poll_moving(context, buffer);
        if polled.is_ready() {
            self.stage = Stage::Over;
        }
        polled
    }

    fn poll_moving(&mut self, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<Result<(), Fault>> {
        let mut in_one_go = 0;
        loop {
            ready!(self.poll_deliver(context)).map_err(|_| Fault::Receiver)?;
            if self.stage == Stage::Ending {
                // A receiver that has closed meanwhile needs not be told.
                return self.to.poll_finish(context).map(|_| Ok(()));
            }
            if in_one_go >= IN_ONE_GO {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            match ready!(self.poll_fetch(context, buffer)) {
                Ok(0) => self.stage = Stage::Ending,
                Ok(count) => in_one_go += count as u64,
                Err(fault) => return Poll::Ready(Err(fault)),
            }
        }
    }

    /// Hands over what was read before.
    fn poll_deliver(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.taken < self.held.len() {
            let written = ready!(self.to.poll_send(context, &[&self.held[self.taken..]]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.moved += written as u64;
            self.taken += written;
        }
        if self.taken > 0 {
            self.held = Vec::new();
            self.taken = 0;
        }
        if let (Some(pipe), Some(to)) = (&mut self.pipe, self.to.plain()) {
            while !pipe.is_empty() {
                let written = ready!(pipe.poll_drain(context, to))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.moved += written as u64;
            }
        }
        self.to.poll_flush(context)
    }

    /// Reads once; the end of the stream is 0 bytes. What is copied is also written, as far as that goes at once.
    fn poll_fetch(&mut self, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<Result<usize, Fault>> {
        if self.bulk
            && self.spliceable
            && let Some(from) = self.from.plain()
            && let Some(mut pipe) = self.pipe.take().or_else(|| self.pipes.take())
        {
            match ready!(pipe.poll_fill(context, from, u64::MAX)) {
                Ok(count) => {
                    self.bulk = count >= BULK_MIN;
                    self.pipe = Some(pipe);
                    return Poll::Ready(Ok(count));
                }
                // An urgent byte, say. What has arrived can still be read; if it is broken, reading will say so.
                Err(_) => self.spliceable = false,
            }
        }
        self.pipe = None;
        buffer.clear();
        let count = ready!(self.from.poll_recv(context, buffer)).map_err(|_| Fault::Sender)?;
        self.bulk = count == buffer.capacity();
        if count == 0 {
            return Poll::Ready(Ok(0));
        }
        let written = match self.to.poll_send(context, &[buffer]) {
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(_)) => return Poll::Ready(Err(Fault::Receiver)),
            Poll::Pending => 0,
        };
        self.moved += written as u64;
        if written < count {
            self.held = buffer[written..].to_vec();
        }
        Poll::Ready(Ok(count))
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
