//! What comes from a server, and what became of a request.

use super::code;
use super::frame::Frame;
use crate::http::Fields;

/// One thing that a server said; a field section counts once, with its CONTINUATIONs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// DATA: stream, content without padding, whether the stream ends.
    Data(u32, Vec<u8>, bool),
    /// A field section: stream, lines, whether the stream ends.
    Fields(u32, Fields, bool),
    /// `RST_STREAM`: stream and code.
    Reset(u32, u32),
    /// SETTINGS of the server.
    Settings(Vec<(u16, u32)>),
    /// Our SETTINGS were acknowledged.
    SettingsAck,
    /// PING: whether it is an answer, and what it carries.
    Ping(bool, Vec<u8>),
    /// GOAWAY: last stream and code.
    GoAway(u32, u32),
    /// `WINDOW_UPDATE`: stream and increment.
    WindowUpdate(u32, u32),
    /// Any other frame.
    Other(Frame),
    /// The connection has ended, in good order or not.
    Closed,
}

/// How a request ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a whole response.
    Response(Response),
    /// With `RST_STREAM`, of this code.
    Reset(u32),
    /// With GOAWAY, of this code, that does not cover the stream or is an error.
    GoAway(u32),
    /// With the connection.
    Closed,
}

/// A whole response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Field sections of interim (1xx) responses.
    pub interim: Vec<Fields>,
    /// The field section, pseudo-header fields included.
    pub fields: Fields,
    /// Content.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: Fields,
}

impl Response {
    /// Status code; 0 when there is none.
    pub fn status(&self) -> u16 {
        status(&self.fields)
    }

    /// The value of a field, of the first when there are several.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl Outcome {
    /// The status, if there is a response.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Response(response) => Some(response.status()),
            _ => None,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response(response) => write!(formatter, "status {}", response.status()),
            Self::Reset(reason) => write!(formatter, "RST_STREAM({})", code::name(*reason)),
            Self::GoAway(reason) => write!(formatter, "GOAWAY({})", code::name(*reason)),
            Self::Closed => formatter.write_str("the connection closed"),
        }
    }
}

/// The status of a field section; 0 when there is none.
pub(super) fn status(fields: &Fields) -> u16 {
    let status = fields.iter().find(|(name, _)| name == ":status");
    status.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}
