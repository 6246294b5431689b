//! The backends of datagrams: whatever comes goes back.

use std::io;
use std::iter;
use std::net::UdpSocket;
use std::process::Child;
use std::thread;

use crate::Failure;

use super::own;

/// No datagram is longer.
const BYTES_MAX: usize = 64 * 1024;

/// Starts them on the load's core: one at each address, as what comes back must come from where it was sent to.
pub(crate) fn start(port: u16, addresses: impl Iterator<Item = String>) -> Result<Child, Failure> {
    // The first is for whoever asks whether they are there.
    own::serve("udp-echo", iter::once(format!("127.0.0.1:{port}")).chain(addresses))
}

/// The servers themselves, at `ADDRESS...`. They serve until they are killed.
pub(crate) fn main(addresses: &[&str]) -> Result<(), Failure> {
    let sockets: io::Result<Vec<UdpSocket>> = addresses.iter().map(UdpSocket::bind).collect();
    let sockets = sockets.map_err(|error| format!("udp-echo ADDRESS...: {error}"))?;
    thread::scope(|scope| {
        let all: Vec<_> = sockets.iter().map(|socket| scope.spawn(|| echo(socket))).collect();
        for one in all {
            one.join().map_err(|_| "udp-echo panicked".to_owned())?.map_err(|error| error.to_string())?;
        }
        Ok(())
    })
}

fn echo(socket: &UdpSocket) -> io::Result<()> {
    let mut buffer = vec![0; BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer) {
            // An address that is gone is told of at the next call.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            received => {
                let (count, from) = received?;
                socket.send_to(&buffer[..count], from).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_goes_back() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        thread::spawn(move || echo(&server));
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(address).unwrap();
        let mut got = [0; 16];
        for sent in [&b"one"[..], b"", b"another"] {
            client.send(sent).unwrap();
            let count = client.recv(&mut got).unwrap();
            assert_eq!(&got[..count], sent);
        }
    }
}
