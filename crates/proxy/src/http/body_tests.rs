use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::buffer::Scratch;
use super::super::socket::tests::connection;
use super::super::timer::Timer;
use super::*;
use crate::lifecycle::Stage;
use crate::splice;

/// What comes of a body of a million bytes, sent like this: whether it arrived whole, and how many are said to have been
/// moved.
async fn relayed(pipes: &Pipes, send: impl AsyncFnOnce(&mut TcpStream, &[u8])) -> (bool, u64) {
    let body: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
    let ((mut sender, from), (to, mut receiver)) = (connection().await, connection().await);
    let (mut scratch, mut timer, stage) = (Scratch::new(), Timer::default(), Stage::default());
    let (mut pending, moved) = (b"head".to_vec(), AtomicU64::new(0));
    let (from, to) = (Transport::Plain(from), Transport::Plain(to));
    let mut relay = Relay {
        from: &from,
        buffer: &mut scratch.from_backend,
        to: &to,
        pending: &mut pending,
        pace: Pace { timer: &mut timer, stage: &stage, not_after: None },
        read_idle: Duration::from_secs(5),
        write_idle: Duration::from_secs(5),
        content_max: None,
        moved: &moved,
        pipes,
    };
    let relay = async {
        let outcome = relay.run(BodyLength::Length(body.len() as u64), Framing::AsIs).await;
        rustix::net::shutdown(to.tcp(), rustix::net::Shutdown::Write).unwrap();
        outcome
    };
    let mut got = Vec::new();
    let (outcome, (), read) = tokio::join!(relay, send(&mut sender, &body), receiver.read_to_end(&mut got));
    let whole = outcome.is_ok() && read.is_ok() && got[..4] == *b"head" && got[4..] == body;
    (whole, moved.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_long_body_is_the_same_spliced_and_copied() {
    let send = async |sender: &mut TcpStream, body: &[u8]| sender.write_all(body).await.unwrap();
    for pipes in [Pipes::new(1, None), Pipes::new(1, Some(0)), splice::tests::useless()] {
        assert_eq!(relayed(&pipes, send).await, (true, 1_000_000), "{pipes:?}");
    }
}

#[tokio::test]
async fn an_urgent_byte_holds_nothing_up() {
    let with_urgent = async |sender: &mut TcpStream, body: &[u8]| {
        sender.write_all(&body[..500_000]).await.unwrap();
        sender.writable().await.unwrap();
        rustix::net::send(&*sender, b"!", rustix::net::SendFlags::OOB).unwrap();
        sender.write_all(&body[500_000..]).await.unwrap();
    };
    assert_eq!(relayed(&Pipes::new(1, None), with_urgent).await, (true, 1_000_000));
}
