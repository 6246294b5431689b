//! `[[notify]]`

use std::ops::Range;
use std::path::PathBuf;

use evenkeel_core::PoolId;
use evenkeel_core::skew::Level;
use toml::de::DeValue;

use super::convert;
use super::reader::{Reader, Value};
use crate::diagnostic::Diagnostic;
use crate::model::{Notify, NotifyFormat, NotifyTo};
use crate::span::At;
use crate::values::{self, Refusal};

/// A receiver, with the places of what others are compared with.
#[derive(Clone, Debug)]
pub(crate) struct NotifyDraft {
    pub(crate) span: Range<usize>,
    pub(crate) name: Option<At<String>>,
    pub(crate) to: Option<At<NotifyTo>>,
    pub(crate) pools: Vec<At<String>>,
    /// The rest; name, place and pools in it say nothing yet.
    rest: Notify,
}

impl NotifyDraft {
    /// `None` where something could not be read, which was reported.
    pub(crate) fn value(self) -> Option<Notify> {
        let pools = self.pools.into_iter().map(|pool| PoolId::new(pool.value)).collect();
        Some(Notify { name: self.name?.value, to: self.to?.value, pools, ..self.rest })
    }
}

pub(super) fn read(mut table: Reader<'_>) -> NotifyDraft {
    let (to, named) = (to(&mut table), table.read("name", convert::parsed("bad-name", values::name)));
    let format = match table.choice("format").value {
        "slack" => NotifyFormat::Slack,
        _ => NotifyFormat::Json,
    };
    let min_level = match table.choice("min_level").value {
        "info" => Level::Info,
        "critical" => Level::Critical,
        _ => Level::Warning,
    };
    let pools = list(&mut table, "pools", |item| convert::text(item).map(String::from));
    let headers = list(&mut table, "headers", convert::parsed("bad-header", values::header_line));
    let rest = Notify {
        name: String::new(),
        to: NotifyTo::File(PathBuf::new()),
        format,
        min_level,
        pools: Vec::new(),
        headers: headers.into_iter().map(|header| header.value).collect(),
        headers_file: file(&mut table, "headers_file").map(|file| file.value),
        ca: file(&mut table, "ca").map(|file| file.value),
        timeout: table.duration("timeout").value,
        resend: table
            .read("resend", convert::unless_nothing(convert::duration))
            .and_then(|given| given.value),
    };
    let name = named.or_else(|| default_name(&table, to.as_ref()));
    NotifyDraft { span: table.span(), name, to, pools, rest }
}

/// Where messages go: said in one way of two.
fn to(table: &mut Reader<'_>) -> Option<At<NotifyTo>> {
    let url = table.read("url", convert::parsed("bad-url", values::web_url));
    let from_file = file(table, "url_file");
    if let (Some(url), Some(file)) = (table.key_span("url"), table.key_span("url_file")) {
        table.cx.report(both(url, file));
    }
    if table.lacks("url") && table.lacks("url_file") {
        table.cx.report(nowhere(table));
    }
    match (url, from_file) {
        (Some(url), None) => Some(url.map(NotifyTo::Url)),
        (None, Some(file)) => Some(file.map(NotifyTo::File)),
        _ => None,
    }
}

/// The host of its URL. A file tells nothing before it is read.
fn default_name(table: &Reader<'_>, to: Option<&At<NotifyTo>>) -> Option<At<String>> {
    match to {
        Some(At { value: NotifyTo::Url(url), span }) => Some(At::new(url.host.clone(), span.clone())),
        Some(At { value: NotifyTo::File(_), span }) if table.lacks("name") => {
            table.cx.report(nameless(span.clone()));
            None
        }
        _ => None,
    }
}

/// The entries of a list; those that cannot be read are reported and left out.
fn list<T>(
    table: &mut Reader<'_>,
    name: &'static str,
    convert: impl Fn(&Value<'_>) -> Result<T, Diagnostic>,
) -> Vec<At<T>> {
    let Some(value) = table.take(name) else { return Vec::new() };
    if !matches!(value.de, DeValue::Array(_)) {
        table.cx.report(convert::wrong_type(&value));
        return Vec::new();
    }
    let one = |item: Value<'_>| match convert(&item) {
        Ok(converted) => Some(At::new(converted, item.span)),
        Err(wrong) => {
            table.cx.report(wrong);
            None
        }
    };
    value.items().filter_map(one).collect()
}

/// The name of a file; a relative one is joined to the folder of the configuration file.
fn file(table: &mut Reader<'_>, name: &'static str) -> Option<At<PathBuf>> {
    let given = table.read(name, convert::parsed("bad-path", file_name))?;
    Some(given.map(|name| table.cx.folder().join(name)))
}

fn file_name(text: &str) -> Result<String, Refusal> {
    match text.contains("://") {
        true => values::refusal("is a URL", "write it as `url`, or write the name of a file that has it"),
        false => values::pem_file(text),
    }
}

fn both(url: Range<usize>, file: Range<usize>) -> Diagnostic {
    Diagnostic::error("contradiction", file, "`url` and `url_file` both say where messages go")
        .label("one of the two")
        .related(url, "the other one")
        .effect("nobody could tell which of them is told")
        .help("take one of them out")
}

fn nowhere(table: &Reader<'_>) -> Diagnostic {
    Diagnostic::error("missing-key", table.span(), "`notify` says nowhere where messages go")
        .label("needs `url` or `url_file`")
        .effect("nobody would be told of any alarm")
        .help("add `url = \"https://hooks.example.com/path\"`, or `url_file = \"notify.url\"` if it is a secret")
}

fn nameless(span: Range<usize>) -> Diagnostic {
    Diagnostic::error("missing-key", span, "a receiver with `url_file` needs a `name`")
        .label("tells no name")
        .help("add `name = \"on-call\"`: metrics and the log call it that")
}
