//! Clients that mean harm: each does one thing that once brought servers down.

mod flood;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use super::event::Event;
use super::reader::FrameReader;
use flood::Flood;

/// Before a cut attacker comes again.
const RETURN: Duration = Duration::from_millis(50);

/// What an attacker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Requests, each cancelled at once (CVE-2023-44487).
    RapidReset,
    /// Requests, each followed by a frame for which the server must reset the stream (CVE-2025-8671).
    MadeYouReset,
    /// Malformed requests, whose resets are not read (CVE-2019-9514).
    MalformedRequests,
    /// A field section that never ends (CVE-2024-27316).
    Continuations,
    /// The same without a byte in it (CVE-2019-9518).
    EmptyContinuations,
    /// SETTINGS, whose acknowledgements are not read (CVE-2019-9515).
    Settings,
    /// PINGs, whose answers are not read (CVE-2019-9512).
    Pings,
    /// Field sections of 16 KiB that are 48 MiB once expanded (CVE-2016-6581).
    HpackBomb,
    /// DATA without content (CVE-2019-9518).
    EmptyData,
    /// PRIORITY to and fro (CVE-2019-9513).
    Priorities,
    /// Windows that open by one byte at a time, unasked.
    WindowUpdates,
    /// Many large responses into windows that open by one byte, now and then (CVE-2019-9511, CVE-2019-9517).
    Dribble,
    /// A preface that comes byte by byte.
    SlowPreface,
    /// A TLS handshake that comes byte by byte.
    SlowTls,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fought {
    /// Connections opened.
    pub connections: u64,
    /// Those that the server ended.
    pub cut: u64,
    /// Bytes that the server took.
    pub bytes: u64,
    /// GOAWAYs, by code, as far as the attacker reads at all.
    pub goaways: BTreeMap<u32, u64>,
}

/// How an attack is carried out.
struct Manner {
    name: &'static str,
    /// Connections at a time.
    width: usize,
    /// Between two waves of frames.
    pause: Duration,
    /// Whether what the server says is read.
    reads: bool,
}

impl Attack {
    /// All of them that speak HTTP/2 to a listener without TLS.
    pub const ALL: &'static [Self] = &[
        Self::RapidReset,
        Self::MadeYouReset,
        Self::MalformedRequests,
        Self::Continuations,
        Self::EmptyContinuations,
        Self::Settings,
        Self::Pings,
        Self::HpackBomb,
        Self::EmptyData,
        Self::Priorities,
        Self::WindowUpdates,
        Self::Dribble,
        Self::SlowPreface,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        self.manner().name
    }

    /// Attacks until `end`, coming again whenever the server ends a connection. Large responses are asked for at
    /// `path`.
    pub async fn run(self, address: SocketAddr, path: &str, end: Instant) -> Fought {
        let mut attackers = tokio::task::JoinSet::new();
        for _ in 0..self.manner().width {
            let path = path.to_owned();
            attackers.spawn(async move {
                let mut fought = Fought::default();
                while Instant::now() < end {
                    self.once(address, &path, end, &mut fought).await;
                    tokio::time::sleep(RETURN).await;
                }
                fought
            });
        }
        let mut sum = Fought::default();
        while let Some(fought) = attackers.join_next().await {
            sum.add(fought.unwrap_or_else(|error| panic!("an attacker panicked: {error}")));
        }
        sum
    }

    /// One connection, until the server ends it or time is over.
    async fn once(self, address: SocketAddr, path: &str, end: Instant, fought: &mut Fought) {
        let Ok(stream) = TcpStream::connect(address).await else { return };
        fought.connections += 1;
        stream.set_nodelay(true).ok();
        let (reader, mut writer) = stream.into_split();
        let Manner { pause, reads, .. } = self.manner();
        let mut flood = Flood::new(self, path);
        let mut bytes = 0;
        let attack = async {
            let mut wave = flood.opening();
            loop {
                // A server that reads no more is not one that has ended the connection.
                writer.write_all(&wave).await?;
                bytes += wave.len() as u64;
                tokio::time::sleep(pause).await;
                wave = flood.wave();
            }
        };
        let mut goaways = BTreeMap::new();
        let left = end.saturating_duration_since(Instant::now());
        let ended: Result<io::Result<()>, _> = tokio::time::timeout(left, async {
            tokio::select! {
                ended = attack => ended,
                () = read(reader, &mut goaways), if reads => Ok(()),
            }
        })
        .await;
        fought.cut += u64::from(ended.is_ok());
        fought.bytes += bytes;
        for (code, count) in goaways {
            *fought.goaways.entry(code).or_default() += count;
        }
    }

    fn manner(self) -> Manner {
        let flood = |name| Manner { name, width: 1, pause: Duration::ZERO, reads: true };
        let deaf = |name| Manner { reads: false, ..flood(name) };
        let slow = |name, width, pause| Manner { width, pause: Duration::from_millis(pause), ..flood(name) };
        match self {
            Self::RapidReset => flood("rapid reset"),
            Self::MadeYouReset => flood("MadeYouReset"),
            Self::MalformedRequests => deaf("malformed requests"),
            Self::Continuations => flood("continuation flood"),
            Self::EmptyContinuations => flood("empty continuations"),
            Self::Settings => deaf("settings flood"),
            Self::Pings => deaf("ping flood"),
            Self::HpackBomb => flood("HPACK bomb"),
            Self::EmptyData => flood("empty data"),
            Self::Priorities => flood("priority flood"),
            Self::WindowUpdates => flood("window update flood"),
            Self::Dribble => slow("window dribble", 8, 100),
            Self::SlowPreface => slow("slow preface", 200, 200),
            Self::SlowTls => slow("slow TLS handshake", 200, 200),
        }
    }
}

impl Fought {
    fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.cut += other.cut;
        self.bytes += other.bytes;
        for (code, count) in other.goaways {
            *self.goaways.entry(code).or_default() += count;
        }
    }
}

/// Reads to the end, and notes only why the server goes.
async fn read(mut reader: OwnedReadHalf, goaways: &mut BTreeMap<u32, u64>) {
    let (mut frames, mut buffer) = (FrameReader::new(), Vec::with_capacity(16 * 1024));
    while reader.read_buf(&mut buffer).await.is_ok_and(|length| length > 0) {
        while let Ok(Some(event)) = frames.next(&mut buffer) {
            if let Event::GoAway(_, code) = event {
                *goaways.entry(code).or_default() += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::frame::Frame;
    use super::*;

    #[tokio::test]
    async fn an_attacker_that_is_cut_comes_again_and_knows_why() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(&Frame::goaway(0, 11).bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
                let mut sink = Vec::new();
                stream.read_buf(&mut sink).await.unwrap();
            }
        });
        let end = Instant::now() + Duration::from_millis(500);
        let fought = Attack::RapidReset.run(address, "/", end).await;
        server.abort();
        assert!(fought.connections >= 2 && fought.cut >= fought.connections - 1, "{fought:?}");
        assert!(fought.goaways.get(&11).is_some_and(|&count| count >= 1), "{fought:?}");
    }
}
