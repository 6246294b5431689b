//! Handshakes with clients.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::http::Timer;
use crate::lifecycle::Stage;
use crate::listen::Listener;

use super::counts::Failed;
use super::peer::Secured;
use super::server::ServerTls;
use super::session::Session;

/// How long a client that is not served may take to read why.
const FAREWELL_TIME: Duration = Duration::from_secs(1);
/// As much of what it sends is dropped at most.
const FAREWELL_DROPPED: usize = 64 * 1024;

/// What is said to whoever speaks HTTP without TLS.
const HINT: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 64\r\n\
                    Cache-Control: no-store\r\nConnection: close\r\n\r\n\
                    400 Bad Request: this port speaks HTTPS; ask with https:// here\n";

/// Shakes hands with a client until `deadline`. `None` when that did not work: the client has been told, and it has been
/// counted.
pub(crate) async fn accept(
    tcp: TcpStream,
    listener: &Listener,
    stage: &Stage,
    deadline: Instant,
) -> Option<Session> {
    let server = listener.settings.load().tls.clone()?;
    let counts = &listener.counts.tls;
    let shaken = Timer::default().limit_until(stage, || Some(deadline), None, shake(tcp, &server)).await;
    let (why, tcp) = match shaken {
        Ok(Ok(session)) => {
            session.with(|connection| counts.completed(connection));
            return Some(session);
        }
        Ok(Err(Refused::Silent)) => return None,
        Ok(Err(Refused::Plain(mut tcp))) => {
            tcp.write_all(HINT.as_bytes()).await.ok();
            (Failed::PlainHttp, Some(tcp))
        }
        Ok(Err(Refused::Handshake(error, tcp))) => {
            tracing::debug!(listener = listener.name, %error, "TLS handshake failed");
            (Failed::of(&error), Some(tcp))
        }
        Err(_) => (Failed::Timeout, None),
    };
    counts.failed(why);
    if let Some(tcp) = tcp {
        tokio::time::timeout(FAREWELL_TIME, farewell(tcp)).await.ok();
    }
    None
}

/// Why a client is not served.
enum Refused {
    /// It closed without a byte: outer balancers look this way whether somebody listens.
    Silent,
    /// It speaks HTTP without TLS.
    Plain(TcpStream),
    /// It has been told.
    Handshake(io::Error, TcpStream),
}

async fn shake(tcp: TcpStream, server: &Arc<ServerTls>) -> Result<Session, Refused> {
    // Nothing is set up for a client before it has said anything.
    let mut first = [0_u8; 1];
    match tcp.peek(&mut first).await {
        Ok(0) => return Err(Refused::Silent),
        // Methods of HTTP are upper-case letters; no record of TLS begins with one (RFC 8446 appendix B.1).
        Ok(_) if first[0].is_ascii_uppercase() => return Err(Refused::Plain(tcp)),
        Ok(_) => {}
        Err(error) => return Err(Refused::Handshake(error, tcp)),
    }
    let loaded = server.get();
    let accepted = Session::accept(tcp, Arc::clone(&loaded.config)).await;
    let mut session = accepted.map_err(|(error, tcp)| Refused::Handshake(error, tcp))?;
    let secured = session.with(|connection| Secured::new(connection, &loaded, server.asks_clients()));
    session.secured = Some(Arc::new(secured));
    Ok(session)
}

/// Closes in order: with bytes unread it would be a reset, and what the client has been told might be lost. In TLS 1.3 a
/// client sends its first request before it can know that its certificate is not good.
async fn farewell(mut tcp: TcpStream) -> io::Result<()> {
    tcp.shutdown().await?;
    let (mut sink, mut dropped) = (vec![0; 4096], 0);
    while dropped < FAREWELL_DROPPED {
        match tcp.read(&mut sink).await? {
            0 => break,
            count => dropped += count,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hint_is_as_long_as_it_says() {
        let (head, body) = super::HINT.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
