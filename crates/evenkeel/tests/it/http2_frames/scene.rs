//! A balancer, a backend that answers by path, and one connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_testkit::http2::{Client, Frame};
use evenkeel_testkit::{Backend, Evenkeel, Head, Reply, Step};

use super::requirement::NEVER;
use crate::support::Setup;

/// Longer header sections are refused.
pub(super) const HEADER_BYTES: usize = 8192;

/// What the requirements of one group share.
pub(super) struct Stage {
    evenkeel: Evenkeel,
    backend: Arc<Backend>,
}

/// What one requirement has for itself.
pub(super) struct Scene {
    /// Behind its handshake.
    pub(super) client: Client,
    /// Where to connect.
    pub(super) address: SocketAddr,
    /// What the server announced.
    pub(super) settings: Vec<(u16, u32)>,
    /// Gets everything.
    pub(super) backend: Arc<Backend>,
    /// Requests for what must not arrive, of requirements before.
    reached: usize,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let backend = Arc::new(Backend::scripted("a", answer).await);
        let listener = format!("http2 = true\nlimits = {{ header_bytes = {HEADER_BYTES} }}");
        let evenkeel = Setup::new([&*backend]).listener(&listener).start().await;
        Self { evenkeel, backend }
    }

    pub(super) async fn scene(&self) -> Result<Scene, String> {
        let address = self.evenkeel.address("web");
        let (client, settings) = open(address, &[]).await?;
        let reached = reached_never(&self.backend);
        Ok(Scene { client, address, settings, backend: Arc::clone(&self.backend), reached })
    }
}

impl Scene {
    /// Sends frames.
    pub(super) async fn send(&mut self, frames: impl IntoIterator<Item = Frame>) -> Result<(), String> {
        self.client.send(frames).await.map_err(|error| format!("send: {error}"))
    }

    /// Begins anew, with these settings.
    pub(super) async fn reopen(&mut self, settings: &[(u16, u32)]) -> Result<(), String> {
        (self.client, self.settings) = open(self.address, settings).await?;
        Ok(())
    }

    /// A setting that the server announced.
    pub(super) fn setting(&self, identifier: u16) -> Option<u32> {
        self.settings.iter().rev().find(|(other, _)| *other == identifier).map(|(_, value)| *value)
    }

    /// Requests that should not have reached the backend, and did.
    pub(super) fn reached_never(&self) -> usize {
        reached_never(&self.backend) - self.reached
    }
}

async fn open(address: SocketAddr, settings: &[(u16, u32)]) -> Result<(Client, Vec<(u16, u32)>), String> {
    let mut client = Client::silent(address).await.map_err(|error| format!("connect: {error}"))?;
    let theirs = client.handshake(settings).await?;
    Ok((client, theirs))
}

fn reached_never(backend: &Backend) -> usize {
    backend.received().iter().filter(|request| request.head.target().starts_with(NEVER)).count()
}

/// The backend's script.
fn answer(head: &Head) -> Reply {
    let send = |text: &str| Step::Send(text.as_bytes().to_vec());
    match head.target() {
        "/hang" => Reply::steps([Step::ReadBody, Step::Hang]),
        "/204" => Reply::raw("HTTP/1.1 204 No Content\r\nX-Is: empty\r\n\r\n"),
        "/304" => Reply::raw("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\n"),
        "/hints" => Reply::raw(
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ),
        "/continue" => Reply::steps([
            send("HTTP/1.1 100 Continue\r\n\r\n"),
            Step::ReadBody,
            send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ]),
        "/trailers" => Reply::raw(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n2\r\nok\r\n0\r\nX-End: here\r\n\r\n",
        ),
        "/hop" => Reply::raw(
            "HTTP/1.1 200 OK\r\nConnection: X-Private\r\nKeep-Alive: timeout=5\r\nX-Private: 1\r\nX-Public: 1\r\n\
             Content-Length: 2\r\n\r\nok",
        ),
        "/cut" => Reply::steps([
            Step::ReadBody,
            send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
            Step::Pause(Duration::from_millis(20)),
            Step::Close,
        ]),
        "/unread" => Reply::steps([Step::Pause(Duration::from_secs(600))]),
        "/early" => Reply::steps([send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"), Step::Close]),
        target => match target.strip_prefix("/pattern/").and_then(|length| length.parse().ok()) {
            Some(length) => Reply::pattern(length),
            None => Reply::named("a", "fine"),
        },
    }
}
