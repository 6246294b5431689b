//! One session: a client, the backend that it has, and what has passed between them.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use evenkeel_core::{Member, Outcome, PoolSnapshot, Reason, Tried};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::counts::{End, Open};
use super::table::Flow;
use crate::listen::ListenerSettings;
use crate::pool::{Attempt, PoolCell, Stay};
use crate::telemetry::AccessEntry;
use crate::upstream::is_local;
use crate::worker::InProgress;

/// A client's session. Dropping it ends it.
pub(super) struct Session {
    began: Instant,
    /// `None` after the backend was lost, until the next datagram.
    pub(super) backend: Option<Backend>,
    /// Who has refused it since the last reply.
    pub(super) tried: Tried,
    /// The backend that it has or had last, and why.
    last: Option<(Arc<Member>, Reason)>,
    attempts: u32,
    /// Replies that are still due, where so many are due for each datagram.
    due: u64,
    replies: u64,
    bytes_sent: u64,
    bytes_received: u64,
    _open: Open,
    _in_progress: InProgress,
}

/// A backend that a session has: a socket that only its datagrams come to, and a lease.
pub(super) struct Backend {
    socket: UdpSocket,
    attempt: Attempt,
    stay: Stay,
    /// Of the snapshot that says that the session may stay.
    epoch: u64,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is on its way.
    Yes,
    /// Not this one; the next may be.
    Dropped,
    /// This process has no memory for it.
    OutOfResources,
    /// The backend is not there: it refused this one or an earlier one, or cannot be reached.
    Refused,
}

/// Why a backend has not got a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenError {
    /// It cannot be reached.
    Unreachable,
    /// Out of files, ports or memory: says nothing about the backend.
    Local,
}

impl Session {
    pub(super) fn new(began: Instant, open: Open, in_progress: InProgress) -> Self {
        Self {
            began,
            backend: None,
            tried: Tried::default(),
            last: None,
            attempts: 0,
            due: 0,
            replies: 0,
            bytes_sent: 0,
            bytes_received: 0,
            _open: open,
            _in_progress: in_progress,
        }
    }

    /// Whether a backend has said anything.
    pub(super) fn has_replies(&self) -> bool {
        self.replies > 0
    }

    /// Whether a reply is due.
    pub(super) fn awaits_replies(&self) -> bool {
        self.due > 0
    }

    pub(super) fn picked(&mut self, backend: Backend) {
        let lease = backend.attempt.lease();
        self.last = Some((Arc::clone(lease.member()), lease.reason()));
        self.attempts += 1;
        self.backend = Some(backend);
    }

    /// Sends a datagram to the backend that it has; with `replies` due for each.
    pub(super) fn send(&mut self, bytes: &[u8], replies: Option<u32>) -> Sent {
        let Some(backend) = &mut self.backend else { return Sent::Dropped };
        let sent = backend.send(bytes);
        if sent == Sent::Yes {
            backend.stay.turn();
            backend.member().load.sent_datagram(bytes.len());
            self.bytes_sent += bytes.len() as u64;
            self.due += u64::from(replies.unwrap_or(0));
        }
        sent
    }

    /// Reads one datagram from the backend: its length.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; else the backend is lost.
    pub(super) fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let backend = self.backend.as_ref().ok_or(io::ErrorKind::WouldBlock)?;
        let length = backend.socket.recv(into)?;
        backend.member().load.received_datagram(length);
        self.bytes_received += length as u64;
        self.replies += 1;
        self.due = self.due.saturating_sub(1);
        self.tried = Tried::default();
        Ok(length)
    }

    /// The backend is not used any more; another one is picked for the next datagram.
    pub(super) fn leave(&mut self, outcome: Outcome, now: Instant) {
        if let Some(backend) = self.backend.take() {
            self.tried.push(backend.member().serial);
            backend.attempt.end(outcome, now);
        }
    }

    /// Ends the session. Where replies were due and not one has come, the backend has failed.
    pub(super) fn end(&mut self, why: End, now: Instant) {
        let Some(backend) = self.backend.take() else { return };
        let outcome = match why {
            End::Idle if self.due > 0 && self.replies == 0 => Outcome::ResponseTimeout,
            End::Idle | End::Answered => Outcome::Ok,
            End::Evicted | End::Cut => Outcome::Cancelled,
        };
        if why == End::Answered {
            backend.attempt.pool().durations.record(now.saturating_duration_since(self.began));
        }
        backend.attempt.end(outcome, now);
    }

    /// Writes its line into the access log, if there is one.
    pub(super) fn log(&self, flow: &Flow, why: End, listener: &str, settings: &ListenerSettings) {
        let Some(log) = &settings.access_log else { return };
        let client = flow.client.ip().to_canonical().to_string();
        let mut entry = AccessEntry::new(self.began, settings.generation, &client, listener);
        entry.pool = settings.pool.as_ref().map(|pool| pool.id.as_str());
        entry.backend = self.last.as_ref().map(|(member, _)| member.id.as_str());
        entry.reason = self.last.as_ref().map(|(_, reason)| reason.as_str());
        entry.attempts = self.attempts;
        entry.error = match why {
            End::Idle if self.due > 0 && self.replies == 0 => Some("udp_no_reply"),
            End::Idle | End::Answered => None,
            End::Evicted => Some("udp_evicted"),
            End::Cut => Some("udp_cut"),
        };
        (entry.request_bytes, entry.response_bytes) = (self.bytes_sent, self.bytes_received);
        log.write(&entry);
    }
}

impl Backend {
    /// Opens a socket to the backend that was picked. The port that it gets is this session's alone: what comes to it is
    /// for this client, and nobody can get another client's replies.
    ///
    /// # Errors
    /// [`OpenError`]; the attempt has ended then.
    pub(super) fn open(attempt: Attempt, now: Instant) -> Result<Self, OpenError> {
        let member = attempt.lease().member();
        let opened = member.address.ok_or(OpenError::Unreachable).and_then(|address| {
            connect(address)
                .map_err(|error| if is_shortage(&error) { OpenError::Local } else { OpenError::Unreachable })
        });
        match opened {
            Ok(socket) => {
                let epoch = attempt.lease().epoch();
                Ok(Self { socket, stay: attempt.stay(), attempt, epoch })
            }
            Err(error) => {
                let outcome = match error {
                    OpenError::Unreachable => Outcome::ConnectFailed,
                    OpenError::Local => Outcome::Cancelled,
                };
                attempt.end(outcome, now);
                Err(error)
            }
        }
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    fn member(&self) -> &Arc<Member> {
        self.attempt.lease().member()
    }

    /// Whether the session may stay with it: it is in the pool, where it was, and nothing is wrong with it. One that drains
    /// keeps its sessions, and so does an unhealthy one that everybody's share goes to in panic.
    pub(super) fn may_stay(&mut self, pool: &Arc<PoolCell>, snapshot: &PoolSnapshot) -> bool {
        if !std::ptr::eq(self.attempt.pool(), &raw const **pool) {
            return false;
        }
        // A session that began just now may know of a newer one.
        if self.epoch >= snapshot.epoch() {
            return true;
        }
        let own = self.member();
        let stays = snapshot.members().iter().any(|view| {
            view.member.serial == own.serial
                && view.member.address == own.address
                && (view.keeps_sessions || view.plan > 0.0)
        });
        if stays {
            self.epoch = snapshot.epoch();
        }
        stays
    }

    fn send(&self, bytes: &[u8]) -> Sent {
        match self.socket.send(bytes) {
            Ok(_) => Sent::Yes,
            Err(error) if is_refusal(&error) => Sent::Refused,
            Err(error) if is_local(&error) => Sent::OutOfResources,
            Err(_) => Sent::Dropped,
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.connect(&address.into())?;
    Ok(socket.into())
}

/// Whether this process is at fault. To connect a datagram socket blocks nobody: `EAGAIN` is that no port is left.
fn is_shortage(error: &io::Error) -> bool {
    is_local(error) || error.kind() == io::ErrorKind::WouldBlock
}

/// Whether the backend, or the network before it, has said that it is not there (udp(7): an ICMP error is reported by the
/// next call).
pub(super) fn is_refusal(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| {
        [
            Errno::CONNREFUSED,
            Errno::HOSTUNREACH,
            Errno::NETUNREACH,
            Errno::HOSTDOWN,
            Errno::NETDOWN,
            Errno::NOPROTOOPT,
            Errno::PROTO,
        ]
        .contains(&errno)
    })
}
