//! The yardstick: a proxy that is hyper and nothing else. Each client connection keeps a backend connection; there is
//! no pool, no route, no limit and no figure.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, client, server};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::Result;

/// Runs to the end of the process.
pub(crate) fn start(backend: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new()
        .name("bare".to_owned())
        .spawn(move || runtime.block_on(accept(listener, backend)))?;
    Ok(address)
}

async fn accept(listener: TcpListener, backend: SocketAddr) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, backend));
    }
}

async fn serve(downstream: TcpStream, backend: SocketAddr) -> Result<()> {
    let upstream = TcpStream::connect(backend).await?;
    downstream.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let (sender, connection) = client::conn::http1::handshake(TokioIo::new(upstream)).await?;
    tokio::spawn(connection);
    let sender = Arc::new(Mutex::new(sender));
    let forward = move |request: Request<Incoming>| {
        let sender = Arc::clone(&sender);
        async move {
            let mut sender = sender.lock().await;
            sender.ready().await?;
            sender.send_request(request).await
        }
    };
    let server = server::conn::http1::Builder::new();
    server.serve_connection(TokioIo::new(downstream), service_fn(forward)).await?;
    Ok(())
}
