//! Several datagrams in one system call, and the memory that they pass through.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, sendmsg,
};
use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

use super::table::Flow;

/// Datagrams that are taken or sent at once.
pub(super) const BATCH: usize = 32;
/// No UDP length is larger (RFC 768); jumbograms apart, which nobody sends.
const LARGEST: usize = 65_535;
/// From one datagram's memory to the next one's. A power of two would have them all compete for the same few lines of the
/// processor's caches.
const STRIDE: usize = LARGEST + 1 + 17 * 64;
/// Fewest that are asked for, so that a second one shows that there are more.
const ASKED_MIN: usize = 2;

/// What the datagrams of one worker thread pass through. One for all its listeners and sessions; pages that only a large
/// datagram would need are not touched, and so not there, before one comes.
pub(super) struct Buffers {
    bytes: Vec<u8>,
    arrived: Vec<Arrived>,
    replies: Vec<Reply>,
    /// How many are asked for next.
    asked: usize,
}

/// A datagram that a client has sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    pub(super) flow: Flow,
    /// It did not fit.
    pub(super) truncated: bool,
    length: usize,
}

/// What one call took from a socket.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) datagrams: usize,
    /// What the kernel says it has dropped since the socket was opened, if it says so.
    pub(super) kernel_dropped: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Reply {
    flow: Flow,
    length: usize,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers::new());
}

/// Lends this thread's buffers. Not to be called from within `work`.
pub(super) fn with_buffers<R>(work: impl FnOnce(&mut Buffers) -> R) -> R {
    BUFFERS.with_borrow_mut(work)
}

impl Buffers {
    fn new() -> Self {
        Self {
            bytes: vec![0; BATCH * STRIDE],
            arrived: Vec::with_capacity(BATCH),
            replies: Vec::with_capacity(BATCH),
            asked: ASKED_MIN,
        }
    }

    /// Takes what waits at a listener's socket, as far as one call does.
    ///
    /// # Errors
    /// What the system says; `WouldBlock` when nothing waits.
    pub(super) fn take(&mut self, socket: &UdpSocket) -> io::Result<Taken> {
        self.arrived.clear();
        // Made anew each time: the kernel writes lengths into the headers that nothing here could reset.
        let control = nix::cmsg_space!(u32, libc::in6_pktinfo);
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(self.asked, Some(control));
        let mut slots = self.bytes.chunks_exact_mut(STRIDE);
        let mut parts: [[IoSliceMut<'_>; 1]; BATCH] = std::array::from_fn(|_| {
            [IoSliceMut::new(slots.next().map_or(&mut [], |slot| &mut slot[..LARGEST]))]
        });
        let received = recvmmsg(socket.as_raw_fd(), &mut headers, &mut parts, MsgFlags::MSG_DONTWAIT, None)?;
        let mut taken = Taken::default();
        for message in received {
            self.arrived.push(read(&message, &mut taken));
            taken.datagrams += 1;
        }
        self.asked = next_asked(self.asked, taken.datagrams);
        Ok(taken)
    }

    /// The `index`-th of those that were taken last.
    pub(super) fn arrived(&self, index: usize) -> (Arrived, &[u8]) {
        let arrived = self.arrived[index];
        (arrived, &self.bytes[index * STRIDE..][..arrived.length])
    }

    /// Where the next reply is to be read to. Overwrites what was taken from clients.
    pub(super) fn reply_space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.replies.len() * STRIDE..][..LARGEST]
    }

    /// The reply in [`Buffers::reply_space`] is to be sent. Whether there is no space for another one before
    /// [`Buffers::send_replies`].
    pub(super) fn add_reply(&mut self, flow: Flow, length: usize) -> bool {
        self.replies.push(Reply { flow, length });
        self.replies.len() == BATCH
    }

    /// Sends all replies. How many could not be sent.
    pub(super) fn send_replies(&mut self, socket: &UdpSocket) -> u64 {
        let mut from = 0;
        let mut dropped = 0;
        for run in self.replies.chunk_by(|one, next| one.flow.local.is_none() && next.flow.local.is_none()) {
            let bytes = &self.bytes[from * STRIDE..];
            dropped += match run {
                [Reply { flow: Flow { client, local: Some(local) }, length }] => {
                    u64::from(send_from(socket, *local, *client, &bytes[..*length]).is_err())
                }
                [Reply { flow, length }] => {
                    u64::from(socket.send_to(&bytes[..*length], flow.client).is_err())
                }
                run => send_together(socket, bytes, run),
            };
            from += run.len();
        }
        self.replies.clear();
        dropped
    }
}

/// Twice as many while all come, half as many while few do: headers cost time for each.
fn next_asked(asked: usize, came: usize) -> usize {
    if came == asked {
        (asked * 2).min(BATCH)
    } else if came < asked / 4 {
        (asked / 2).max(ASKED_MIN)
    } else {
        asked
    }
}

fn read(message: &RecvMsg<'_, '_, SockaddrStorage>, taken: &mut Taken) -> Arrived {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let client = message.address.and_then(|address| {
        let v4 = address.as_sockaddr_in().map(|address| SocketAddr::from(*address));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::from(*address)))
    });
    let mut local = None;
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                local = Some(IpAddr::V4(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes())));
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                local = Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
            }
            ControlMessageOwned::RxqOvfl(dropped) => taken.kernel_dropped = Some(dropped),
            _ => {}
        }
    }
    Arrived {
        flow: Flow { client: client.unwrap_or(nowhere), local },
        truncated: message.flags.contains(MsgFlags::MSG_TRUNC),
        length: message.bytes.min(LARGEST),
    }
}

/// Sends several replies from the address that the socket has. How many could not be sent.
fn send_together(socket: &UdpSocket, bytes: &[u8], replies: &[Reply]) -> u64 {
    let clients: Vec<_> = replies.iter().map(|reply| reply.flow.client.as_any()).collect();
    let parts: Vec<_> = bytes
        .chunks_exact(STRIDE)
        .zip(replies)
        .map(|(slot, reply)| [IoSlice::new(&slot[..reply.length])])
        .collect();
    let mut controls: Vec<_> = replies.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let addressed = clients.iter().zip(&parts).zip(&mut controls);
    let mut messages: Vec<_> =
        addressed.map(|((client, part), control)| MMsgHdr::new_with_addr(client, part, control)).collect();
    let (mut done, mut dropped) = (0, 0);
    while done < messages.len() {
        match sendmmsg(socket, &mut messages[done..], SendFlags::DONTWAIT) {
            Ok(sent) => done += sent.max(1),
            Err(Errno::INTR) => {}
            // The others would find no room either.
            Err(Errno::AGAIN) => return dropped + (messages.len() - done) as u64,
            Err(_) => {
                done += 1;
                dropped += 1;
            }
        }
    }
    dropped
}

/// Sends a reply from one of the addresses of a socket that has them all.
fn send_from(socket: &UdpSocket, local: IpAddr, client: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    let (v4, v6);
    let control = match local {
        IpAddr::V4(local) => {
            let any = libc::in_addr { s_addr: 0 };
            let local = libc::in_addr { s_addr: u32::from_ne_bytes(local.octets()) };
            v4 = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: local, ipi_addr: any };
            ControlMessage::Ipv4PacketInfo(&v4)
        }
        IpAddr::V6(local) => {
            let local = libc::in6_addr { s6_addr: local.octets() };
            v6 = libc::in6_pktinfo { ipi6_addr: local, ipi6_ifindex: 0 };
            ControlMessage::Ipv6PacketInfo(&v6)
        }
    };
    let (parts, client) = ([IoSlice::new(bytes)], SockaddrStorage::from(client));
    sendmsg(socket.as_raw_fd(), &parts, &[control], MsgFlags::MSG_DONTWAIT, Some(&client))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::endpoint::Endpoint;
    use super::*;

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    fn take_all(buffers: &mut Buffers, socket: &UdpSocket) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while let Ok(taken) = buffers.take(socket) {
            all.extend((0..taken.datagrams).map(|index| buffers.arrived(index).1.to_vec()));
        }
        all
    }

    #[test]
    fn takes_and_sends_any_number_of_any_size() {
        let (near, far) = (socket(), socket());
        let flow = Flow { client: far.local_addr().unwrap(), local: None };
        let mut buffers = Buffers::new();
        for count in [1, 2, 3, BATCH] {
            let sizes: Vec<usize> = (0..count).map(|index| [0, 1, 1_500, 5_000][index % 4]).collect();
            for (index, &size) in sizes.iter().enumerate() {
                buffers.reply_space()[..size].fill(index as u8);
                assert_eq!(buffers.add_reply(flow, size), index + 1 == BATCH);
            }
            assert_eq!(buffers.send_replies(&near), 0);
            let expected: Vec<Vec<u8>> =
                sizes.iter().enumerate().map(|(index, &size)| vec![index as u8; size]).collect();
            assert_eq!(take_all(&mut Buffers::new(), &far), expected);
        }
    }

    #[test]
    fn one_that_cannot_be_sent_stops_no_other() {
        let (near, far) = (socket(), socket());
        let good = Flow { client: far.local_addr().unwrap(), local: None };
        // Nothing can be sent to port 0.
        let bad = Flow { client: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), local: None };
        let mut buffers = Buffers::new();
        for flow in [bad, good, bad, bad, good, bad] {
            buffers.reply_space()[0] = b'x';
            buffers.add_reply(flow, 1);
        }
        assert_eq!(buffers.send_replies(&near), 4);
        assert_eq!(take_all(&mut buffers, &far), [b"x", b"x"]);
        buffers.add_reply(bad, 0);
        assert_eq!(buffers.send_replies(&near), 1, "alone, too");
    }

    #[test]
    fn the_kernel_says_what_it_has_dropped() {
        let endpoint = Endpoint::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 1).unwrap();
        let (near, far) = (endpoint.socket(0), socket());
        socket2::SockRef::from(near).set_recv_buffer_size(4_096).unwrap();
        for _ in 0..100 {
            far.send_to(&[0; 1_000], endpoint.address).unwrap();
        }
        let mut buffers = Buffers::new();
        let kept = take_all(&mut buffers, near).len();
        assert!((1..100).contains(&kept), "{kept} fit");
        far.send_to(b"x", endpoint.address).unwrap();
        assert_eq!(buffers.take(near).unwrap().kernel_dropped, Some(100 - kept as u32));
    }

    #[test]
    fn asks_for_as_many_as_come() {
        assert_eq!([2, 16, 32].map(|asked| next_asked(asked, asked)), [4, 32, 32]);
        assert_eq!([2, 4, 32].map(|asked| next_asked(asked, 0)), [2, 2, 16]);
        assert_eq!(next_asked(8, 3), 8);
    }
}
