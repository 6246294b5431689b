//! What a requirement is, and how one is tested.

use std::pin::Pin;
use std::time::Duration;

use evenkeel_testkit::http2::{Event, Outcome, code, get};

use super::scene::Scene;

/// What the RFC asks of a server, and how that is seen.
pub(super) struct Requirement {
    /// Where it stands, as `9113 6.1` or `7541 5.2`.
    pub(super) section: &'static str,
    /// What is sent, for people.
    pub(super) sent: &'static str,
    test: Test,
}

enum Test {
    /// These bytes on a fresh connection, behind the handshake.
    Bytes(fn() -> Vec<u8>, Due),
    /// What must come, for people, and a part to play.
    Part(&'static str, Part),
}

type Part = for<'a> fn(&'a mut Scene) -> Pin<Box<dyn Future<Output = Result<(), String>> + 'a>>;

/// What must come.
pub(super) enum Due {
    /// GOAWAY with one of these codes, then the end of the connection.
    ConnectionError(&'static [u32]),
    /// `RST_STREAM` with one of these codes. The connection serves on.
    StreamError(u32, &'static [u32]),
    /// Either of them: RFC 9113 section 5.4.1 lets an endpoint treat any stream error as one of the connection.
    AnyError(u32, &'static [u32]),
    /// `RST_STREAM(PROTOCOL_ERROR)`, or 400 (section 8.1.1). No backend sees it. The connection serves on.
    Malformed(u32),
    /// The same, or GOAWAY: bytes that no message can hold, which a server may take for more than one stream's matter.
    MalformedBytes(u32),
    /// A response with this status. The connection serves on.
    Status(u32, u16),
    /// The same by `RST_STREAM(PROTOCOL_ERROR)`: what may be understood, and need not.
    StatusOrStreamError(u32, u16),
    /// Nothing. The connection serves on.
    Nothing,
}

/// A requirement that is seen by sending bytes on a fresh connection.
pub(super) const fn bytes(
    section: &'static str,
    sent: &'static str,
    make: fn() -> Vec<u8>,
    due: Due,
) -> Requirement {
    Requirement { section, sent, test: Test::Bytes(make, due) }
}

/// A requirement that takes some to and fro to be seen.
pub(super) const fn part(
    section: &'static str,
    sent: &'static str,
    due: &'static str,
    play: Part,
) -> Requirement {
    Requirement { section, sent, test: Test::Part(due, play) }
}

/// Paths that begin like this must not reach a backend.
pub(super) const NEVER: &str = "/never";
/// A stream for the request that shows that a connection serves on: above all others.
const AFTERWARDS: u32 = 9_001;
/// All of a requirement's to and fro, on a machine that does other things as well.
const LIMIT: Duration = Duration::from_secs(30);

impl Requirement {
    /// What must come, for people.
    pub(super) fn due(&self) -> String {
        match &self.test {
            Test::Bytes(_, due) => due.text(),
            Test::Part(due, _) => (*due).to_owned(),
        }
    }

    /// Whether it holds.
    pub(super) async fn check(&self, scene: &mut Scene) -> Result<(), String> {
        let test = async {
            match &self.test {
                Test::Bytes(make, due) => {
                    scene.client.send_bytes(make()).await.map_err(|error| format!("send: {error}"))?;
                    due.check(scene).await
                }
                Test::Part(_, play) => play(scene).await,
            }
        };
        let ended = tokio::time::timeout(LIMIT, test).await;
        ended.unwrap_or_else(|_| Err(format!("not within {LIMIT:?}")))?;
        match scene.reached_never() {
            0 => Ok(()),
            count => Err(format!("{count} such requests have reached a backend")),
        }
    }
}

impl Due {
    fn text(&self) -> String {
        match self {
            Self::ConnectionError(codes) => format!("GOAWAY {}, and the connection ends", names(codes)),
            Self::StreamError(_, codes) => format!("RST_STREAM {}", names(codes)),
            Self::AnyError(_, codes) => format!("RST_STREAM or GOAWAY, {}", names(codes)),
            Self::Malformed(_) => "RST_STREAM PROTOCOL_ERROR, or status 400; no backend sees it".to_owned(),
            Self::MalformedBytes(_) => {
                "RST_STREAM or GOAWAY, PROTOCOL_ERROR, or status 400; no backend sees it".to_owned()
            }
            Self::Status(_, status) => format!("status {status}"),
            Self::StatusOrStreamError(_, status) => format!("status {status}, or RST_STREAM PROTOCOL_ERROR"),
            Self::Nothing => "nothing: it is ignored".to_owned(),
        }
    }

    async fn check(&self, scene: &mut Scene) -> Result<(), String> {
        match self {
            Self::ConnectionError(codes) => return connection_error(scene, codes).await,
            Self::Nothing => {}
            Self::StreamError(stream, codes) => match scene.client.outcome(*stream).await? {
                Outcome::Reset(code) if is_among(code, codes) => {}
                other => return Err(format!("{other} instead of RST_STREAM {}", names(codes))),
            },
            Self::AnyError(stream, codes) => match any_error(scene, *stream).await? {
                Outcome::Reset(code) if is_among(code, codes) => {}
                Outcome::GoAway(code) if is_among(code, codes) => return scene.client.closed().await,
                other => return Err(format!("{other} instead of {}", names(codes))),
            },
            Self::Malformed(stream) => match scene.client.outcome(*stream).await? {
                Outcome::Reset(code::PROTOCOL_ERROR) => {}
                Outcome::Response(response) if response.status() == 400 => {}
                other => return Err(format!("{other} to what is malformed")),
            },
            Self::MalformedBytes(stream) => match scene.client.outcome(*stream).await? {
                Outcome::GoAway(code::PROTOCOL_ERROR) => return scene.client.closed().await,
                Outcome::Reset(code::PROTOCOL_ERROR) => {}
                outcome if outcome.status() == Some(400) => {}
                other => return Err(format!("{other} to what is malformed")),
            },
            Self::Status(stream, status) => {
                let outcome = scene.client.outcome(*stream).await?;
                if outcome.status() != Some(*status) {
                    return Err(format!("{outcome} instead of status {status}"));
                }
            }
            Self::StatusOrStreamError(stream, status) => match scene.client.outcome(*stream).await? {
                Outcome::Reset(code::PROTOCOL_ERROR) => {}
                outcome if outcome.status() == Some(*status) => {}
                other => return Err(format!("{other} instead of status {status}")),
            },
        }
        serves_on(scene).await
    }
}

/// GOAWAY with one of `codes`, and the end.
pub(super) async fn connection_error(scene: &mut Scene, codes: &[u32]) -> Result<(), String> {
    let code = scene.client.goaway().await?;
    if !is_among(code, codes) {
        return Err(format!("GOAWAY {} instead of {}", code::name(code), names(codes)));
    }
    scene.client.closed().await
}

/// That the connection is in order: its next request is served.
pub(super) async fn serves_on(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(AFTERWARDS, "/afterwards")]).await?;
    match scene.client.outcome(AFTERWARDS).await? {
        outcome if outcome.status() == Some(200) => Ok(()),
        other => Err(format!("afterwards {other}")),
    }
}

/// The error on a stream that has its response already, perhaps.
async fn any_error(scene: &mut Scene, stream: u32) -> Result<Outcome, String> {
    let pick = |event: &Event| match event {
        Event::Reset(of, code) if *of == stream => Some(Outcome::Reset(*code)),
        Event::GoAway(_, code) => Some(Outcome::GoAway(*code)),
        _ => None,
    };
    scene.client.find("an error", pick).await
}

/// Section 5.4: a generic code can always stand for a more specific one.
fn is_among(code: u32, codes: &[u32]) -> bool {
    code == code::PROTOCOL_ERROR || codes.contains(&code)
}

fn names(codes: &[u32]) -> String {
    codes.iter().map(|code| code::name(*code)).collect::<Vec<_>>().join(" or ")
}
