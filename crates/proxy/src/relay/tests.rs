use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::clock::Clock;
use crate::http::socket::tests::connection;
use crate::splice::Pipes;
use crate::splice::tests::useless;

const PATIENCE: Duration = Duration::from_secs(20);
/// What is left to a relay whose listener is gone.
const LEAVE: Duration = Duration::from_millis(300);

/// A relay in a task of its own, and the far ends of its connections.
struct Running {
    client: TcpStream,
    backend: TcpStream,
    relay: JoinHandle<(End, Moved)>,
    stage: Arc<crate::lifecycle::Stage>,
    worker: Arc<Worker>,
    /// Whether its listener is gone.
    retired: Arc<AtomicBool>,
}

async fn start(pipes: Pipes, idle: Duration) -> Running {
    start_with(pipes, idle, Early::default()).await
}

async fn start_with(pipes: Pipes, idle: Duration, early: Early) -> Running {
    let ((client, near_client), (near_backend, backend)) = (connection().await, connection().await);
    let stage = Arc::<crate::lifecycle::Stage>::default();
    let worker = Arc::new(Worker::new(Clock::start(), Arc::clone(&stage), 1, pipes));
    let (owned, retired) = (Arc::clone(&worker), Arc::<AtomicBool>::default());
    let gone = Arc::clone(&retired);
    let relay = tokio::spawn(async move {
        let (client, backend) = (Transport::Plain(near_client), Transport::Plain(near_backend));
        let mut ticket = owned.expect_connection();
        ticket.register().await;
        let mut total = Moved::default();
        let mut timer = Timer::default();
        let relay = Relay {
            client: &client,
            backend: &backend,
            early,
            worker: &owned,
            timer: &mut timer,
            idle,
            leave: Some(Leave { retired: &gone, patience: LEAVE }),
        };
        let end = relay.run(|moved| total += moved).await;
        if end != End::Closed {
            client.reset_on_close();
            backend.reset_on_close();
        }
        (end, total)
    });
    Running { client, backend, relay, stage, worker, retired }
}

fn some_bytes(length: usize, seed: u32) -> Vec<u8> {
    (0..length as u32)
        .map(|index| (index.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8)
        .collect()
}

/// Fails where it would hang.
async fn in_time<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.expect("in time")
}

/// Writes all of `bytes`, ends the sending side, and reads to the end.
async fn converse(stream: TcpStream, bytes: Vec<u8>) -> Vec<u8> {
    let (mut reading, mut writing) = stream.into_split();
    let sending = tokio::spawn(async move {
        for part in bytes.chunks(100_000) {
            writing.write_all(part).await.unwrap();
        }
        writing.shutdown().await.unwrap();
    });
    let mut got = Vec::new();
    in_time(reading.read_to_end(&mut got)).await.unwrap();
    sending.await.unwrap();
    got
}

#[tokio::test]
async fn every_byte_arrives_once_and_in_order_spliced_or_copied() {
    for pipes in [Pipes::new(1, None), Pipes::new(1, Some(0)), useless()] {
        let running = start(pipes, PATIENCE).await;
        let (up, down) = (some_bytes(5_000_003, 1), some_bytes(3_000_001, 2));
        let answering = tokio::spawn(converse(running.backend, down.clone()));
        let got = converse(running.client, up.clone()).await;
        assert!(got == down, "{} bytes of {}", got.len(), down.len());
        let got = answering.await.unwrap();
        assert!(got == up, "{} bytes of {}", got.len(), up.len());
        let moved = Moved { sent: up.len() as u64, received: down.len() as u64 };
        assert_eq!(in_time(running.relay).await.unwrap(), (End::Closed, moved));
    }
}

#[tokio::test]
async fn an_end_is_passed_on_while_the_other_direction_goes_on() {
    for client_first in [true, false] {
        let running = start(Pipes::new(1, None), PATIENCE).await;
        let (mut first, mut second) = (running.client, running.backend);
        if !client_first {
            (first, second) = (second, first);
        }
        first.write_all(b"the last word").await.unwrap();
        first.shutdown().await.unwrap();
        let mut got = Vec::new();
        in_time(second.read_to_end(&mut got)).await.unwrap();
        assert_eq!(got, b"the last word");
        for _ in 0..3 {
            second.write_all(b"not yet").await.unwrap();
            let mut got = [0; 7];
            in_time(first.read_exact(&mut got)).await.unwrap();
            assert_eq!(&got, b"not yet");
        }
        drop(second);
        assert_eq!(in_time(first.read(&mut [0; 1])).await.unwrap(), 0);
        assert_eq!(in_time(running.relay).await.unwrap().0, End::Closed);
    }
}

#[tokio::test]
async fn a_reset_on_one_side_is_one_on_the_other() {
    for by_client in [true, false] {
        let running = start(Pipes::new(1, None), PATIENCE).await;
        let (mut resetting, mut other) = (running.client, running.backend);
        if !by_client {
            (resetting, other) = (other, resetting);
        }
        resetting.write_all(b"so far").await.unwrap();
        let mut got = [0; 6];
        in_time(other.read_exact(&mut got)).await.unwrap();
        socket2::SockRef::from(&resetting).set_linger(Some(Duration::ZERO)).unwrap();
        drop(resetting);
        let error = in_time(other.read(&mut [0; 1])).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let expected = if by_client { End::ClientReset } else { End::BackendReset };
        assert_eq!(in_time(running.relay).await.unwrap().0, expected);
    }
}

#[tokio::test]
async fn a_backend_that_is_done_takes_no_more() {
    let running = start(Pipes::new(1, None), PATIENCE).await;
    let (mut client, mut backend) = (running.client, running.backend);
    backend.write_all(b"goodbye").await.unwrap();
    drop(backend);
    let mut got = Vec::new();
    in_time(client.read_to_end(&mut got)).await.unwrap();
    assert_eq!(got, b"goodbye");
    while client.write_all(b"are you there?").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(in_time(running.relay).await.unwrap().0, End::BackendClosed);
}

#[tokio::test]
async fn a_slow_reader_slows_the_sender_and_loses_nothing() {
    for pipes in [Pipes::new(1, None), Pipes::new(1, Some(0))] {
        let running = start(pipes, PATIENCE).await;
        let bytes = some_bytes(20_000_001, 3);
        let sending = tokio::spawn(converse(running.backend, bytes.clone()));
        let mut client = running.client;
        client.shutdown().await.unwrap();
        let mut got = vec![0; bytes.len()];
        for part in got.chunks_mut(500_000) {
            tokio::time::sleep(Duration::from_millis(1)).await;
            in_time(client.read_exact(part)).await.unwrap();
        }
        assert!(got == bytes);
        assert_eq!(sending.await.unwrap(), b"");
        assert_eq!(in_time(running.relay).await.unwrap().0, End::Closed);
    }
}

#[tokio::test]
async fn silence_ends_it_and_a_byte_either_way_is_none() {
    let idle = Duration::from_millis(200);
    let running = start(Pipes::new(1, None), idle).await;
    let (mut client, mut backend) = (running.client, running.backend);
    let started = std::time::Instant::now();
    for round in 0..4 {
        tokio::time::sleep(idle / 2).await;
        let (from, to) =
            if round % 2 == 0 { (&mut client, &mut backend) } else { (&mut backend, &mut client) };
        from.write_all(b"x").await.unwrap();
        to.read_exact(&mut [0; 1]).await.unwrap();
    }
    let last = started.elapsed();
    let moved = Moved { sent: 2, received: 2 };
    assert_eq!(in_time(running.relay).await.unwrap(), (End::Idle, moved));
    assert!(started.elapsed() - last >= idle * 9 / 10, "{:?} after the last byte", started.elapsed() - last);
    assert!(client.read(&mut [0; 1]).await.is_err(), "what is cut off does not look whole");
}

#[tokio::test]
async fn the_deadline_of_a_drain_ends_it() {
    let running = start(Pipes::new(1, None), PATIENCE).await;
    let (mut client, mut backend) = (running.client, running.backend);
    client.write_all(b"x").await.unwrap();
    backend.read_exact(&mut [0; 1]).await.unwrap();
    running.stage.cut();
    running.worker.wake_all();
    assert_eq!(in_time(running.relay).await.unwrap().0, End::Cut);
}

#[tokio::test]
async fn a_client_that_has_gone_is_noticed_behind_what_it_sent() {
    let running = start(Pipes::new(1, None), PATIENCE).await;
    let mut client = running.client;
    let sent = tokio::time::timeout(Duration::from_millis(300), client.write_all(&vec![1; 64 << 20])).await;
    assert!(sent.is_err(), "the backend reads nothing, and took all of it");
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    let ended = tokio::time::timeout(PATIENCE / 2, running.relay).await.expect("noticed");
    assert_eq!(ended.unwrap().0, End::ClientReset);
    drop(running.backend);
}

#[tokio::test]
async fn what_was_read_already_goes_first() {
    let early = Early { to_backend: b"asked early, ".to_vec(), to_client: b"told early, ".to_vec() };
    let running = start_with(Pipes::new(1, None), PATIENCE, early).await;
    let (up, down) = (b"asked late".to_vec(), b"told late".to_vec());
    let answering = tokio::spawn(converse(running.backend, down));
    assert_eq!(converse(running.client, up).await, b"told early, told late");
    assert_eq!(answering.await.unwrap(), b"asked early, asked late");
    assert_eq!(running.relay.await.unwrap(), (End::Closed, Moved { sent: 23, received: 21 }));
}

#[tokio::test]
async fn a_listener_that_is_gone_leaves_it_some_time() {
    let running = start(Pipes::new(1, None), PATIENCE).await;
    let (mut client, mut backend) = (running.client, running.backend);
    let started = std::time::Instant::now();
    running.retired.store(true, Ordering::Release);
    running.worker.wake_all();
    client.write_all(b"still").await.unwrap();
    backend.read_exact(&mut [0; 5]).await.unwrap();
    assert_eq!(running.relay.await.unwrap().0, End::Cut);
    assert!(started.elapsed() >= LEAVE, "{:?}", started.elapsed());
}
