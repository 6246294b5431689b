//! Listening sockets.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel holds until one is accepted; it lowers this to its own limit.
const BACKLOG: i32 = 4096;

/// Unsent bytes that the kernel takes for one client. Without this bound it takes megabytes, which is memory that no
/// limit here covers, and hides for minutes whether a slow client still takes any: it becomes writable again when half
/// of this has gone out, so a client at 1 KiB/s shows progress four times a minute.
const UNSENT_MAX: u32 = 32 * 1024;

/// Binds and listens.
///
/// Accepted sockets inherit the TCP options on Linux, which saves system calls for each.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` are two listeners, whatever the system's default.
        socket.set_only_v6(true)?;
    }
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(UNSENT_MAX)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
