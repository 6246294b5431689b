//! `[events]`.

use std::path::PathBuf;

use super::convert;
use super::reader::{Reader, Value};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::Events;

pub(super) fn read(mut table: Reader<'_>) -> Events {
    let path = table.read("path", path).map(|path| path.value);
    let unused = ["keep", "size"].into_iter().find(|key| table.has(key));
    if let Some(key) = unused
        && table.lacks("path")
    {
        let span = table.key_span(key).unwrap_or_else(|| table.span());
        let warning = Diagnostic::warning(
            "no-effect",
            span,
            format!("`events.{key}` is about a database, and there is none"),
        )
        .label("has no effect")
        .effect("events are in memory only: a restart forgets them")
        .help("add `path = \"/var/lib/evenkeel/events.redb\"`, or leave it out");
        table.cx.report(warning);
    }
    let keep = table.integer("keep");
    let size = table.read("size", convert::size).and_then(|size| size.value);
    Events { path, keep, size: size.unwrap_or(defaults::EVENTS_SIZE) }
}

fn path(value: &Value<'_>) -> Result<PathBuf, Diagnostic> {
    let path = convert::text(value)?;
    if path.is_empty() || path.ends_with('/') || path.contains('\0') {
        return Err(Diagnostic::error("bad-path", value.span.clone(), format!("`{}` is no file name", value.path))
            .label("must be a file")
            .help("write a file name, such as \"/var/lib/evenkeel/events.redb\"; leave `path` out to keep events in memory"));
    }
    Ok(PathBuf::from(path))
}
