//! One thing that happened, as plain data.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::kinds::{Kind, Level, What};

/// Version of the JSON form. It rises when a field changes its meaning or goes; new fields and kinds may come without.
pub const VERSION: u32 = 1;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`VERSION`] of the form that it was written in.
    pub v: u32,
    /// Rises from event to event, not always by one, and is never used again.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Of the configuration in force at the time; 0 before the first.
    pub generation: u64,
    /// The pool that it happened to, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The backend, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

impl Event {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        self.what.kind()
    }

    /// When.
    pub fn at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.at_ms)
    }

    /// The form on disk.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Nothing in it can fail to serialise: no maps, no numbers that are none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The form that readers get: as on disk, with the level and a sentence for people.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Shown<'a> {
            #[serde(flatten)]
            event: &'a Event,
            level: Level,
            text: String,
        }
        let shown = Shown { event: self, level: self.kind().level(), text: self.sentence() };
        serde_json::to_string(&shown).unwrap_or_default()
    }

    /// Reads either form.
    ///
    /// # Errors
    /// When it is no event.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_flat_and_comes_back() {
        let event = Event {
            v: VERSION,
            seq: 7,
            at_ms: 1_795_312_345_678,
            generation: 2,
            pool: Some("web".into()),
            backend: Some("a".into()),
            what: What::BackendDown { from: "serving".into(), to: "unhealthy".into(), why: "refused".into() },
        };
        let json: serde_json::Value = serde_json::from_str(&event.to_json()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "v": 1, "seq": 7, "at_ms": 1_795_312_345_678_u64, "generation": 2, "pool": "web", "backend": "a",
                "kind": "backend_down", "from": "serving", "to": "unhealthy", "why": "refused", "level": "warning",
                "text": "backend a of pool web is out: serving before, unhealthy now: refused",
            })
        );
        assert_eq!(Event::from_json(event.to_json().as_bytes()).unwrap(), event);
        assert_eq!(Event::from_json(&event.to_bytes()).unwrap(), event);
    }

    #[test]
    fn a_kind_that_is_not_known_is_read_nevertheless() {
        let event =
            Event::from_json(br#"{"v":2,"seq":1,"at_ms":0,"generation":0,"kind":"comet","tail":1}"#).unwrap();
        assert_eq!(event.kind(), Kind::Unknown);
    }
}
