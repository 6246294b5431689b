//! The loop that sends what is due and takes what arrives.

use std::collections::VecDeque;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use crate::Failure;

use super::connection::{Connection, Received};
use super::offer::Offer;
use super::record::Record;

/// How long answers are waited for after the last request, nanoseconds.
const GRACE: u64 = 1_000_000_000;
/// Sleep between two looks at what is due and what arrived, and so the resolution of all latencies. Waking for each
/// request and each answer at its very moment takes more of the core, which the backend needs, than handling it.
const NAP: Duration = Duration::from_micros(100);
/// Events taken at once.
const EVENTS: usize = 64;

/// Connections and requests of one run.
struct Generator<'a> {
    offer: &'a Offer,
    request: Vec<u8>,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    /// When the requests were due that wait for a connection.
    waiting: VecDeque<u64>,
    clock: Instant,
    record: Record,
}

/// Offers the load and counts what comes of it.
pub(super) fn run(offer: &Offer) -> Result<Record, Failure> {
    be_punctual();
    let mut generator = Generator::new(offer).map_err(|error| format!("load generator: {error}"))?;
    generator.run().map_err(|error| format!("load generator: {error}"))?;
    Ok(generator.record)
}

impl<'a> Generator<'a> {
    fn new(offer: &'a Offer) -> io::Result<Self> {
        let path = &offer.path;
        let mut new = Self {
            offer,
            request: format!("GET {path} HTTP/1.1\r\nHost: host0.example\r\n\r\n").into_bytes(),
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            idle: (0..offer.connections).collect(),
            waiting: VecDeque::new(),
            clock: Instant::now(),
            record: Record::new(0),
        };
        for index in 0..offer.connections {
            let connection = new.open(index)?;
            new.connections.push(connection);
        }
        Ok(new)
    }

    fn run(&mut self) -> io::Result<()> {
        let now = clock_gettime(ClockId::Monotonic);
        self.record.started = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
        self.clock = Instant::now();
        let (mut next, total) = (0, self.offer.total());
        while next < total {
            let now = self.now();
            while next < total && self.offer.due(next) <= now {
                self.arrive(self.offer.due(next), now)?;
                next += 1;
            }
            thread::sleep(NAP);
            self.take(0)?;
        }
        self.record.backlog = self.unanswered();
        let end = self.now() + GRACE;
        while self.unanswered() > 0 && self.now() < end {
            self.take(GRACE / 10)?;
        }
        self.record.errors += self.unanswered();
        Ok(())
    }

    /// A request's moment has come.
    fn arrive(&mut self, due: u64, now: u64) -> io::Result<()> {
        if self.is_recorded(due) {
            self.record.late(due, now);
        }
        match self.idle.pop_front() {
            Some(index) => self.send(index, due),
            None => {
                self.waiting.push_back(due);
                Ok(())
            }
        }
    }

    /// Takes answers; waits for the first at most so many nanoseconds.
    fn take(&mut self, nanos: u64) -> io::Result<()> {
        let timeout =
            Timespec { tv_sec: (nanos / 1_000_000_000) as i64, tv_nsec: (nanos % 1_000_000_000) as i64 };
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; EVENTS];
        let count = match epoll::wait(&self.epoll, &mut events, Some(&timeout)) {
            Err(Errno::INTR) => 0,
            result => result?,
        };
        for event in &events[..count] {
            self.receive(event.data.u64() as usize)?;
        }
        Ok(())
    }

    fn receive(&mut self, index: usize) -> io::Result<()> {
        let due = self.connections[index].due();
        match self.connections[index].receive() {
            Ok(Received::Part) => return Ok(()),
            Ok(Received::Whole { good }) => self.answered(due.unwrap_or_default(), good),
            Err(_) => return self.broken(index, due),
        }
        self.free(index)
    }

    fn answered(&mut self, due: u64, good: bool) {
        if !good {
            self.record.errors += 1;
        } else if self.is_recorded(due) {
            self.record.answered(due, self.now());
        }
    }

    fn free(&mut self, index: usize) -> io::Result<()> {
        match self.waiting.pop_front() {
            Some(due) => self.send(index, due),
            None => {
                self.idle.push_back(index);
                Ok(())
            }
        }
    }

    fn send(&mut self, index: usize, due: u64) -> io::Result<()> {
        match self.connections[index].send(&self.request, due) {
            Ok(()) => Ok(()),
            Err(_) => self.broken(index, Some(due)),
        }
    }

    /// Counts the error and puts a new connection in the place of this one.
    fn broken(&mut self, index: usize, due: Option<u64>) -> io::Result<()> {
        self.record.errors += 1;
        self.connections[index] = self.open(index)?;
        // One that broke while idle is among the idle ones still.
        if due.is_some() { self.free(index) } else { Ok(()) }
    }

    fn open(&self, index: usize) -> io::Result<Connection> {
        let connection = Connection::open(self.offer.port, self.offer.bytes)?;
        let data = EventData::new_u64(index as u64);
        epoll::add(&self.epoll, connection.stream(), data, EventFlags::IN)?;
        Ok(connection)
    }

    fn unanswered(&self) -> u64 {
        (self.waiting.len() + self.connections.len() - self.idle.len()) as u64
    }

    fn is_recorded(&self, due: u64) -> bool {
        due >= self.offer.due(self.offer.unrecorded())
    }

    fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }
}

/// Without the right to it, timers are late by 50 microseconds, which the record shows.
fn be_punctual() {
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)).ok();
}
