//! `[[notify]]`: who is told of what goes wrong.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use evenkeel_core::PoolId;
use evenkeel_core::skew::Level;

use crate::values;

/// A receiver of messages about alarms: a program that takes them by HTTP POST.
#[derive(Clone, Debug, PartialEq)]
pub struct Notify {
    /// What it is called in metrics and the log; no two have the same.
    pub name: String,
    /// Where messages go.
    pub to: NotifyTo,
    /// What they look like.
    pub format: NotifyFormat,
    /// What matters less is not told.
    pub min_level: Level,
    /// Of which pools; empty is all.
    pub pools: Vec<PoolId>,
    /// Header fields that go with each message: name and value.
    pub headers: Vec<(String, String)>,
    /// A file with more of them, a line each.
    pub headers_file: Option<PathBuf>,
    /// A PEM file with the CAs to believe, in place of the system's.
    pub ca: Option<PathBuf>,
    /// How long one delivery may take in all: lookup, connection, handshake, question and answer.
    pub timeout: Duration,
    /// What is still wrong is told again after this; `None` tells it once.
    pub resend: Option<Duration>,
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotifyTo {
    /// The URL itself.
    Url(WebUrl),
    /// A file whose only line is the URL, for those that are secrets.
    File(PathBuf),
}

/// What messages look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyFormat {
    /// A document with fields for programs.
    Json,
    /// What Slack, Mattermost and Rocket.Chat take.
    Slack,
}

/// A URL that messages are sent to. What is in its path may be a secret: neither `Display` nor `Debug` shows that.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUrl {
    /// Whether it is `https`.
    pub secure: bool,
    /// A name or an IP address; one of IPv6 without its brackets.
    pub host: String,
    /// 80 or 443 unless said.
    pub port: u16,
    /// Path and query; begins with `/`.
    pub path: String,
}

impl NotifyFormat {
    /// `json` or `slack`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
        }
    }
}

impl WebUrl {
    /// What goes into `Host`: the port only where it is not the usual one.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// All of it, secrets included.
    pub fn whole(&self) -> String {
        format!("{self}{}", self.path)
    }
}

/// Without what may be secret.
impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}/...")
    }
}

/// As in the configuration file.
impl FromStr for WebUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Not the text itself: it may be a secret.
        values::web_url(text).map_err(|refusal| format!("{}: {}", refusal.why, refusal.help))
    }
}

/// Reads a line such as `X-Team: edge`, as `headers` has them: name and value.
///
/// # Errors
/// What is wrong with it, in words that do not repeat it.
pub fn header_line(line: &str) -> Result<(String, String), String> {
    values::header_line(line).map_err(|refusal| format!("{}: {}", refusal.why, refusal.help))
}
