//! Clients of HTTP/1.1 that keep connections and use whichever is idle.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_testkit::Client;

use super::{PATIENCE, Shared};

/// Connections without a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Client>>>);

impl Pool {
    /// One request, to its end.
    pub(super) fn request(
        &self,
        shared: Arc<Shared>,
        due: f64,
        user: u32,
    ) -> impl Future<Output = ()> + Send + use<> {
        let pool = self.clone();
        async move {
            let answer = tokio::time::timeout(PATIENCE, pool.answer(shared.address, user)).await;
            shared.ended(due, answer.ok().and_then(Result::ok));
        }
    }

    async fn answer(&self, address: SocketAddr, user: u32) -> io::Result<(u16, Option<String>)> {
        let fields = format!("Host: shop.test\r\nOrigin: https://shop.test\r\nX-User: u{user}");
        let bytes = format!("GET /?user={user} HTTP/1.1\r\n{fields}\r\n\r\n");
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(client) = idle {
            match self.exchange(client, &bytes).await {
                // It was closed while it idled: every client asks again then.
                Err(error) if is_stale(&error) => {}
                answer => return answer,
            }
        }
        self.exchange(Client::try_connect(address).await?, &bytes).await
    }

    async fn exchange(&self, mut client: Client, bytes: &str) -> io::Result<(u16, Option<String>)> {
        client.try_send(bytes).await?;
        let response = client.try_response("GET").await?;
        let closes = response.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let answer = (response.status(), response.field("x-backend").map(str::to_owned));
        if !closes {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        }
        Ok(answer)
    }
}

fn is_stale(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | BrokenPipe)
}
