//! What listeners and backends speak: the short forms, the defaults, and what becomes of a pool without requests.

use std::time::Duration;

use crate::values::with;
use evenkeel_config::{
    CertificateFiles, Check, ClientAuth, Http2, HttpsRedirect, Protocol, ProxyVersion, ServerTls, Source,
    TlsVersion, UdpBounds, UpstreamProtocol, UpstreamTls, load,
};

#[test]
fn a_grpc_check_asks_for_a_service_or_for_the_server() {
    let check = |text: &str| {
        with("", &format!("protocol = \"http2\"\nhealth = {text}")).pools.remove(0).health.unwrap().check
    };
    let grpc = |service: &str| Check::Grpc { service: service.into() };
    assert_eq!(check("{ grpc = \"shop.Cart\" }"), grpc("shop.Cart"));
    assert_eq!(check("{ grpc = true }"), grpc(""));
    assert_eq!(check("{ type = \"grpc\" }"), grpc(""));
    assert_eq!(check("{ grpc = false }"), Check::Tcp);
}

#[test]
fn what_is_said_of_protocols_has_its_defaults() {
    let http2 = |text: &str| with(text, "").listeners.remove(0).http2;
    let plain = Http2 {
        streams: 128,
        header_list_bytes: 16_384,
        resets: 100,
        window_bytes: 65_536,
        ping_interval: None,
    };
    for text in ["", "http2 = true", "http2 = {}"] {
        assert_eq!(http2(text), Some(plain.clone()), "{text}");
    }
    let small = http2("limits = { header_bytes = \"2KiB\" }");
    assert_eq!(small, Some(Http2 { header_list_bytes: 2048, ..plain }));
    assert_eq!(
        with("https_redirect = true", "").listeners[0].https_redirect,
        Some(HttpsRedirect { port: 443 })
    );

    let files = |name: &str| CertificateFiles {
        cert: format!("{name}.pem").into(),
        key: format!("{name}.key").into(),
    };
    let secure = |more: &str| {
        let text = format!("tls = {{ certificates = [{{ cert = \"a.pem\", key = \"a.key\" }}]{more} }}");
        with(&format!("protocol = \"https\"\n{text}"), "").listeners.remove(0).tls.unwrap()
    };
    let plain = ServerTls {
        certificates: vec![files("a")],
        min_version: TlsVersion::V12,
        client_auth: None,
        tickets: true,
    };
    assert_eq!(secure(""), plain);
    let required = ClientAuth { ca: "c.pem".into(), required: true };
    assert_eq!(secure(", client_auth = { ca = \"c.pem\" }").client_auth, Some(required));

    let upstream = |text: &str| with("", &format!("tls = {text}")).pools.remove(0).tls;
    let plain = UpstreamTls { ca: None, server_name: None, verify: true, identity: None };
    assert_eq!((upstream("true"), upstream("{}")), (Some(plain.clone()), Some(plain.clone())));
    let identity = Some(files("p"));
    assert_eq!(upstream("{ cert = \"p.pem\", key = \"p.key\" }"), Some(UpstreamTls { identity, ..plain }));

    let pool = with("", "send_proxy = \"v1\"").pools.remove(0);
    assert_eq!((pool.send_proxy, pool.protocol), (Some(ProxyVersion::V1), UpstreamProtocol::Http1));
    assert_eq!((pool.streams_max, pool.upgrade), (100, true));
}

#[test]
fn files_are_beside_the_configuration() {
    let text = "[listener.web]\nbind = \":443\"\nprotocol = \"https\"\npool = \"web\"\n\
                tls = { certificates = [{ cert = \"tls/a.pem\", key = \"/keys/a.key\" }] }\n\
                [pool.web]\nbackends = [\"a:443\", \"b:443\"]\ntls = { ca = \"../ca.pem\" }\n";
    let config = load(&Source::new("/etc/evenkeel/web.toml", text)).config.unwrap();
    let found = &config.listeners[0].tls.as_ref().unwrap().certificates[0];
    let ca = config.pools[0].tls.as_ref().unwrap().ca.as_ref().unwrap();
    let names = [&found.cert, &found.key, ca].map(|path| path.to_str().unwrap());
    assert_eq!(names, ["/etc/evenkeel/tls/a.pem", "/keys/a.key", "/etc/evenkeel/../ca.pem"]);
}

#[test]
fn without_requests_a_pool_is_no_route() {
    for (word, protocol) in
        [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("tls_passthrough", Protocol::TlsPassthrough)]
    {
        let config = with(&format!("protocol = \"{word}\""), "");
        let listener = &config.listeners[0];
        assert_eq!((listener.protocol, listener.pool.as_ref()), (protocol, Some(&config.pools[0].id)));
        assert_eq!((config.routes.len(), &listener.http2), (0, &None), "{word}");
        let bounds = UdpBounds {
            idle: Duration::from_secs(30),
            sessions: 16_384,
            replies: None,
            new_per_second: None,
        };
        assert_eq!(listener.udp, bounds);
    }
    let config = with("", "");
    assert_eq!((config.listeners[0].protocol, &config.listeners[0].pool), (Protocol::Http, &None));
    assert_eq!(config.routes.len(), 1);
}

#[test]
fn a_pool_of_both_kinds_may_say_what_is_for_requests() {
    let text = "[listener.raw]\nbind = \":9000\"\nprotocol = \"tcp\"\npool = \"web\"\n";
    assert!(with(text, "sticky = true\nupgrade = false").pools[0].sticky.is_some());
}
