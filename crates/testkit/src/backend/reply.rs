//! What a backend does with a request, step by step.

use std::time::Duration;

use tokio::sync::watch;

/// Steps that answer one request.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) steps: Vec<Step>,
}

/// One of them.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads the request body to its end.
    ReadBody,
    /// Sends these bytes as they are.
    Send(Vec<u8>),
    /// Sends so many bytes of [`crate::pattern`].
    SendPattern(u64),
    /// Sends these bytes in pieces of the length given, with a pause before each.
    Drip(Vec<u8>, usize, Duration),
    /// Takes its time.
    Pause(Duration),
    /// Waits until the gate is open.
    Pass(Gate),
    /// Sends back whatever comes, until the peer has said all.
    Echo,
    /// Says no more, until the peer closes.
    Hang,
    /// Closes the connection in good order.
    Close,
    /// Resets the connection.
    Reset,
}

impl Reply {
    /// Exactly these steps. Unless they end the connection it serves another request afterwards, which makes
    /// sense only when the body has been read.
    pub fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect() }
    }

    /// Reads the request, then sends these bytes.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::steps([Step::ReadBody, Step::Send(bytes.into())])
    }

    /// Reads the request, then sends a response with `Content-Length`.
    pub fn text(status: u16, content: &str) -> Self {
        Self::with_fields(status, "", content)
    }

    /// Reads the request, then answers 200 with `X-Backend: name`.
    pub fn named(name: &str, content: &str) -> Self {
        Self::with_fields(200, &format!("X-Backend: {name}\r\n"), content)
    }

    /// Reads the request, then sends a response with these field lines (each with its line end) and
    /// `Content-Length`.
    pub fn with_fields(status: u16, fields: &str, content: &str) -> Self {
        let length = content.len();
        Self::raw(format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\n{fields}\r\n{content}"))
    }

    /// Reads the request, answers 200 with `length` bytes of [`crate::pattern`].
    pub fn pattern(length: u64) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        Self::steps([Step::ReadBody, Step::Send(head.into_bytes()), Step::SendPattern(length)])
    }

    /// The same, followed by another step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The same, after the gate has opened.
    #[must_use]
    pub fn behind(mut self, gate: &Gate) -> Self {
        self.steps.insert(0, Step::Pass(gate.clone()));
        self
    }
}

/// Holds steps until the test opens it.
#[derive(Clone, Debug)]
pub struct Gate {
    open: watch::Sender<bool>,
}

impl Gate {
    /// A closed one.
    pub fn new() -> Self {
        Self { open: watch::Sender::new(false) }
    }

    /// Lets everybody pass, now and later.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    pub(super) async fn pass(&self) {
        // An error would mean that the sender is gone, but it is this very gate's.
        self.open.subscribe().wait_for(|open| *open).await.ok();
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
