//! What one worker does for one listener: datagrams of clients to backends, and those of backends to clients.
//!
//! One task for all sessions, woken by a set of events of its own: a task for each would cost more than the datagrams.

use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_core::Outcome;

use super::batch::{Buffers, with_buffers};
use super::counts::{Dropped, End, Lost};
use super::desk::{Desk, Terms};
use super::endpoint::{LISTENER, Phase, Seat};
use super::session::{Sent, Session};
use super::table::{Flow, Place, Standing, Table};
use super::watch::{AT_ONCE, Watch};
use crate::listen::Listener;
use crate::worker::Worker;

/// Goes without a pause, after which it is the turn of the worker's other tasks.
const GOES: usize = 4;
/// Sessions are not ended more exactly than this: each would wake the worker.
const EXACTNESS: Duration = Duration::from_millis(20);
/// Between two looks at whether the other workers have sessions, once the listener is closing.
const OTHERS: Duration = Duration::from_millis(50);
/// Sessions that are ended without a pause.
const ENDED_AT_ONCE: usize = 256;
/// The pause.
const BREATH: Duration = Duration::from_millis(1);

/// Serves a listener's part of the clients until the listener is closed and its sessions have ended.
pub(crate) async fn run(listener: Arc<Listener>, worker: Arc<Worker>, seat: Seat) {
    let Seat { opening, index, events } = seat;
    match Watch::new(events) {
        Ok(events) => {
            let rng = worker.seed_rng();
            let desk = Desk { listener, worker, opening, index, events: Arc::new(events), rng };
            let sessions = Table::new();
            Relay { desk, sessions, reading: true, done: false, kernel_dropped: 0 }.run().await;
        }
        Err(error) => {
            tracing::error!(listener = %listener.name, %error, "cannot watch sockets for datagrams")
        }
    }
}

/// A listener on one worker, with its sessions.
struct Relay {
    desk: Desk,
    sessions: Table<Session>,
    /// Whether clients' datagrams are read.
    reading: bool,
    /// Whether it has said that it has no session any more, and gets none.
    done: bool,
    /// What the kernel has dropped, as it said last.
    kernel_dropped: u32,
}

/// When sessions are to be looked after again.
enum Next {
    /// With the first one.
    Idle,
    At(Instant),
    /// Never: all have ended, and none will begin.
    Over,
}

impl Relay {
    async fn run(mut self) {
        let (worker, events) = (Arc::clone(&self.desk.worker), Arc::clone(&self.desk.events));
        let mut changed = std::pin::pin!(worker.changed());
        let mut alarm = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            let armed = match self.look_after(Instant::now()) {
                Next::Over => return,
                Next::Idle => false,
                Next::At(next) => {
                    alarm.as_mut().reset(next.into());
                    true
                }
            };
            loop {
                tokio::select! {
                    ready = events.ready() => {
                        if ready.is_err() {
                            return;
                        }
                        if self.serve() {
                            tokio::task::yield_now().await;
                        } else {
                            events.all_served();
                        }
                        if !armed || self.sessions.len() == 0 {
                            break;
                        }
                    }
                    () = &mut alarm, if armed => break,
                    () = &mut changed => {
                        changed.set(worker.changed());
                        break;
                    }
                }
            }
        }
    }

    /// Moves what waits. Whether there is more.
    fn serve(&mut self) -> bool {
        with_buffers(|buffers| (0..GOES).all(|_| self.go(buffers)))
    }

    /// One look at what waits: replies first, so that sessions end before others begin.
    fn go(&mut self, buffers: &mut Buffers) -> bool {
        let mut events = [const { MaybeUninit::uninit() }; AT_ONCE];
        let mut wanted = self.desk.events.wanted(&mut events).peekable();
        if wanted.peek().is_none() {
            return false;
        }
        let now = Instant::now();
        let mut clients = false;
        for number in wanted {
            match number {
                LISTENER => clients = true,
                place => self.pass_back(place as Place, buffers, now),
            }
        }
        self.send_replies(buffers);
        if clients {
            self.take_in(buffers, now);
        }
        true
    }

    fn pass_back(&mut self, place: Place, buffers: &mut Buffers, now: Instant) {
        let Some((flow, session)) = self.sessions.get(place) else { return };
        let awaited = session.awaits_replies();
        match session.receive(buffers.reply_space()) {
            Ok(length) => {
                let answered = awaited && !session.awaits_replies();
                let full = buffers.add_reply(*flow, length);
                if answered {
                    self.end(place, End::Answered, now);
                } else {
                    self.sessions.touch(place, now);
                }
                if full {
                    self.send_replies(buffers);
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => {
                session.leave(Outcome::ConnectFailed, now);
                self.desk.listener.udp.lose_backend(Lost::Refused);
            }
        }
    }

    fn send_replies(&self, buffers: &mut Buffers) {
        let dropped = buffers.send_replies(self.desk.socket());
        if dropped > 0 {
            self.desk.listener.udp.drop_datagrams(Dropped::Client, dropped);
        }
    }

    fn take_in(&mut self, buffers: &mut Buffers, now: Instant) {
        if self.is_displaced() {
            return;
        }
        let Ok(taken) = buffers.take(self.desk.socket()) else { return };
        let listener = Arc::clone(&self.desk.listener);
        if let Some(dropped) = taken.kernel_dropped {
            let before = std::mem::replace(&mut self.kernel_dropped, dropped);
            listener.udp.drop_datagrams(Dropped::Kernel, dropped.wrapping_sub(before).into());
        }
        let settings = listener.settings.load();
        let Some(pool) = &settings.pool else { return };
        let (pool_settings, snapshot) = (pool.settings.load(), pool.snapshot.load());
        let terms =
            Terms { settings: &settings, pool, pool_settings: &pool_settings, snapshot: &snapshot, now };
        for index in 0..taken.datagrams {
            let (arrived, bytes) = buffers.arrived(index);
            let passed_on = if arrived.truncated {
                Err(Dropped::Truncated)
            } else {
                self.pass_on(&arrived.flow, bytes, &terms)
            };
            if let Err(why) = passed_on {
                listener.udp.drop_datagrams(why, 1);
            }
        }
    }

    /// Passes a datagram on, in the session of its client or in a new one.
    fn pass_on(&mut self, flow: &Flow, bytes: &[u8], terms: &Terms<'_>) -> Result<(), Dropped> {
        if let Some(place) = self.sessions.find(flow) {
            return self.deliver(place, bytes, terms);
        }
        let place = self.admit(flow, terms)?;
        let delivered = self.deliver(place, bytes, terms);
        match delivered {
            Ok(()) => self.desk.listener.udp.begin(),
            Err(_) => drop(self.sessions.remove(place)),
        }
        delivered
    }

    /// Lets a session begin. Where there are as many as may be, the one goes that has been silent longest of those whose
    /// clients have not shown that they get replies; where there is none, nobody goes.
    fn admit(&mut self, flow: &Flow, terms: &Terms<'_>) -> Result<Place, Dropped> {
        if !self.desk.is_open() {
            return Err(Dropped::Closing);
        }
        if !self.desk.in_pace(terms) {
            return Err(Dropped::Rate);
        }
        let session = loop {
            match self.desk.admit(terms) {
                Ok(session) => break session,
                Err(full) => {
                    let (oldest, _) = self.sessions.oldest(Standing::Heard).ok_or(full)?;
                    self.end(oldest, End::Evicted, terms.now);
                }
            }
        };
        Ok(self.sessions.insert(*flow, session, terms.now))
    }

    /// Sends a datagram to the backend of its session, or to another one if that has gone.
    fn deliver(&mut self, place: Place, bytes: &[u8], terms: &Terms<'_>) -> Result<(), Dropped> {
        let Some((flow, session)) = self.sessions.get(place) else { return Err(Dropped::NoBackend) };
        let counts = &self.desk.listener.udp;
        if session.backend.as_mut().is_some_and(|backend| !backend.may_stay(terms.pool, terms.snapshot)) {
            session.leave(Outcome::Cancelled, terms.now);
            counts.lose_backend(Lost::Left);
        }
        let awaited = session.awaits_replies();
        // One more than may be tried: the error of an earlier datagram may be told to the next.
        for _ in 0..=terms.pool_settings.max_attempts {
            if session.backend.is_none() {
                let Some(backend) = self.desk.bind(place, flow, &mut session.tried, terms)? else { continue };
                session.picked(backend);
            }
            match session.send(bytes, terms.settings.udp.replies) {
                Sent::Yes => {
                    // Where replies are due, only they keep a session alive: a client that asks a dead backend again
                    // and again would stay with it for good.
                    match (awaited, session.has_replies()) {
                        (true, _) => {}
                        (false, true) => self.sessions.vouch(place, terms.now),
                        (false, false) => self.sessions.touch(place, terms.now),
                    }
                    return Ok(());
                }
                Sent::Dropped => return Err(Dropped::Backend),
                Sent::OutOfResources => return Err(Dropped::Resources),
                Sent::Refused => {
                    session.leave(Outcome::ConnectFailed, terms.now);
                    self.desk.listener.udp.lose_backend(Lost::Refused);
                }
            }
        }
        Err(Dropped::NoBackend)
    }

    fn end(&mut self, place: Place, why: End, now: Instant) {
        let Some((flow, mut session)) = self.sessions.remove(place) else { return };
        let listener = &self.desk.listener;
        session.end(why, now);
        listener.udp.end(why);
        session.log(&flow, why, &listener.name, &listener.settings.load());
    }

    /// Whether another listener reads from the socket now; it is not looked at any more then.
    fn is_displaced(&mut self) -> bool {
        let is_displaced = self.desk.opening.phase() == Phase::Displaced;
        if is_displaced && std::mem::take(&mut self.reading) {
            self.desk.events.remove(self.desk.socket());
        }
        is_displaced
    }

    fn without_sessions(&mut self, is_cut: bool, now: Instant) -> Next {
        if self.desk.is_open() {
            return Next::Idle;
        }
        if !std::mem::replace(&mut self.done, true) {
            self.desk.opening.one_done();
        }
        if is_cut || self.desk.opening.all_done() { Next::Over } else { Next::At(now + OTHERS) }
    }

    /// Ends the sessions whose time has come.
    fn look_after(&mut self, now: Instant) -> Next {
        self.is_displaced();
        let close_by = self.desk.opening.close_by();
        let is_cut = self.desk.worker.stage().is_cut() || close_by.is_some_and(|by| by <= now);
        let idle = self.desk.listener.settings.load().udp.idle;
        for _ in 0..ENDED_AT_ONCE {
            let Some((oldest, used)) = self.sessions.oldest_of_all() else {
                return self.without_sessions(is_cut, now);
            };
            if is_cut {
                self.end(oldest, End::Cut, now);
            } else if used + idle <= now {
                self.end(oldest, End::Idle, now);
            } else {
                let next = close_by.map_or(used + idle, |by| by.min(used + idle));
                return Next::At(next.max(now + EXACTNESS));
            }
        }
        Next::At(now + BREATH)
    }
}
