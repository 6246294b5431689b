//! Looks at the frames of a connection as they pass, and notices when there are more than any honest peer sends.
//!
//! The protocol engine bounds memory; what it does not bound is how often a peer may make it work for nothing. So frames
//! are counted by kind in windows of time, in both directions: heads only, payloads are skipped.

/// Frames that ask for work without carrying anything (pings, settings, priorities, empty DATA) in one window.
const IDLE_MAX: u32 = 200;
/// Window updates that each DATA frame sent entitles to, beside the fixed number: receivers commonly update both the
/// stream's and the connection's window, in small steps.
const UPDATES_FOR_EACH: u32 = 10;
/// DATA shorter than this counts as small.
const SMALL: u32 = 256;
/// So many small ones are what the engine ends a connection for, if anything.
const SMALL_MANY: u32 = 50;
/// The same for continuations.
const CONTINUATIONS_MANY: u32 = 5;
/// Bytes of a frame's head (RFC 9113 section 4.1).
const HEAD: usize = 9;
/// A RST_STREAM says why in the four bytes behind its head (RFC 9113 section 6.4).
const WITH_CODE: usize = HEAD + 4;

/// Behaviour that ends a connection. The name is the `reason` of `evenkeel_http2_floods_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flood {
    /// Streams opened and reset at once (CVE-2023-44487).
    RapidReset,
    /// The peer's faults make us reset streams, which stop counting while their backends still work (CVE-2025-8671).
    MadeYouReset,
    /// Header sections in endless continuations (CVE-2024-27316).
    Continuation,
    /// Header lists that compress to next to nothing (CVE-2016-6581).
    HeaderList,
    /// Pings, each to be answered (CVE-2019-9512).
    Ping,
    /// Settings, each to be acknowledged (CVE-2019-9515).
    Settings,
    /// Priorities, each to be sorted in (CVE-2019-9513).
    Priority,
    /// DATA without data (CVE-2019-9518), or with next to none.
    EmptyData,
    /// Windows opened a byte at a time, or for nothing (CVE-2019-9511).
    WindowUpdate,
}

impl Flood {
    /// All of them, in the order of the counters.
    pub(crate) const ALL: [Self; 9] = [
        Self::RapidReset,
        Self::MadeYouReset,
        Self::Continuation,
        Self::HeaderList,
        Self::Ping,
        Self::Settings,
        Self::Priority,
        Self::EmptyData,
        Self::WindowUpdate,
    ];

    /// As a label value.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RapidReset => "rapid_reset",
            Self::MadeYouReset => "made_you_reset",
            Self::Continuation => "continuation",
            Self::HeaderList => "header_list",
            Self::Ping => "ping",
            Self::Settings => "settings",
            Self::Priority => "priority",
            Self::EmptyData => "empty_data",
            Self::WindowUpdate => "window_update",
        }
    }
}

/// Frame types (RFC 9113 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    Ping,
    WindowUpdate,
    Continuation,
    Other,
}

/// One frame as far as counting goes.
#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: Kind,
    length: u32,
    /// END_STREAM on DATA, ACK on SETTINGS and PING: the same bit.
    flagged: bool,
    /// Of a RST_STREAM.
    code: u32,
}

/// Finds the heads of frames in a stream of bytes, however it is cut.
#[derive(Debug, Default)]
struct Walker {
    head: [u8; WITH_CODE],
    have: usize,
    /// Bytes of the payload that are still to come.
    skip: usize,
}

impl Walker {
    fn feed(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Frame)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let wanted = if self.have >= HEAD && self.head[3] == 3 { WITH_CODE } else { HEAD };
            let taken = (wanted - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if let Some(frame) = self.whole() {
                let behind = self.have - HEAD;
                self.skip = (frame.length as usize).saturating_sub(behind);
                self.have = 0;
                seen(frame);
            }
        }
    }

    /// The frame, once enough of it is there. A RST_STREAM of a wrong length is the engine's to refuse.
    fn whole(&self) -> Option<Frame> {
        let [a, b, c, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let has_code = kind == 3 && length >= 4;
        if self.have < if has_code { WITH_CODE } else { HEAD } {
            return None;
        }
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Headers,
            2 => Kind::Priority,
            3 => Kind::Reset,
            4 => Kind::Settings,
            6 => Kind::Ping,
            8 => Kind::WindowUpdate,
            9 => Kind::Continuation,
            _ => Kind::Other,
        };
        let code = [self.head[9], self.head[10], self.head[11], self.head[12]];
        Some(Frame {
            kind,
            length,
            flagged: flags & 1 != 0,
            code: if has_code { u32::from_be_bytes(code) } else { 0 },
        })
    }
}

/// What one window of time has seen.
#[derive(Debug, Default)]
struct Counts {
    resets: u32,
    faults: u32,
    pings: u32,
    settings: u32,
    priorities: u32,
    empty: u32,
    updates: u32,
    continuations: u32,
    /// DATA that is hardly worth its head.
    small: u32,
    /// HEADERS and DATA that carried something, both directions: what entitles a peer to the rest.
    useful: u32,
    /// DATA frames sent.
    sent: u32,
}

/// Counts the frames of one connection.
#[derive(Debug)]
pub(super) struct Census {
    /// Resets in one window, of each kind.
    resets_max: u32,
    received: Walker,
    sent: Walker,
    counts: Counts,
    first: Option<bool>,
    flood: Option<Flood>,
}

impl Census {
    /// Of a connection whose peer may have `resets` streams reset in one window.
    pub(super) fn new(resets: u32) -> Self {
        Self {
            resets_max: resets,
            received: Walker::default(),
            sent: Walker::default(),
            counts: Counts::default(),
            first: None,
            flood: None,
        }
    }

    /// What is wrong with the peer.
    pub(super) fn flood(&self) -> Option<Flood> {
        self.flood
    }

    /// What the peer has most likely done when the engine, which does not say, calls it excessive.
    pub(super) fn suspected(&self) -> Flood {
        let Counts { continuations, resets, small, .. } = self.counts;
        if continuations >= CONTINUATIONS_MANY {
            Flood::Continuation
        } else if resets >= self.resets_max.div_ceil(2) {
            Flood::RapidReset
        } else if small >= SMALL_MANY {
            Flood::EmptyData
        } else {
            Flood::HeaderList
        }
    }

    /// Whether the first frame was SETTINGS, as it must be (RFC 9113 section 3.4); `None` before it.
    pub(super) fn began_well(&self) -> Option<bool> {
        self.first
    }

    /// Begins another window.
    pub(super) fn turn(&mut self) {
        self.counts = Counts::default();
    }

    /// Bytes from the peer, behind the preface.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        let Self { received, counts, first, flood, resets_max, .. } = self;
        received.feed(bytes, |frame| {
            first.get_or_insert(frame.kind == Kind::Settings && !frame.flagged);
            if flood.is_none() {
                *flood = counts.received(frame, *resets_max);
            }
        });
    }

    /// Bytes to the peer.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        let Self { sent, counts, flood, resets_max, .. } = self;
        sent.feed(bytes, |frame| {
            if flood.is_none() && counts.sent(frame) > *resets_max {
                *flood = Some(Flood::MadeYouReset);
            }
        });
    }
}

impl Counts {
    fn received(&mut self, frame: Frame, resets_max: u32) -> Option<Flood> {
        let entitled = IDLE_MAX + self.useful;
        let beyond = |counter: &mut u32, max: u32, flood| {
            *counter += 1;
            (*counter > max).then_some(flood)
        };
        self.continuations += u32::from(frame.kind == Kind::Continuation);
        self.small += u32::from(frame.kind == Kind::Data && frame.length < SMALL && !frame.flagged);
        match frame.kind {
            Kind::Data if frame.length == 0 && !frame.flagged => {
                beyond(&mut self.empty, IDLE_MAX, Flood::EmptyData)
            }
            Kind::Data | Kind::Headers => {
                self.useful += 1;
                None
            }
            Kind::Reset => beyond(&mut self.resets, resets_max, Flood::RapidReset),
            Kind::Ping if !frame.flagged => beyond(&mut self.pings, entitled, Flood::Ping),
            Kind::Settings if !frame.flagged => beyond(&mut self.settings, IDLE_MAX, Flood::Settings),
            Kind::Priority => beyond(&mut self.priorities, entitled, Flood::Priority),
            Kind::WindowUpdate => {
                let max = entitled.saturating_add(self.sent.saturating_mul(UPDATES_FOR_EACH));
                beyond(&mut self.updates, max, Flood::WindowUpdate)
            }
            Kind::Ping | Kind::Settings | Kind::Continuation | Kind::Other => None,
        }
    }

    /// How often we have had to reset a stream for the peer's fault. Codes that say something else: NO_ERROR (0),
    /// INTERNAL_ERROR (2), REFUSED_STREAM (7), CANCEL (8) (RFC 9113 section 7).
    fn sent(&mut self, frame: Frame) -> u32 {
        match frame.kind {
            Kind::Data | Kind::Headers => {
                self.useful += 1;
                self.sent += u32::from(frame.kind == Kind::Data);
            }
            Kind::Reset if !matches!(frame.code, 0 | 2 | 7 | 8) => self.faults += 1,
            _ => {}
        }
        self.faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let frames = [
            frame(4, 0, &[0; 12]),
            frame(0, 0, b"hello"),
            frame(3, 0, &7_u32.to_be_bytes()),
            frame(3, 0, &[]),
            frame(3, 0, &[0, 0, 0, 8, 9, 9]),
            frame(0, 1, &[]),
            frame(6, 1, &[0; 8]),
        ];
        let bytes = frames.concat();
        for step in 1..bytes.len() {
            let (mut walker, mut seen) = (Walker::default(), Vec::new());
            for piece in bytes.chunks(step) {
                walker.feed(piece, |frame| seen.push((frame.kind, frame.length, frame.flagged, frame.code)));
            }
            let expected = [
                (Kind::Settings, 12, false, 0),
                (Kind::Data, 5, false, 0),
                (Kind::Reset, 4, false, 7),
                (Kind::Reset, 0, false, 0),
                (Kind::Reset, 6, false, 8),
                (Kind::Data, 0, true, 0),
                (Kind::Ping, 8, true, 0),
            ];
            assert_eq!(seen, expected, "pieces of {step}");
        }
    }

    fn after(times: u32, bytes: &[u8]) -> Option<Flood> {
        let mut census = Census::new(100);
        (0..times).for_each(|_| census.received(bytes));
        census.flood()
    }

    #[test]
    fn each_flood_has_its_name() {
        let reset = frame(3, 0, &8_u32.to_be_bytes());
        assert_eq!((after(100, &reset), after(101, &reset)), (None, Some(Flood::RapidReset)));
        for (bytes, flood) in [
            (frame(6, 0, &[0; 8]), Flood::Ping),
            (frame(4, 0, &[]), Flood::Settings),
            (frame(2, 0, &[0; 5]), Flood::Priority),
            (frame(0, 0, &[]), Flood::EmptyData),
            (frame(8, 0, &[0, 0, 0, 1]), Flood::WindowUpdate),
        ] {
            assert_eq!((after(IDLE_MAX, &bytes), after(IDLE_MAX + 1, &bytes)), (None, Some(flood)));
        }
        for harmless in [frame(6, 1, &[0; 8]), frame(4, 1, &[]), frame(0, 0, b"x"), frame(1, 4, b"x")] {
            assert_eq!(after(10_000, &harmless), None, "{harmless:?}");
        }
    }

    #[test]
    fn what_the_engine_calls_excessive_has_a_name() {
        let suspected = |times: u32, bytes: &[u8]| {
            let mut census = Census::new(100);
            (0..times).for_each(|_| census.received(bytes));
            census.suspected()
        };
        assert_eq!(suspected(6, &frame(9, 0, b"x")), Flood::Continuation);
        assert_eq!(suspected(60, &frame(3, 0, &8_u32.to_be_bytes())), Flood::RapidReset);
        assert_eq!(suspected(60, &frame(0, 0, b"x")), Flood::EmptyData);
        assert_eq!(suspected(1, &frame(1, 4, &[0; 16_000])), Flood::HeaderList);
    }

    #[test]
    fn resets_for_the_peers_faults_are_its_own() {
        let mut census = Census::new(100);
        for code in [0_u32, 2, 7, 8] {
            (0..200).for_each(|_| census.sent(&frame(3, 0, &code.to_be_bytes())));
        }
        assert_eq!(census.flood(), None);
        (0..101).for_each(|_| census.sent(&frame(3, 0, &1_u32.to_be_bytes())));
        assert_eq!(census.flood(), Some(Flood::MadeYouReset));
    }

    #[test]
    fn a_busy_connection_may_ping_more_and_a_new_window_begins_at_nothing() {
        let (ping, data) = (frame(6, 0, &[0; 8]), frame(0, 0, b"x"));
        let mut census = Census::new(100);
        for _ in 0..10_000 {
            census.sent(&data);
            census.received(&ping);
        }
        assert_eq!(census.flood(), None);
        let mut census = Census::new(100);
        for _ in 0..10 {
            (0..IDLE_MAX).for_each(|_| census.received(&ping));
            census.turn();
        }
        assert_eq!(census.flood(), None);
    }

    #[test]
    fn the_first_frame_is_settings() {
        let began = |bytes: &[u8]| {
            let mut census = Census::new(100);
            census.received(bytes);
            census.began_well()
        };
        assert_eq!(began(&[]), None);
        assert_eq!(began(&frame(4, 0, &[])), Some(true));
        assert_eq!(began(&frame(4, 1, &[])), Some(false));
        assert_eq!(began(&frame(6, 0, &[0; 8])), Some(false));
    }
}
