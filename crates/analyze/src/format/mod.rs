//! How lines look.

mod detect;
mod envelope;
mod evenkeel;
mod fields;
mod haproxy;
mod template;
mod variable;

use crate::entry::Entry;
use crate::time::Times;

pub(crate) use detect::{Found, detect};
pub(crate) use envelope::{Envelope, Opened};
pub use fields::{FieldMap, FieldMapError};
pub use template::{Template, TemplateError};

/// A way to write access logs.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Evenkeel's, one JSON object a line.
    EvenkeelJson,
    /// Evenkeel's combined format.
    EvenkeelCombined,
    /// HAProxy's `option httplog` or `option tcplog`, with or without what syslog puts before it.
    Haproxy,
    /// Envoy's default.
    Envoy(Template),
    /// As an nginx `log_format` says.
    Template(Template),
    /// As a field map says.
    Fields(FieldMap),
}

/// Envoy's default format, in nginx's notation.
const ENVOY: &str = "[$time_iso8601] \"$request\" $status $flags $request_length $bytes_sent $duration_ms $ignored \
                     \"$http_x_forwarded_for\" \"$http_user_agent\" \"$request_id\" \"$host\" \"$upstream_addr\"";

impl Format {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EvenkeelJson => "evenkeel-json",
            Self::EvenkeelCombined => "evenkeel-combined",
            Self::Haproxy => "haproxy",
            Self::Envoy(_) => "envoy",
            Self::Template(_) => "nginx",
            Self::Fields(_) => "field-map",
        }
    }

    /// By its name, or by an nginx `log_format`.
    ///
    /// # Errors
    /// When it is neither: what is wrong with it as a `log_format`.
    pub fn from_text(text: &str) -> Result<Self, TemplateError> {
        Ok(match text {
            "evenkeel-json" => Self::EvenkeelJson,
            "evenkeel-combined" => Self::EvenkeelCombined,
            "haproxy" => Self::Haproxy,
            "envoy" => Self::Envoy(Template::new(ENVOY)?),
            template => Self::Template(Template::new(template)?),
        })
    }

    /// Whether its times are without a zone: of the balancer's own clock.
    pub(crate) fn is_local(&self) -> bool {
        *self == Self::Haproxy
    }

    /// What a line says. `None` when it does not look like this.
    pub(crate) fn parse<'a>(&self, line: &'a [u8], times: &mut Times) -> Option<Entry<'a>> {
        match self {
            Self::EvenkeelJson => evenkeel::json(line),
            Self::EvenkeelCombined => evenkeel::combined(line, times),
            Self::Haproxy => haproxy::parse(line, times),
            Self::Envoy(template) | Self::Template(template) => template.parse(line, times),
            Self::Fields(map) => map.parse(line, times),
        }
    }
}

/// A number with a fraction.
pub(crate) fn number(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|number: &f64| number.is_finite())
}
