use super::*;
use crate::http::ClientNames;
use crate::http1::parse_request;

const TEXT: &[u8] = b"GET /a\"b?c HTTP/1.1\r\nHost: h\r\nUser-Agent: x\"\\\xff\r\n\r\n";

fn with_entry<T>(use_it: impl FnOnce(&AccessEntry<'_>) -> T) -> T {
    let mut fields = Vec::new();
    let head = parse_request(TEXT, 10, &mut fields).unwrap();
    let client = ClientNames::new("192.0.2.1:5".parse().unwrap());
    let mut entry = AccessEntry::new(Instant::now(), 7, "192.0.2.1", "web");
    entry.request = Some(Incoming {
        bytes: TEXT,
        head: &head,
        fields: &fields,
        from_trusted: false,
        client: &client,
        request_id: b"id",
        over_http2: false,
    });
    entry.status = 200;
    entry.pool = Some("p");
    entry.backend = Some("b");
    entry.reason = Some("algorithm");
    entry.attempts = 1;
    entry.header = Some(Duration::from_millis(3));
    entry.response_bytes = 5;
    use_it(&entry)
}

#[test]
fn json_says_which_backend_and_why() {
    let line = with_entry(|entry| json(entry, SystemTime::UNIX_EPOCH));
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["path"], "/a\"b?c");
    assert_eq!(value["backend"], "b");
    assert_eq!(value["reason"], "algorithm");
    assert_eq!(value["generation"], 7);
    assert_eq!(value["header_ms"], 3.0);
    assert!(value["picked_ms"].is_null() && value["error"].is_null());
    assert!(line.ends_with("}\n") && line.lines().count() == 1);
}

#[test]
fn combined_cannot_be_broken_out_of() {
    let line = with_entry(|entry| combined(entry, SystemTime::UNIX_EPOCH));
    let expected = "192.0.2.1 - - [01/Jan/1970:00:00:00 +0000] \"GET /a\\\"b?c HTTP/1.1\" 200 5 \"-\" \
                    \"x\\\"\\\\\\xff\" listener=web pool=p backend=b reason=algorithm attempts=1 generation=7 error=- \
                    id=id picked_ms=-1.000 connected_ms=-1.000 header_ms=3.000 total_ms=";
    assert!(line.starts_with(expected), "{line}");
}

#[test]
fn a_relay_has_a_protocol_in_place_of_a_request() {
    let mut entry = AccessEntry::new(Instant::now(), 7, "192.0.2.1", "db");
    entry.relay = Some(RelayEntry { protocol: "tls_passthrough", server_name: Some("a.example") });
    entry.error = Some("backend_reset");
    let value: serde_json::Value = serde_json::from_str(&json(&entry, SystemTime::UNIX_EPOCH)).unwrap();
    assert_eq!((&value["protocol"], &value["server_name"]), (&"tls_passthrough".into(), &"a.example".into()));
    assert_eq!((&value["status"], &value["error"]), (&0.into(), &"backend_reset".into()));
    let line = combined(&entry, SystemTime::UNIX_EPOCH);
    assert!(line.contains("] \"tls_passthrough a.example\" 0 0 \"-\""), "{line}");
    entry.relay = Some(RelayEntry { protocol: "tcp", server_name: None });
    let line = combined(&entry, SystemTime::UNIX_EPOCH);
    assert!(line.contains("] \"tcp\" 0 0 \"-\""), "{line}");
}

#[test]
fn reopening_writes_to_the_new_file() {
    let directory = std::env::temp_dir().join(format!("evenkeel-access-log-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("access.log");
    let settings = Settings { path: AccessLogPath::File(path.clone()), format: AccessLogFormat::Json };
    let log = AccessLog::open(settings).unwrap();
    with_entry(|entry| log.write(entry));
    wait_for_line(&path);
    std::fs::rename(&path, directory.join("old.log")).unwrap();
    log.reopen();
    with_entry(|entry| log.write(entry));
    wait_for_line(&path);
    assert_eq!(log.dropped(), 0);
    std::fs::remove_dir_all(&directory).unwrap();
}

fn wait_for_line(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !std::fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n')) {
        assert!(Instant::now() < deadline, "no line in {}", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_cannot_be_written_is_counted_and_holds_up_nobody() {
    let settings = Settings { path: AccessLogPath::File("/dev/full".into()), format: AccessLogFormat::Json };
    let log = AccessLog::open(settings).unwrap();
    for _ in 0..3 {
        with_entry(|entry| log.write(entry));
        log.reopen();
    }
    log.flush(Duration::from_secs(10));
    assert_eq!(log.dropped(), 3);
}

#[test]
fn a_pipe_without_a_reader_is_refused() {
    let path = std::env::temp_dir().join(format!("evenkeel-pipe-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let settings = Settings { path: AccessLogPath::File(path.clone()), format: AccessLogFormat::Json };
    assert!(AccessLog::open(settings).is_err());
    std::fs::remove_file(&path).unwrap();
}
