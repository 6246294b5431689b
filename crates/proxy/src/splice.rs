//! Moves long runs of bytes from socket to socket without copying them through this process (splice(2)).
//!
//! The bytes stay where the kernel received them: a pipe holds references to its pages in between. That saves both
//! copies, but costs two file descriptors while they flow, so pipes are shared, and bounded in number and size.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::upstream::is_silent;

/// Less than this is copied. From here on a pipe costs a fifth less, at a megabyte two thirds less.
pub(crate) const SPLICE_MIN: u64 = 32 * 1024;
/// What a pipe holds at most.
const CAPACITY: usize = 256 * 1024;
/// So much is moved before other connections of the worker have their turn.
pub(crate) const IN_ONE_GO: u64 = 256 * 1024;
/// Pipes of one worker at most. Bodies beyond are copied.
const PIPES_MAX: u64 = 128;
/// Part of the files that the process may open which all pipes together may take.
const SHARE_OF_FILES: u64 = 8;
/// Pipes kept open for the next body.
const PIPES_KEPT: usize = 16;

/// The pipes of one worker.
#[derive(Debug)]
pub(crate) struct Pipes {
    free: Mutex<Vec<Ends>>,
    open: AtomicUsize,
    max: usize,
}

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipes {
    /// For one of `workers` in a process that may open `files`; `None` is any number.
    pub(crate) fn new(workers: usize, files: Option<u64>) -> Self {
        let fair = files.map_or(PIPES_MAX, |files| files / SHARE_OF_FILES / 2 / workers.max(1) as u64);
        Self { free: Mutex::default(), open: AtomicUsize::new(0), max: fair.min(PIPES_MAX) as usize }
    }

    /// An empty pipe. `None` when there are too many or the system has none left; the body is then copied.
    pub(crate) fn take(&self) -> Option<Pipe<'_>> {
        let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let ends = match kept {
            Some(ends) => ends,
            None => self.open_one()?,
        };
        Some(Pipe { ends: Some(ends), holds: 0, pipes: self })
    }

    fn open_one(&self) -> Option<Ends> {
        if self.open.load(Ordering::Relaxed) >= self.max {
            return None;
        }
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        // Refused where the user has many pipes already: then it holds what it holds.
        fcntl_setpipe_size(&write, CAPACITY).ok();
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Ends { read, write })
    }

    fn give_back(&self, ends: Ends, is_empty: bool) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if is_empty && free.len() < PIPES_KEPT {
            free.push(ends);
        } else {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A pipe in use by one body.
#[derive(Debug)]
pub(crate) struct Pipe<'a> {
    ends: Option<Ends>,
    /// Bytes in it.
    holds: usize,
    pipes: &'a Pipes,
}

impl Pipe<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.holds == 0
    }

    /// Takes what `from` has received, up to `max` bytes; the pipe must be empty. `Ok(0)` is the end of the stream.
    ///
    /// Nothing is lost by an error: what has arrived can still be read from `from`.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        from: &TcpStream,
        max: u64,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty(), "a full pipe could not be told from a socket without data");
        let write = &self.ends().write;
        let max = usize::try_from(max).unwrap_or(CAPACITY).min(CAPACITY);
        let count = loop {
            ready!(from.poll_read_ready(context))?;
            match from.try_io(Interest::READABLE, || fill(from, write, max)) {
                Err(error) if is_passing(&error) => {}
                moved => break moved?,
            }
        };
        self.holds = count;
        Poll::Ready(Ok(count))
    }

    /// Hands what the pipe holds to `to`, as far as that takes it.
    pub(crate) fn poll_drain(
        &mut self,
        context: &mut Context<'_>,
        to: &TcpStream,
    ) -> Poll<io::Result<usize>> {
        let read = &self.ends().read;
        let count = loop {
            ready!(to.poll_write_ready(context))?;
            let drain = || Ok(splice(read, None, to, None, self.holds, SpliceFlags::NONBLOCK)?);
            match to.try_io(Interest::WRITABLE, drain) {
                Err(error) if is_passing(&error) => {}
                moved => break moved?,
            }
        };
        self.holds -= count;
        Poll::Ready(Ok(count))
    }

    fn ends(&self) -> &Ends {
        self.ends.as_ref().expect("taken by drop only")
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// One splice from a socket into an empty pipe.
///
/// The kernel stops before a byte that its sender marked as urgent, for ever, and says that nothing is there. So it is
/// asked whether that is true, twice, because something may have arrived just then.
fn fill(from: &TcpStream, write: &OwnedFd, max: usize) -> io::Result<usize> {
    for _ in 0..2 {
        match splice(from, None, write, None, max, SpliceFlags::NONBLOCK) {
            Err(Errno::AGAIN) if is_silent(from) => return Err(Errno::AGAIN.into()),
            Err(Errno::AGAIN) => {}
            moved => return Ok(moved?),
        }
    }
    Err(io::Error::other("an urgent byte cannot be spliced"))
}

impl Drop for Pipe<'_> {
    fn drop(&mut self) {
        if let Some(ends) = self.ends.take() {
            self.pipes.give_back(ends, self.holds == 0);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::http::socket::tests::connection;

    #[tokio::test]
    async fn moves_every_byte_in_order_and_no_more_than_asked() {
        let body: Vec<u8> = (0..3_000_000_u32).map(|index| (index % 251) as u8).collect();
        let ((mut sender, from), (to, mut receiver)) = (connection().await, connection().await);
        let sent = body.clone();
        let sending = tokio::spawn(async move {
            sender.write_all(&sent).await.unwrap();
            sender.write_all(b"next").await.unwrap();
            sender
        });
        let length = body.len();
        let receiving = tokio::spawn(async move {
            let mut got = vec![0; length];
            receiver.read_exact(&mut got).await.unwrap();
            got
        });
        let pipes = Pipes::new(1, None);
        let mut pipe = pipes.take().unwrap();
        let mut left = length as u64;
        while left > 0 {
            left -= poll_fn(|context| pipe.poll_fill(context, &from, left)).await.unwrap() as u64;
            while !pipe.is_empty() {
                poll_fn(|context| pipe.poll_drain(context, &to)).await.unwrap();
            }
        }
        assert!(receiving.await.unwrap() == body, "the body changed on its way");
        let mut from = from;
        let mut rest = [0; 4];
        from.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"next");
        drop(sending.await.unwrap());
        assert_eq!(poll_fn(|context| pipe.poll_fill(context, &from, 1)).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_was_left_in_a_pipe_reaches_nobody_else() {
        let (mut sender, from) = connection().await;
        let pipes = Pipes::new(1, None);
        sender.write_all(b"secret").await.unwrap();
        let mut pipe = pipes.take().unwrap();
        assert_eq!(poll_fn(|context| pipe.poll_fill(context, &from, 100)).await.unwrap(), 6);
        drop(pipe);
        assert!(pipes.free.lock().unwrap().is_empty());
        assert_eq!(pipes.open.load(Ordering::Relaxed), 0);
        drop(pipes.take());
        assert_eq!(pipes.free.lock().unwrap().len(), 1, "an empty one is kept");
    }

    /// Pipes that no splice works with.
    pub(crate) fn useless() -> Pipes {
        let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let pipes = Pipes::new(1, None);
        pipes.free.lock().unwrap().push(Ends { read: file(), write: file() });
        pipes
    }

    #[tokio::test]
    async fn an_urgent_byte_is_an_error_that_loses_nothing() {
        let (mut sender, mut from) = connection().await;
        sender.write_all(b"before").await.unwrap();
        rustix::net::send(&sender, b"!", rustix::net::SendFlags::OOB).unwrap();
        sender.write_all(b"behind").await.unwrap();
        let pipes = Pipes::new(1, None);
        let mut pipe = pipes.take().unwrap();
        assert_eq!(poll_fn(|context| pipe.poll_fill(context, &from, 100)).await.unwrap(), 6);
        pipe.holds = 0;
        poll_fn(|context| pipe.poll_fill(context, &from, 100)).await.unwrap_err();
        let mut rest = [0; 6];
        from.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"behind");
    }

    #[test]
    fn pipes_leave_files_to_connections() {
        let pipes = Pipes::new(4, Some(1024));
        let taken: Vec<_> = std::iter::from_fn(|| pipes.take()).collect();
        assert_eq!(taken.len(), 16, "4 workers with 16 pipes of 2 files are an eighth of 1024");
        drop(taken);
        assert!(pipes.take().is_some());
        assert!(Pipes::new(64, Some(256)).take().is_none());
    }
}
