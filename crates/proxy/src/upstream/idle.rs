//! Idle connections to backends, kept by each worker for itself.
//!
//! Which connections happen to be idle never influences which backend is picked: preferring a backend with an
//! idle connection would make the busy busier.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::Upstream;

/// Connections of one worker, by backend.
#[derive(Debug, Default)]
pub(crate) struct IdlePool {
    by_backend: Mutex<ByBackend>,
}

type ByBackend = HashMap<u64, Idlers, BuildHasherDefault<SerialHasher>>;

/// The idle connections of one backend, used last first. Most have one, which is kept in the table itself: with many
/// backends each step to other memory is a wait for it.
#[derive(Debug, Default)]
struct Idlers {
    last: Option<Idle>,
    /// Empty when there is no last.
    earlier: Vec<Idle>,
}

/// Backends looked at in one go.
const SWEPT_AT_ONCE: usize = 64;

/// Serials are small, unique and ours: spreading their bits is all the hashing they need.
#[derive(Debug, Default)]
struct SerialHasher(u64);

impl Hasher for SerialHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(self.0 ^ u64::from(byte)));
    }

    fn write_u64(&mut self, serial: u64) {
        // Fibonacci hashing (Knuth, TAOCP 6.4).
        self.0 = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[derive(Debug)]
struct Idle {
    upstream: Upstream,
    /// Where it leads: a backend may have moved since.
    address: SocketAddr,
    /// By the bounds in force when it was put here.
    expires: Instant,
}

/// How long and how many, from the pool's configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    pub(crate) idle_max: usize,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_age: Duration,
}

impl Idle {
    fn is_expired(&self, now: Instant) -> bool {
        now >= self.expires
    }
}

impl Idlers {
    fn len(&self) -> usize {
        self.earlier.len() + usize::from(self.last.is_some())
    }

    fn push(&mut self, idle: Idle) {
        self.earlier.extend(self.last.replace(idle));
    }

    fn pop(&mut self) -> Option<Idle> {
        let last = self.last.take()?;
        self.last = self.earlier.pop();
        Some(last)
    }

    /// Takes out those that `useless` says.
    fn extract(&mut self, mut useless: impl FnMut(&mut Idle) -> bool, into: &mut Vec<Idle>) {
        into.extend(self.earlier.extract_if(.., &mut useless));
        if self.last.as_mut().is_some_and(useless) {
            into.extend(self.pop());
        }
    }
}

impl IdlePool {
    /// The most recently used connection to the backend that still looks open. An idle connection must be silent: bytes on
    /// it would be taken for the next response, its end is its end.
    ///
    /// One that is secured in another way than `secured`, or not at all, is of no use.
    ///
    /// `certain` asks the kernel instead of relying on events that have already arrived: worth a system call
    /// before a request that could not be sent a second time.
    pub(crate) fn take(
        &self,
        serial: u64,
        (address, secured): (SocketAddr, u64),
        certain: bool,
        now: Instant,
    ) -> Option<Upstream> {
        let mut by_backend = self.lock();
        let idle = by_backend.get_mut(&serial)?;
        while let Some(mut candidate) = idle.pop() {
            let leads_there = (candidate.address, candidate.upstream.secured) == (address, secured);
            let fits = leads_there && !candidate.is_expired(now);
            if fits && candidate.upstream.stream.is_silent(certain) {
                candidate.upstream.reused = true;
                return Some(candidate.upstream);
            }
        }
        None
    }

    /// Keeps a connection whose last response has ended cleanly.
    pub(crate) fn put(
        &self,
        serial: u64,
        address: SocketAddr,
        upstream: Upstream,
        keep: Keep,
        since: Instant,
    ) {
        let Keep { idle_max, idle_timeout, max_age } = keep;
        let expires = (since + idle_timeout).min(upstream.opened + max_age);
        let idle = Idle { upstream, address, expires };
        if idle_max == 0 || idle.is_expired(since) {
            return;
        }
        let mut by_backend = self.lock();
        let all = by_backend.entry(serial).or_default();
        if all.len() < idle_max {
            all.push(idle);
        }
    }

    /// Closes what has expired or was closed by its backend. Called every second or so. Between some backends and the
    /// next ones requests have their turn: a look at thousands of connections takes milliseconds.
    pub(crate) async fn sweep(&self) {
        let serials: Vec<u64> = self.lock().keys().copied().collect();
        for some in serials.chunks(SWEPT_AT_ONCE) {
            self.sweep_these(some);
            tokio::task::yield_now().await;
        }
    }

    fn sweep_these(&self, serials: &[u64]) {
        let now = Instant::now();
        let mut closed = Vec::new();
        let mut by_backend = self.lock();
        for serial in serials {
            let Entry::Occupied(mut idle) = by_backend.entry(*serial) else { continue };
            let useless = |one: &mut Idle| one.is_expired(now) || !one.upstream.stream.is_silent(false);
            idle.get_mut().extract(useless, &mut closed);
            if idle.get().len() == 0 {
                idle.remove();
            }
        }
        drop(by_backend);
        // Closing sockets is a system call each: not under the lock.
        drop(closed);
    }

    fn lock(&self) -> MutexGuard<'_, ByBackend> {
        self.by_backend.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections held.
    pub(crate) fn len(&self) -> usize {
        self.lock().values().map(Idlers::len).sum()
    }
}

/// Whether the socket is open and nothing has arrived on it: asks the kernel, for events may be late.
pub(crate) fn is_silent(socket: impl AsFd) -> bool {
    let peeked = recv(socket, &mut [0_u8; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    matches!(peeked, Err(Errno::AGAIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    const KEEP: Keep =
        Keep { idle_max: 2, idle_timeout: Duration::from_secs(60), max_age: Duration::from_secs(60) };

    async fn pair(listener: &TcpListener) -> (Upstream, TcpStream) {
        let address = listener.local_addr().unwrap();
        let (upstream, accepted) = tokio::join!(
            super::super::connect(address, Duration::from_secs(5), b"", None),
            listener.accept()
        );
        (upstream.unwrap(), accepted.unwrap().0)
    }

    #[tokio::test]
    async fn gives_back_what_is_open_and_only_that() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let idle = IdlePool::default();
        for certain in [false, true] {
            let (upstream, _peer) = pair(&listener).await;
            idle.put(1, address, upstream, KEEP, Instant::now());
            assert!(idle.take(2, (address, 0), certain, Instant::now()).is_none(), "another backend's");
            assert!(idle.take(1, (address, 7), certain, Instant::now()).is_none(), "without TLS");
            let (upstream, peer) = pair(&listener).await;
            idle.put(1, address, upstream, KEEP, Instant::now());
            let upstream = idle.take(1, (address, 0), certain, Instant::now()).expect("open");
            assert!(upstream.reused);
            idle.put(1, address, upstream, KEEP, Instant::now());
            drop(peer);
            settle(&idle, 1, address).await;
            assert!(idle.take(1, (address, 0), certain, Instant::now()).is_none(), "closed by its peer");
        }
        let (upstream, mut peer) = pair(&listener).await;
        idle.put(1, address, upstream, KEEP, Instant::now());
        peer.write_all(b"unasked").await.unwrap();
        settle(&idle, 1, address).await;
        assert!(idle.take(1, (address, 0), false, Instant::now()).is_none(), "spoke unasked");
    }

    /// Lets the runtime learn of what the peer did.
    async fn settle(idle: &IdlePool, serial: u64, address: SocketAddr) {
        let stream = idle.by_backend.lock().unwrap().get_mut(&serial).unwrap().pop().unwrap();
        stream.upstream.stream.tcp().readable().await.unwrap();
        idle.put(serial, address, stream.upstream, KEEP, Instant::now());
    }

    #[tokio::test]
    async fn keeps_no_more_than_it_may_and_no_longer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let idle = IdlePool::default();
        let mut peers = Vec::new();
        for _ in 0..3 {
            let (upstream, peer) = pair(&listener).await;
            idle.put(1, address, upstream, KEEP, Instant::now());
            peers.push(peer);
        }
        assert_eq!(idle.len(), 2);
        while idle.take(1, (address, 0), false, Instant::now()).is_some() {}
        let (upstream, _peer) = pair(&listener).await;
        idle.put(1, address, upstream, Keep { max_age: Duration::ZERO, ..KEEP }, Instant::now());
        assert_eq!(idle.len(), 0);
        let (upstream, _peer) = pair(&listener).await;
        idle.put(
            1,
            address,
            upstream,
            Keep { idle_timeout: Duration::from_millis(1), ..KEEP },
            Instant::now(),
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
        idle.sweep().await;
        assert_eq!(idle.len(), 0);
    }
}
