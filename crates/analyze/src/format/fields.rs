//! Lines of any other balancer: which of their words, or which key of an object, says what.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::variable::{NAMES, Value, Variable};
use crate::entry::Entry;
use crate::time::Times;

/// Which field of a line says what.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldMap {
    fields: Fields,
}

#[derive(Clone, Debug, PartialEq)]
enum Fields {
    /// By number, from 1; what stands in quotes or in brackets is one word.
    Words(Vec<(usize, Variable)>),
    /// Of one JSON object a line.
    Keys(Vec<Key>),
}

#[derive(Clone, Debug, PartialEq)]
struct Key {
    /// The key, and its way down where objects are nested.
    whole: String,
    path: Vec<String>,
    variable: Variable,
}

/// Why a field map cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FieldMapError {
    /// An entry is not `NAME=FIELD`.
    #[error(
        "{0:?} is not NAME=FIELD; write backend=11 for the 11th word of a line, or backend=upstream.host for a key"
    )]
    Shape(String),
    /// Nobody knows this name.
    #[error("there is no {0:?}; names are {names}", names = known_names())]
    Unknown(String),
    /// The same thing twice.
    #[error("{0} stands there twice")]
    Twice(String),
    /// Words and keys of an object.
    #[error("{0:?} is a number and others are not: lines have either words, by number, or keys")]
    Mixed(String),
    /// Without it nobody knows where a request went.
    #[error("no entry says which field is the backend: add backend=FIELD")]
    NoBackend,
    /// More than anybody can mean.
    #[error("there are words 1 to {WORDS_MAX}, and {0} is none")]
    NoWord(String),
}

/// Words of a line that are looked at.
const WORDS_MAX: usize = 200;
/// Objects within objects that are looked at.
const DEPTH_MAX: usize = 8;
/// Fields of Apache's combined format, which are known unless the map says otherwise.
const COMBINED: [(usize, Variable); 5] = [
    (1, Variable::Client),
    (4, Variable::Time),
    (5, Variable::Request),
    (6, Variable::Status),
    (7, Variable::Bytes),
];

impl FieldMap {
    /// Reads `backend=11,pool=10,seconds=12`, where numbers count the words of a line from 1, or
    /// `time=ts,status=status,backend=upstream.host`, where names are keys of a JSON object, with dots between levels.
    ///
    /// Words follow Apache's combined format where the map does not name them: client 1, time 4, request 5, status 6,
    /// bytes 7. `bytes=-` says that there is no such word.
    ///
    /// # Errors
    /// [`FieldMapError`].
    pub fn new(text: &str) -> Result<Self, FieldMapError> {
        let mut entries: Vec<(&str, Variable, &str)> = Vec::new();
        for entry in text.split(',') {
            let shape = || FieldMapError::Shape(entry.to_owned());
            let (name, field) = entry.split_once('=').ok_or_else(shape)?;
            let (name, field) = (name.trim(), field.trim());
            let variable = Variable::of_map(name).ok_or_else(|| FieldMapError::Unknown(name.to_owned()))?;
            if field.is_empty() {
                return Err(shape());
            }
            if entries.iter().any(|(known, ..)| *known == name) {
                return Err(FieldMapError::Twice(name.to_owned()));
            }
            entries.push((name, variable, field));
        }
        if !entries.iter().any(|(_, variable, field)| *variable == Variable::Backend && *field != "-") {
            return Err(FieldMapError::NoBackend);
        }
        let is_number = |field: &str| field.bytes().all(|byte| byte.is_ascii_digit());
        let given = || entries.iter().filter(|(.., field)| *field != "-");
        let fields = if given().any(|(.., field)| is_number(field)) {
            if let Some((.., field)) = given().find(|(.., field)| !is_number(field)) {
                return Err(FieldMapError::Mixed((*field).to_owned()));
            }
            Fields::Words(words_of(&entries)?)
        } else {
            Fields::Keys(given().map(|(_, variable, field)| Key::new(field, *variable)).collect())
        };
        Ok(Self { fields })
    }

    pub(crate) fn parse<'a>(&self, line: &'a [u8], times: &mut Times) -> Option<Entry<'a>> {
        let mut entry = Entry::default();
        match &self.fields {
            Fields::Words(fields) => {
                let mut missing = fields.len();
                for (index, word) in words(line).enumerate().take(WORDS_MAX) {
                    for (_, variable) in fields.iter().filter(|(number, _)| *number == index + 1) {
                        variable.put(Value::Text(word), &mut entry, times)?;
                        missing -= 1;
                    }
                }
                (missing == 0).then_some(entry)
            }
            Fields::Keys(keys) => {
                let mut found: Vec<Option<Value<'a>>> = vec![None; keys.len()];
                let mut json = serde_json::Deserializer::from_slice(line);
                Walk { keys, alive: &vec![true; keys.len()], depth: 0, found: &mut found }
                    .deserialize(&mut json)
                    .ok()?;
                json.end().ok()?;
                for (key, value) in keys.iter().zip(&found) {
                    match value {
                        Some(value) => key.variable.put(*value, &mut entry, times)?,
                        // A request that reached nobody has no backend. Without a time it is another kind of line.
                        None if key.variable == Variable::Time => return None,
                        None => {}
                    }
                }
                found.iter().any(Option::is_some).then_some(entry)
            }
        }
    }
}

fn words_of(entries: &[(&str, Variable, &str)]) -> Result<Vec<(usize, Variable)>, FieldMapError> {
    let mut words: Vec<(usize, Variable)> = COMBINED.into_iter().collect();
    words.retain(|(_, variable)| !entries.iter().any(|(_, given, _)| given == variable));
    for (_, variable, field) in entries.iter().filter(|(.., field)| *field != "-") {
        let number = field.parse().ok().filter(|number| (1..=WORDS_MAX).contains(number));
        words.push((number.ok_or_else(|| FieldMapError::NoWord((*field).to_owned()))?, *variable));
    }
    Ok(words)
}

fn known_names() -> String {
    NAMES.map(|(name, _)| name).join(", ")
}

/// What is between spaces; what begins with a quote or a bracket ends with one, and stands without them.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line.trim_ascii();
    std::iter::from_fn(move || {
        let (word, after) = match rest.first()? {
            b'"' => quoted(&rest[1..]),
            b'[' => cut(&rest[1..], memchr::memchr(b']', &rest[1..])),
            _ => cut(rest, memchr::memchr(b' ', rest)),
        };
        rest = after.trim_ascii_start();
        Some(word)
    })
}

fn quoted(text: &[u8]) -> (&[u8], &[u8]) {
    let ends = memchr::memchr_iter(b'"', text);
    // Ends at a quote with an even number of backslashes before it.
    let mut ends =
        ends.filter(|&end| text[..end].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 0);
    cut(text, ends.next())
}

fn cut(text: &[u8], end: Option<usize>) -> (&[u8], &[u8]) {
    end.map_or((text, b""), |end| (&text[..end], &text[end + 1..]))
}

impl Key {
    fn new(text: &str, variable: Variable) -> Self {
        Self { whole: text.to_owned(), path: text.split('.').map(str::to_owned).collect(), variable }
    }
}

/// Goes down into an object, as far as keys that are wanted lead, and keeps what stands there.
struct Walk<'m, 'f, 'a> {
    keys: &'m [Key],
    /// Which keys may lie below.
    alive: &'m [bool],
    depth: usize,
    found: &'f mut [Option<Value<'a>>],
}

impl<'a> Walk<'_, '_, 'a> {
    fn keep(self, value: Value<'a>) {
        for (index, key) in self.keys.iter().enumerate() {
            if self.alive[index] && (key.path.len() == self.depth || self.depth == 1) {
                self.found[index] = Some(value);
            }
        }
    }

    /// Those that `name`, at this depth, leads to.
    fn below(&self, name: &str) -> Vec<bool> {
        let leads = |(key, alive): (&Key, &bool)| {
            let whole = self.depth == 0 && key.whole == name;
            *alive && (whole || key.path.get(self.depth).is_some_and(|part| part == name))
        };
        self.keys.iter().zip(self.alive).map(leads).collect()
    }
}

impl<'a> DeserializeSeed<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a log line")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'a, str>>()? {
            let alive = self.below(&name);
            if self.depth < DEPTH_MAX && alive.contains(&true) {
                let found = &mut *self.found;
                map.next_value_seed(Walk { keys: self.keys, alive: &alive, depth: self.depth + 1, found })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.keep(Value::Text(text.as_bytes()));
        Ok(())
    }

    /// With an escape in it, which names of backends and times do not have: not worth a copy.
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.keep(Value::Number(number));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.keep(Value::Number(number as f64));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.keep(Value::Number(number as f64));
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed<'a>(map: &str, line: &'a str) -> Option<Entry<'a>> {
        FieldMap::new(map).unwrap().parse(line.as_bytes(), &mut Times::default())
    }

    #[test]
    fn combined_with_words_behind_it() {
        let line = "192.0.2.7 - - [21/Nov/2026:12:54:47 +0000] \"GET /a?b HTTP/1.1\" 200 157 \"-\" \"curl \\\"x\\\"\" 7 \
                    \"web@docker\" \"http://10.0.0.1:80\" 2ms";
        let entry = parsed("backend=12,pool=11,millis=13", line).unwrap();
        assert_eq!((entry.client, entry.path, entry.status), (&b"192.0.2.7"[..], &b"/a"[..], 200));
        assert_eq!((entry.backends, entry.pool), (&b"http://10.0.0.1:80"[..], &b"web@docker"[..]));
        assert_eq!((entry.at, entry.bytes, entry.duration_ms), (Some(1_795_265_687), 157, Some(2.0)));
        assert_eq!(parsed("backend=14", line), None, "there is no such word");
        assert_eq!(parsed("backend=12,status=2", line), None, "a minus is no status");
    }

    #[test]
    fn any_order_of_words() {
        let line = "https 2026-11-21T12:54:47.186641Z app/x 192.0.2.7:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 \
                    \"GET https://www.example.com:443/ HTTP/1.1\"";
        let map = "time=2,pool=3,client=4,backend=5,seconds=7,status=9,bytes=12,request=13";
        let entry = parsed(map, line).unwrap();
        assert_eq!((entry.backends, entry.status, entry.duration_ms), (&b"10.0.0.1:80"[..], 200, Some(48.0)));
        assert_eq!(entry.client_address(), b"192.0.2.7");
    }

    #[test]
    fn keys_of_objects_and_of_objects_in_them() {
        let line = r#"{"ts":1795265687.15,"request":{"remote_ip":"192.0.2.7","uri":"/a?b","headers":{"X":["y"]}},"duration":0.25,
            "size":7,"status":503,"up":{"host":"10.0.0.1:80"},"a.b":"pool","other":null,"yes":true,"far":[1,{"status":2}]}"#;
        let map = "time=ts,client=request.remote_ip,path=request.uri,seconds=duration,bytes=size,status=status,\
                   backend=up.host,pool=a.b";
        let entry = parsed(map, line).unwrap();
        assert_eq!((entry.client, entry.path, entry.pool), (&b"192.0.2.7"[..], &b"/a"[..], &b"pool"[..]));
        assert_eq!((entry.backends, entry.status, entry.bytes), (&b"10.0.0.1:80"[..], 503, 7));
        assert_eq!((entry.at, entry.duration_ms), (Some(1_795_265_687), Some(250.0)));
        assert_eq!(parsed("backend=up.host,status=status", "{\"level\":\"info\"}"), None);
        assert_eq!(parsed("backend=up.host,time=time", line), None, "another kind of line");
        assert_eq!(parsed("backend=up.host", "{\"up\":{\"host\":\"a\"}} x"), None);
        assert_eq!(parsed("backend=up.host", "nothing of the kind"), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        use FieldMapError as E;
        for (map, error) in [
            ("backend", E::Shape("backend".into())),
            ("backend=", E::Shape("backend=".into())),
            ("server=1", E::Unknown("server".into())),
            ("backend=1,backend=2", E::Twice("backend".into())),
            ("backend=1,time=ts", E::Mixed("ts".into())),
            ("status=1", E::NoBackend),
            ("backend=-", E::NoBackend),
            ("backend=0", E::NoWord("0".into())),
            ("backend=99999999999999999999", E::NoWord("99999999999999999999".into())),
        ] {
            assert_eq!(FieldMap::new(map), Err(error), "{map}");
        }
        assert!(E::Unknown("x".into()).to_string().contains("client, forwarded, time"));
    }
}
