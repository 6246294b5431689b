use super::*;

fn short(content: &[u8]) -> Vec<u8> {
    [&[content.len() as u8], content].concat()
}

fn long(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes(), content].concat()
}

fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), long(value)].concat()
}

fn name(host: &[u8]) -> Vec<u8> {
    extension(0, &long(&[&[0][..], &long(host)].concat()))
}

fn protocols(names: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = names.iter().flat_map(|name| short(name)).collect();
    extension(16, &long(&list))
}

/// A handshake message with these extensions; `None` has not even their length.
fn message_with(extensions: Option<&[u8]>) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend(short(&[9; 32]));
    body.extend(long(&[0x13, 0x01, 0x13, 0x02]));
    body.extend(short(&[0]));
    body.extend(extensions.map(long).unwrap_or_default());
    let length = (body.len() as u32).to_be_bytes();
    [&[1], &length[1..], &body].concat()
}

/// Records of at most `size` bytes of content.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|part| [&[22, 3, 1][..], &long(part)].concat()).collect()
}

fn hello(extensions: &[u8]) -> Vec<u8> {
    records(&message_with(Some(extensions)), RECORD_MAX)
}

#[test]
fn names_and_protocols_are_found_among_others() {
    let grease = extension(0x3a3a, b"");
    let key_share = extension(51, &[5; 1200]);
    let all = [grease, name(b"A.Example"), key_share, protocols(&[b"h2", b"http/1.1"]), extension(41, b"x")];
    let expected = ClientHello {
        server_name: Some("a.example".into()),
        alpn: vec![b"h2".as_slice().into(), b"http/1.1".as_slice().into()],
    };
    let message = message_with(Some(&all.concat()));
    for size in [1, 2, 3, 4, 5, 100, RECORD_MAX] {
        let bytes = records(&message, size);
        assert_eq!(read(&bytes), Ok(expected.clone()), "records of {size}");
        // What follows the hello, such as early data, is none of its business.
        assert_eq!(read(&[&bytes, b"anything".as_slice()].concat()), Ok(expected.clone()));
    }
    for size in [1, 7, RECORD_MAX] {
        let bytes = records(&message, size);
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), Err(Unread::Partial), "{length} of {}", bytes.len());
        }
    }
}

#[test]
fn a_client_need_not_name_anything() {
    assert_eq!(read(&records(&message_with(None), 100)), Ok(ClientHello::default()));
    assert_eq!(read(&hello(b"")), Ok(ClientHello::default()));
    assert_eq!(read(&hello(&name(b"a.example."))).unwrap().server_name.as_deref(), Some("a.example"));
    assert_eq!(read(&hello(&name(b"192.0.2.1"))).unwrap().server_name.as_deref(), Some("192.0.2.1"));
}

#[test]
fn what_is_not_tls_is_told_from_its_first_byte() {
    for bytes in
        [&b"G"[..], b"GET / HTTP/1.1\r\n", b"\x80\x2e\x01\x03\x01", b"\x16\x02", b"\x15\x03\x01\0\x02"]
    {
        assert_eq!(read(bytes), Err(Unread::NotTls), "{bytes:?}");
    }
}

#[test]
fn what_has_two_readings_is_refused() {
    let twice = |one: Vec<u8>| [one.clone(), one].concat();
    let two_names = extension(0, &long(&[&[0][..], &long(b"a"), &[0], &long(b"b")].concat()));
    for (what, extensions) in [
        ("two extensions of names", twice(name(b"a"))),
        ("two lists of protocols", twice(protocols(&[b"h2"]))),
        ("two names", two_names),
        ("an empty name", name(b"")),
        ("a name of dots", name(b".")),
        ("a byte of zero", name(b"a\0b")),
        ("a name of 254 bytes", name(&[b'a'; 254])),
        ("no names", extension(0, &long(b""))),
        ("no list of names", extension(0, b"")),
        (
            "bytes behind the names",
            extension(0, &[long(&[&[0][..], &long(b"a")].concat()), vec![0]].concat()),
        ),
        ("no protocols", extension(16, &long(b""))),
        ("an empty protocol", protocols(&[b""])),
        ("a name cut off", extension(0, &[0, 5, 0, 0, 9, b'a', b'b'])),
        ("an extension cut off", vec![0, 0, 0, 9, 1]),
    ] {
        assert_eq!(read(&hello(&extensions)), Err(Unread::Malformed), "{what}");
    }
}

#[test]
fn frames_must_be_sound() {
    let sound = hello(&name(b"a"));
    let with = |at: usize, value: u8| {
        let mut bytes = sound.clone();
        bytes[at] = value;
        read(&bytes)
    };
    assert_eq!(with(5, 2), Err(Unread::Malformed), "another message");
    assert_eq!(with(4, 0), Err(Unread::Malformed), "an empty record");
    assert_eq!(with(3, 0x7f), Err(Unread::Malformed), "a record that is too long");
    assert_eq!(with(6, 1), Err(Unread::TooLong), "64 KiB of hello");
    let of_id = RECORD_HEADER + MESSAGE_HEADER + 34;
    assert_eq!(with(of_id, 33), Err(Unread::Malformed), "a session id that is too long");
    let mut interleaved = records(&message_with(Some(&name(b"a"))), 50);
    interleaved[RECORD_HEADER + 50] = 23;
    assert_eq!(read(&interleaved), Err(Unread::Malformed), "other records in between");
}

#[test]
fn a_hello_ends_within_its_bound() {
    let filler = extension(21, &vec![0; HELLO_MAX]);
    let bytes = records(&message_with(Some(&filler[..HELLO_MAX - 100])), 1000);
    assert!(bytes.len() > HELLO_MAX);
    assert_eq!(read(&bytes[..HELLO_MAX - 1]), Err(Unread::Partial));
    assert_eq!(read(&bytes[..HELLO_MAX]), Err(Unread::TooLong));
}
