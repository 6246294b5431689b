//! What a receiver reads.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use evenkeel_config::NotifyFormat;
use evenkeel_core::PoolId;
use evenkeel_core::skew::Level;
use evenkeel_core::skew::contract::Clause;
use serde::Serialize;
use serde_json::json;

/// What an alarm is about. Its cause and its level may change, and it is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    pub(crate) pool: PoolId,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// A backend's share in a respect, by serial.
    Share { dimension: &'static str, backend: u64 },
    /// What all backends share.
    Shared,
    /// Nobody serves.
    Down,
    /// A clause of the contract.
    Contract(Clause),
}

/// All that there is to say of an alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Details {
    /// `skew`, `down`, `shared_dependency` or `contract`.
    pub(crate) kind: &'static str,
    pub(crate) pool: String,
    pub(crate) backend: Option<String>,
    /// Of a skew: `requests`, `errors`, ...
    pub(crate) dimension: Option<&'static str>,
    /// Of a contract: `members`, ...
    pub(crate) term: Option<&'static str>,
    pub(crate) cause: Option<&'static str>,
    #[serde(serialize_with = "level")]
    pub(crate) level: Level,
    pub(crate) sentence: String,
    /// In seconds since 1970.
    pub(crate) since: u64,
    pub(crate) observed: Option<f64>,
    pub(crate) expected: Option<f64>,
    /// What was changed at about that time.
    pub(crate) changed: Option<String>,
    pub(crate) advice: Option<String>,
}

/// What has happened to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    Raised,
    /// Its cause is another one than was told.
    Changed,
    /// It still stands.
    Repeated,
    Cleared,
}

/// One thing to be told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Message {
    /// Differs from that of every other: what comes twice because an answer was lost can be told by it.
    pub(super) id: String,
    pub(super) event: Event,
    #[serde(flatten)]
    pub(super) details: Details,
    /// When this was noticed, in seconds since 1970.
    pub(super) at: u64,
}

/// Several messages that go together, and how many are left out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parcel {
    pub(super) messages: Vec<Message>,
    pub(super) more: u64,
}

/// Who tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sender {
    /// The machine.
    pub(crate) host: String,
    /// Where more can be read.
    pub(crate) link: Option<String>,
}

/// Longest text of one kind within a message; the list of what a reload changed may be long.
const TEXT_MAX: usize = 600;

impl Details {
    /// With texts that have an end.
    pub(super) fn cut(mut self) -> Self {
        self.sentence = cut(&self.sentence);
        self.changed = self.changed.as_deref().map(cut);
        self
    }
}

impl Parcel {
    /// In the form that the receiver takes.
    pub(super) fn body(&self, format: NotifyFormat, sender: &Sender) -> String {
        match format {
            NotifyFormat::Json => json!({
                "schema": 1,
                "from": sender.host,
                "link": sender.link,
                "messages": self.messages,
                "more": self.more,
            })
            .to_string(),
            NotifyFormat::Slack => json!({ "text": self.text(sender) }).to_string(),
        }
    }

    fn text(&self, sender: &Sender) -> String {
        let mut text: Vec<String> = self.messages.iter().map(paragraph).collect();
        if self.more > 0 {
            text.push(format!("and {} more", self.more));
        }
        let host = escaped(&sender.host);
        text.push(match &sender.link {
            Some(link) => format!("<{link}|more> on {host}"),
            None => format!("from {host}"),
        });
        text.join("\n")
    }
}

fn paragraph(message: &Message) -> String {
    let Message { event, details, at, .. } = message;
    let what = match event {
        Event::Raised => details.level.as_str().to_uppercase(),
        Event::Changed => format!("{}, another cause", details.level.as_str().to_uppercase()),
        Event::Repeated => format!("{}, still", details.level.as_str().to_uppercase()),
        Event::Cleared => "over".to_owned(),
    };
    let mut text = format!("*{what}: {}* {}", escaped(&details.pool), escaped(&details.sentence));
    if *event == Event::Cleared {
        write!(text, "\nIt lasted {} s.", at.saturating_sub(details.since)).ok();
        return text;
    }
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(details.since);
    write!(text, "\nSince {}.", httpdate::fmt_http_date(since)).ok();
    if let Some(changed) = &details.changed {
        write!(text, " Changed: {}.", escaped(changed)).ok();
    }
    if let Some(advice) = &details.advice {
        write!(text, "\nTo mend it: {}", escaped(advice)).ok();
    }
    text
}

/// As Slack wants it. Names of pools and backends are the operator's, and mean nothing there.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn level<S: serde::Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.as_str())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn details(sentence: &str) -> Details {
        Details {
            kind: "skew",
            pool: "web".into(),
            backend: Some("a".into()),
            dimension: Some("requests"),
            term: None,
            cause: Some("weights"),
            level: Level::Critical,
            sentence: sentence.into(),
            since: 1_700_000_000,
            observed: Some(0.7),
            expected: Some(0.3),
            changed: Some("generation 2 was applied then: x".into()),
            advice: Some("make the weights equal".into()),
        }
    }

    fn message(event: Event) -> Message {
        Message { id: "1-1".into(), event, details: details("a <gets> 70 % & more"), at: 1_700_000_075 }
    }

    #[test]
    fn chat_reads_what_since_when_and_what_to_do() {
        let parcel = Parcel { messages: vec![message(Event::Raised), message(Event::Cleared)], more: 3 };
        let sender = Sender { host: "lb1".into(), link: Some("http://127.0.0.1:9901/diagnose".into()) };
        let body: serde_json::Value =
            serde_json::from_str(&parcel.body(NotifyFormat::Slack, &sender)).unwrap();
        assert_eq!(
            body["text"],
            "*CRITICAL: web* a &lt;gets&gt; 70 % &amp; more\nSince Tue, 14 Nov 2023 22:13:20 GMT. Changed: generation 2 \
             was applied then: x.\nTo mend it: make the weights equal\n*over: web* a &lt;gets&gt; 70 % &amp; more\nIt \
             lasted 75 s.\nand 3 more\n<http://127.0.0.1:9901/diagnose|more> on lb1"
        );
    }

    #[test]
    fn programs_read_fields() {
        let parcel = Parcel { messages: vec![message(Event::Changed)], more: 0 };
        let body: serde_json::Value =
            serde_json::from_str(&parcel.body(NotifyFormat::Json, &Sender::default())).unwrap();
        let told = &body["messages"][0];
        let is = |field: &str, value: serde_json::Value| assert_eq!(told[field], value, "{body}");
        is("event", "changed".into());
        is("level", "critical".into());
        is("backend", "a".into());
        is("cause", "weights".into());
        is("since", 1_700_000_000.into());
        assert_eq!((&body["schema"], &body["more"]), (&1.into(), &0.into()));
    }

    #[test]
    fn texts_have_an_end() {
        let long = Details { changed: Some("ä".repeat(5000)), ..details(&"x".repeat(5000)) }.cut();
        assert!(long.sentence.len() < 700 && long.changed.is_some_and(|changed| changed.len() < 1300));
    }
}
