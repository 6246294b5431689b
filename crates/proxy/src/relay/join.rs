//! Two directions as one: what the end of either means, and what ends both when nothing else does.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::http::Timer;
use crate::transport::Transport;
use crate::worker::Worker;

use super::way::{Course, Fault, Way};
use super::{End, Leave, Moved};

/// While a backend does not take what a client has sent, nothing is read from the client, and nothing tells that it has
/// gone: so it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Both directions.
struct Both<U, D> {
    up: Course<U>,
    down: Course<D>,
    /// It takes nothing any more.
    backend_broken: bool,
    client_broken: bool,
}

/// Moves bytes until the end, and tells `report` about them whenever there are no more for the moment.
pub(crate) fn join<'a>(
    (up, down): (impl Way, impl Way),
    worker: &'a Worker,
    mut silence: Silence<'a>,
    mut report: impl FnMut(Moved),
) -> impl Future<Output = End> {
    let (up, down) = (Course::new(up), Course::new(down));
    let mut both = Both { up, down, backend_broken: false, client_broken: false };
    // Not an async function, which would hold all this twice: an idle relay is little else.
    poll_fn(move |context| {
        let polled = both.poll(context, &mut worker.relay_buffer());
        let moved = Moved { sent: both.up.take_moved(), received: both.down.take_moved() };
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
        silence.poll(context, both.up.held_up())
    })
}

impl<U: Way, D: Way> Both<U, D> {
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
            // Not so late as when the backend takes what it was sent before: that may be never.
            Poll::Ready(Err(Fault::ReceiverReset)) => return Poll::Ready(End::ClientReset),
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
}

/// What ends a relay that nothing else ends.
pub(crate) struct Silence<'a> {
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

impl<'a> Silence<'a> {
    /// From now on.
    pub(crate) fn new(timer: &'a mut Timer, idle: Duration, leave: Option<Leave<'a>>) -> Self {
        Self { timer, idle, since: Instant::now(), leave, leave_at: None, look_at: None }
    }

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
