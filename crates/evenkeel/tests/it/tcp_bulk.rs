//! Connections passed on: much on a few of them, and nothing on many.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::raw::{Server, await_ended, connected, exchange, layer4};

/// Pseudo-random, so that a piece that is lost, doubled or moved is noticed.
struct Stream {
    block: Vec<u8>,
    at: u64,
}

impl Stream {
    const BLOCK: usize = (1 << 20) - 3;

    fn new(seed: u64) -> Self {
        let mut state = seed;
        let step = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        Self { block: (0..Self::BLOCK).map(step).collect(), at: 0 }
    }

    /// The next bytes, at most `most`.
    fn next(&mut self, most: usize) -> &[u8] {
        let from = (self.at % Self::BLOCK as u64) as usize;
        let to = (from + most).min(Self::BLOCK);
        self.at += (to - from) as u64;
        &self.block[from..to]
    }
}

async fn send(mut to: OwnedWriteHalf, seed: u64, length: u64) {
    let mut stream = Stream::new(seed);
    while stream.at < length {
        let most = (length - stream.at).min(200_000) as usize;
        to.write_all(stream.next(most)).await.expect("open");
    }
    to.shutdown().await.expect("open");
}

async fn check(mut from: OwnedReadHalf, seed: u64, length: u64) {
    let mut stream = Stream::new(seed);
    let mut piece = vec![0; 256 * 1024];
    loop {
        let count = from.read(&mut piece).await.expect("no reset");
        if count == 0 {
            break;
        }
        let mut rest = &piece[..count];
        while !rest.is_empty() {
            let at = stream.at;
            let expected = stream.next(rest.len());
            let (here, behind) = rest.split_at(expected.len());
            assert!(here == expected, "different between {at} and {}", at + here.len() as u64);
            rest = behind;
        }
    }
    assert_eq!(stream.at, length);
}

#[tokio::test]
async fn a_gibibyte_each_way_is_the_same_at_the_other_end() {
    let length = (1 << 30) + 12_345;
    let server = Server::start("a").await;
    let evenkeel = layer4("tcp", [&server]).start().await;
    let (client, backend) = connected(&evenkeel, &server).await;
    let ((from_backend, to_backend), (from_client, to_client)) = (client.into_split(), backend.into_split());
    let tasks = [
        tokio::spawn(send(to_backend, 1, length)),
        tokio::spawn(check(from_client, 1, length)),
        tokio::spawn(send(to_client, 2, length)),
        tokio::spawn(check(from_backend, 2, length)),
    ];
    for task in tasks {
        task.await.expect("the same bytes");
    }
    await_ended(&evenkeel, "closed", 1.0).await;
    let metrics = evenkeel.metrics().await;
    for direction in ["sent", "received"] {
        let moved = metrics.value("evenkeel_backend_bytes_total", &[("direction", direction)]);
        assert_eq!(moved, length as f64, "{direction}");
    }
    let peak = evenkeel.peak_resident_bytes();
    assert!(peak < 64 << 20, "{} MiB at the peak", peak >> 20);
}

#[tokio::test]
async fn a_slow_reader_holds_up_its_sender_and_no_memory() {
    let server = Server::start("a").await;
    let evenkeel = layer4("tcp", [&server]).start().await;
    let mut ends = Vec::new();
    for _ in 0..20 {
        let (client, mut backend) = connected(&evenkeel, &server).await;
        let writing = tokio::spawn(async move {
            let all = async {
                for _ in 0..50 {
                    backend.write_all(&vec![1; 1 << 20]).await.expect("open");
                }
            };
            let wrote = tokio::time::timeout(Duration::from_secs(2), all).await;
            assert!(wrote.is_err(), "50 MiB went to a client that reads nothing");
            backend
        });
        ends.push((client, writing));
    }
    let mut backends = Vec::new();
    for (client, writing) in ends {
        backends.push((client, writing.await.expect("it is held up")));
    }
    let peak = evenkeel.peak_resident_bytes();
    assert!(peak < 48 << 20, "{} MiB at the peak", peak >> 20);
    // Its bytes are under way, and counted, although the relay goes on.
    let received =
        evenkeel.metrics().await.value("evenkeel_backend_bytes_total", &[("direction", "received")]);
    assert!(received > 0.0, "nothing is counted before the end");
}

#[tokio::test]
async fn idle_relays_weigh_little() {
    const RELAYS: usize = 1000;
    let server = Server::start("a").await;
    let evenkeel = layer4("tcp", [&server]).start().await;
    let mut open = Vec::new();
    let mut open_one = async || {
        let (mut client, mut backend) = connected(&evenkeel, &server).await;
        exchange(&mut client, &mut backend).await;
        open.push((client, backend));
    };
    for _ in 0..100 {
        open_one().await;
    }
    let before = evenkeel.resident_bytes();
    for _ in 0..RELAYS {
        open_one().await;
    }
    let each = evenkeel.resident_bytes().saturating_sub(before) / RELAYS as u64;
    println!("{each} bytes for each idle relay");
    assert!(each <= 4096, "{each} bytes for each idle relay");
}
