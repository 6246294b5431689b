//! Reads what a TLS client asks for, without any key: its `ClientHello` goes in the clear (RFC 8446 section 4.1.2).
//!
//! The names may be of an outer hello, where the client encrypts its inner one (ECH): then the outer name is the one to
//! route by, as its publisher means it to be.

/// As many bytes of a connection are looked at. Hellos with post-quantum key shares and tickets have about 2 KiB.
pub const HELLO_MAX: usize = 16 * 1024;

/// Longest content of a plaintext record (RFC 8446 section 5.1).
const RECORD_MAX: usize = 1 << 14;
const RECORD_HEADER: usize = 5;
const CONTENT_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_ALPN: u16 = 16;
/// The only type of server name there is (RFC 6066 section 3).
const HOST_NAME: u8 = 0;
/// Longest host name that DNS allows.
const HOST_MAX: usize = 253;

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Host name in lower case, without a final dot.
    pub server_name: Option<Box<str>>,
    /// Protocols in the order of preference (RFC 7301).
    pub alpn: Vec<Box<[u8]>>,
}

/// Why no hello was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// More bytes are needed.
    Partial,
    /// This is not TLS.
    NotTls,
    /// It is TLS, and not as its specification says.
    Malformed,
    /// It does not end within [`HELLO_MAX`] bytes.
    TooLong,
}

/// Reads the hello at the front of `bytes`, over as many records as it takes. No more than [`HELLO_MAX`] bytes are looked
/// at.
///
/// # Errors
/// [`Unread`].
pub fn read(bytes: &[u8]) -> Result<ClientHello, Unread> {
    let hello = match handshake(&bytes[..bytes.len().min(HELLO_MAX)])? {
        Handshake::InOne(message) => parse(message),
        Handshake::Gathered(message) => parse(&message),
    };
    hello.ok_or(Unread::Malformed)
}

/// The body of the first handshake message, a hello.
enum Handshake<'a> {
    InOne(&'a [u8]),
    Gathered(Vec<u8>),
}

fn handshake(bytes: &[u8]) -> Result<Handshake<'_>, Unread> {
    let more = if bytes.len() == HELLO_MAX { Unread::TooLong } else { Unread::Partial };
    let mut gathered = Vec::new();
    let mut rest = bytes;
    loop {
        // What has come of the header is checked before the rest of it has.
        let plausible = |at: usize, accept: fn(u8) -> bool| rest.get(at).copied().is_none_or(accept);
        if !plausible(0, |kind| kind == CONTENT_HANDSHAKE) || !plausible(1, |major| major == 3) {
            return Err(if gathered.is_empty() { Unread::NotTls } else { Unread::Malformed });
        }
        let (header, content) = rest.split_at_checked(RECORD_HEADER).ok_or(more)?;
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length == 0 || length > RECORD_MAX {
            return Err(Unread::Malformed);
        }
        let here = &content[..length.min(content.len())];
        if gathered.is_empty()
            && let Some(message) = message(here)?
        {
            return Ok(Handshake::InOne(message));
        }
        gathered.extend_from_slice(here);
        if let Some(length) = message(&gathered)?.map(<[u8]>::len) {
            gathered.drain(..MESSAGE_HEADER);
            gathered.truncate(length);
            return Ok(Handshake::Gathered(gathered));
        }
        rest = content.get(length..).ok_or(more)?;
    }
}

const MESSAGE_HEADER: usize = 4;

/// The body of the message at the front of the content of records, once it is whole.
fn message(content: &[u8]) -> Result<Option<&[u8]>, Unread> {
    if content.first().is_some_and(|&kind| kind != CLIENT_HELLO) {
        return Err(Unread::Malformed);
    }
    let Some((&[_, high, middle, low], body)) = content.split_first_chunk::<MESSAGE_HEADER>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    if length > HELLO_MAX {
        return Err(Unread::TooLong);
    }
    Ok(body.get(..length))
}

/// `None` when it is malformed.
fn parse(body: &[u8]) -> Option<ClientHello> {
    let mut rest = Reader(body);
    rest.take(2 + 32)?;
    let session_id = rest.short()?;
    let suites = rest.long()?;
    let compression = rest.short()?;
    let sound = session_id.0.len() <= 32 && suites.0.len() >= 2 && suites.0.len() % 2 == 0;
    if !sound || compression.0.is_empty() {
        return None;
    }
    let mut hello = ClientHello::default();
    // Before TLS 1.3 there may be none.
    if rest.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = rest.long()?;
    if !rest.0.is_empty() {
        return None;
    }
    let (mut named, mut offered) = (false, false);
    while !extensions.0.is_empty() {
        let kind = extensions.number()?;
        let value = extensions.long()?;
        // None may be there twice (RFC 8446 section 4.2): which of the two holds would be anybody's guess.
        match kind {
            EXTENSION_SERVER_NAME if !std::mem::replace(&mut named, true) => {
                hello.server_name = server_name(value)?;
            }
            EXTENSION_ALPN if !std::mem::replace(&mut offered, true) => hello.alpn = alpn(value)?,
            EXTENSION_SERVER_NAME | EXTENSION_ALPN => return None,
            _ => {}
        }
    }
    Some(hello)
}

/// The host name of the list. Names of other types, which nobody has defined, are passed over.
fn server_name(mut value: Reader<'_>) -> Option<Option<Box<str>>> {
    let mut list = value.long()?;
    if list.0.is_empty() || !value.0.is_empty() {
        return None;
    }
    let mut found = None;
    while !list.0.is_empty() {
        let kind = list.take(1)?[0];
        let name = list.long()?.0;
        if kind == HOST_NAME && found.replace(host(name)?).is_some() {
            return None;
        }
    }
    Some(found)
}

/// A host name in lower case.
fn host(name: &[u8]) -> Option<Box<str>> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let text = std::str::from_utf8(name).ok()?;
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let sound = (1..=HOST_MAX).contains(&text.len()) && text.bytes().all(is_of_names);
    // Addresses are not allowed (RFC 6066 section 3), but some clients send them: they match no host.
    sound.then(|| text.to_ascii_lowercase().into())
}

fn alpn(mut value: Reader<'_>) -> Option<Vec<Box<[u8]>>> {
    let mut list = value.long()?;
    if list.0.is_empty() || !value.0.is_empty() {
        return None;
    }
    let mut names = Vec::new();
    while !list.0.is_empty() {
        let name = list.short()?.0;
        if name.is_empty() {
            return None;
        }
        names.push(name.into());
    }
    Some(names)
}

/// Takes pieces off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(front)
    }

    fn number(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// What has its length in one byte before it.
    fn short(&mut self) -> Option<Self> {
        let length = self.take(1)?[0];
        self.take(length.into()).map(Self)
    }

    /// What has its length in two bytes before it.
    fn long(&mut self) -> Option<Self> {
        let length = self.number()?;
        self.take(length.into()).map(Self)
    }
}

#[cfg(test)]
#[path = "client_hello_tests.rs"]
pub(crate) mod tests;
