//! Clients of HTTP/2 that keep one connection each and send everything over it, as those of gRPC do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::{PATIENCE, Shared};

/// One for each client; requests take them in turn.
#[derive(Debug)]
pub(super) struct Connections {
    all: Vec<Arc<Mutex<Option<SendRequest<Bytes>>>>>,
    next: usize,
}

impl Connections {
    pub(super) fn new(count: usize) -> Self {
        Self { all: (0..count.max(1)).map(|_| Arc::default()).collect(), next: 0 }
    }

    /// One request, to its end.
    pub(super) fn request(
        &mut self,
        shared: Arc<Shared>,
        due: f64,
    ) -> impl Future<Output = ()> + Send + use<> {
        if shared.reconnect.swap(false, Ordering::Relaxed) {
            // Requests that run hold their connection until they end.
            self.all.iter_mut().for_each(|one| *one = Arc::default());
        }
        self.next += 1;
        let one = Arc::clone(&self.all[self.next % self.all.len()]);
        async move {
            let answer = tokio::time::timeout(PATIENCE, answer(&one, shared.address)).await;
            if !matches!(answer, Ok(Ok(_))) {
                *one.lock().await = None;
            }
            shared.ended(due, answer.ok().and_then(Result::ok));
        }
    }
}

async fn answer(
    connection: &Mutex<Option<SendRequest<Bytes>>>,
    address: SocketAddr,
) -> Result<(u16, Option<String>), h2::Error> {
    let response = send(connection, address).await?.await?;
    let name = response.headers().get("x-backend").and_then(|name| name.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    let mut body = response.into_body();
    while let Some(piece) = body.data().await {
        body.flow_control().release_capacity(piece?.len())?;
    }
    Ok((status, name))
}

/// Sends a request over the connection, which is opened when there is none.
async fn send(
    connection: &Mutex<Option<SendRequest<Bytes>>>,
    address: SocketAddr,
) -> Result<ResponseFuture, h2::Error> {
    let mut held = connection.lock().await;
    let mut ready = match held.take() {
        Some(sender) => sender.ready().await?,
        None => open(address).await?.ready().await?,
    };
    let request = Request::get("http://shop.test/").body(());
    let request = request.map_err(|_| h2::Error::from(h2::Reason::INTERNAL_ERROR))?;
    let (response, _) = ready.send_request(request, true)?;
    *held = Some(ready);
    Ok(response)
}

async fn open(address: SocketAddr) -> Result<SendRequest<Bytes>, h2::Error> {
    let failed = |_| h2::Error::from(h2::Reason::CONNECT_ERROR);
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let (sender, connection) = h2::client::handshake(stream).await?;
    // It ends with its last handle.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}
