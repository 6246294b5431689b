use std::future::poll_fn;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::super::certificates::tests::made;
use super::super::provider;
use super::super::trusting::Trusting;
use super::*;
use crate::transport::Transport;

/// Two ends that have shaken hands, over sockets that hold as little as the kernel lets them.
pub(crate) async fn narrow() -> (Transport, Transport) {
    let (cert, key) = made(&["a.example"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let server = versions.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let trusting = Arc::new(Trusting::new(provider()));
    let client =
        versions.unwrap().dangerous().with_custom_certificate_verifier(trusting).with_no_client_auth();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    socket2::SockRef::from(&listener).set_send_buffer_size(1).unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(1).unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    let (near, far) = tokio::join!(listener.accept(), socket.connect(listener.local_addr().unwrap()));
    let name = ServerName::try_from("a.example").unwrap();
    let (near, far) = tokio::join!(
        Session::accept(near.unwrap().0, Arc::new(server)),
        Session::connect(far.unwrap(), Arc::new(client), name)
    );
    let Ok(near) = near else { panic!("no handshake") };
    (Transport::Tls(Box::new(near)), Transport::Tls(Box::new(far.unwrap())))
}

#[tokio::test]
async fn what_was_taken_goes_out_when_it_is_flushed_and_not_before_the_peer_reads() {
    let (near, mut far) = narrow().await;
    let content = vec![7_u8; 60_000];
    let mut taken = 0;
    while taken < content.len() {
        taken += poll_fn(|context| near.poll_send(context, &[&content[taken..]])).await.unwrap();
    }
    let flush = poll_fn(|context| near.poll_flush(context));
    let early = tokio::time::timeout(Duration::from_millis(50), flush).await;
    assert!(early.is_err(), "the kernel cannot have it all: nobody reads");

    let reading = tokio::spawn(async move {
        let mut got = vec![0; 60_000];
        far.read_exact(&mut got).await.map(|_| got)
    });
    let flush = poll_fn(|context| near.poll_flush(context));
    tokio::time::timeout(Duration::from_secs(20), flush).await.expect("it goes out").unwrap();
    let got = tokio::time::timeout(Duration::from_secs(20), reading).await.expect("all of it");
    assert!(got.unwrap().unwrap() == content);
}
