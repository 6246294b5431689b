//! Many sockets of which one task waits for any.

use std::io;
use std::mem::MaybeUninit;
use std::net::UdpSocket as StdUdpSocket;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{Timespec, epoll};
use rustix::fs::OFlags;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Sockets in a set, each under a number. A socket leaves it when it is closed.
#[derive(Debug)]
pub(super) struct Set(OwnedFd);

/// A set that a task of tokio waits for.
///
/// tokio waits for a descriptor of any kind only by a function that is unsafe, and for a socket by a safe one. Readiness is
/// all that is ever asked of this "socket", and a set tells it as a socket does (epoll(7)).
#[derive(Debug)]
pub(super) struct Watch(UdpSocket);

/// Numbers that are looked at in one go.
pub(super) const AT_ONCE: usize = 64;

/// Room for them.
pub(super) type Events = [MaybeUninit<epoll::Event>; AT_ONCE];

impl Set {
    /// An empty set.
    ///
    /// # Errors
    /// What the system says: out of files.
    pub(super) fn new() -> io::Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(&set, OFlags::NONBLOCK)?;
        Ok(Self(set))
    }

    /// Adds a socket that is wanted when something can be read from it, or it has failed.
    ///
    /// # Errors
    /// What the system says: out of memory, or of `fs.epoll.max_user_watches`.
    pub(super) fn add(&self, socket: &StdUdpSocket, number: u64) -> io::Result<()> {
        add(&self.0, socket, number)
    }
}

impl Watch {
    /// To be called in the runtime that waits.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn new(set: Set) -> io::Result<Self> {
        UdpSocket::from_std(StdUdpSocket::from(set.0)).map(Self)
    }

    /// See [`Set::add`].
    ///
    /// # Errors
    /// The same.
    pub(super) fn add(&self, socket: &StdUdpSocket, number: u64) -> io::Result<()> {
        add(&self.0, socket, number)
    }

    /// Takes a socket out that stays open.
    pub(super) fn remove(&self, socket: &StdUdpSocket) {
        // It can only not be there, and then it is not to be.
        epoll::delete(&self.0, socket).ok();
    }

    /// Waits until a socket may be wanted.
    ///
    /// # Errors
    /// The runtime is ending.
    pub(super) async fn ready(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Forgets that one was: [`Watch::ready`] waits for the next.
    pub(super) fn all_served(&self) {
        let nothing_left = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        self.0.try_io(Interest::READABLE, nothing_left).ok();
    }

    /// The numbers of sockets that are wanted now.
    pub(super) fn wanted<'a>(&self, events: &'a mut Events) -> impl Iterator<Item = u64> + use<'a> {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let found = epoll::wait(&self.0, events, Some(&at_once)).map_or(&mut [][..], |(found, _)| found);
        found.iter().map(|event| event.data.u64())
    }
}

fn add(set: impl AsFd, socket: &StdUdpSocket, number: u64) -> io::Result<()> {
    Ok(epoll::add(set, socket, epoll::EventData::new_u64(number), epoll::EventFlags::IN)?)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    fn socket() -> StdUdpSocket {
        let socket = StdUdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    #[tokio::test]
    async fn wakes_for_each_datagram_and_for_nothing_else() {
        let (one, other) = (socket(), socket());
        let set = Set::new().unwrap();
        set.add(&one, 7).unwrap();
        let watch = Watch::new(set).unwrap();
        watch.add(&other, 8).unwrap();
        let mut events = [const { MaybeUninit::uninit() }; AT_ONCE];
        for number in [7, 8, 7] {
            let wanted = if number == 7 { &one } else { &other };
            let waiting = tokio::time::timeout(Duration::from_millis(20), watch.ready()).await;
            assert!(waiting.is_err() || watch.wanted(&mut events).count() == 0);
            watch.all_served();
            let waiting = tokio::time::timeout(Duration::from_millis(20), watch.ready()).await;
            assert!(waiting.is_err(), "nothing has come");
            socket().send_to(b"x", wanted.local_addr().unwrap()).unwrap();
            tokio::time::timeout(Duration::from_secs(10), watch.ready()).await.unwrap().unwrap();
            assert!(watch.wanted(&mut events).eq([number]));
            wanted.recv(&mut [0; 8]).unwrap();
            assert_eq!(watch.wanted(&mut events).count(), 0);
        }
        drop(other);
        watch.remove(&one);
        socket().send_to(b"x", one.local_addr().unwrap()).unwrap();
        assert_eq!(watch.wanted(&mut events).count(), 0, "it is not in the set any more");
    }
}
