//! `sticky` and `queue` of a pool.

use toml::de::DeValue;

use super::convert;
use super::reader::{Reader, Value};
use crate::diagnostic::Diagnostic;
use crate::model::{Queue, SameSite, Sticky};
use crate::span::At;
use crate::values;

pub(super) fn sticky(pool: &mut Reader<'_>) -> Option<At<Sticky>> {
    let value = pool.take("sticky")?;
    let span = value.span.clone();
    if convert::is_off(&value) {
        return None;
    }
    // `true` is short for a table of nothing but defaults.
    let given = (value.de.as_bool() != Some(true)).then_some(value);
    let mut table = pool.table_or("sticky", given);
    let cookie = table.text("cookie", "bad-name", values::cookie_name);
    let ttl = table.read("ttl", |value| match value.de.as_str() {
        Some(word) if word.starts_with(|first: char| first.is_ascii_digit()) => {
            convert::duration(value).map(Some)
        }
        _ => until_closed(value).map(|()| None),
    });
    let path = table.text("path", "bad-path", values::cookie_path);
    let secure = table.flag("secure");
    let http_only = table.flag("http_only").value;
    let word = table.choice("same_site");
    let same_site = match word.value {
        "strict" => SameSite::Strict,
        "none" => SameSite::None,
        _ => SameSite::Lax,
    };
    if same_site == SameSite::None && !secure.value {
        table.cx.report(insecure(&word));
    }
    refused_prefix(&table, &cookie, secure.value, &path.value);
    let ttl = ttl.and_then(|ttl| ttl.value);
    let sticky =
        Sticky { cookie: cookie.value, ttl, path: path.value, secure: secure.value, http_only, same_site };
    Some(At::new(sticky, span))
}

pub(super) fn queue(pool: &mut Reader<'_>) -> At<Queue> {
    let value = pool.take("queue");
    let span = pool.key_span("queue").unwrap_or_else(|| pool.span());
    let is_table = value.as_ref().is_some_and(|value| matches!(value.de, DeValue::Table(_)));
    let mut table = pool.table_or("queue", value);
    if is_table && table.lacks("size") {
        table.cx.report(sizeless(span.clone()));
    }
    let priority = table.read("priority", convert::parsed("bad-name", values::field_name));
    let queue = Queue {
        size: table.quantity("size"),
        timeout: table.duration("timeout").value,
        priority: priority.map(|priority| priority.value),
    };
    At::new(queue, span)
}

/// The word that is no duration.
fn until_closed(value: &Value<'_>) -> Result<(), Diagnostic> {
    match value.de {
        DeValue::String(_) => convert::choice(value).map(|_| ()),
        // Says that a number needs a unit.
        _ => convert::duration(value).map(|_| ()),
    }
}

fn insecure(same_site: &At<&'static str>) -> Diagnostic {
    let message = "a cookie for requests from other sites must be one that goes over TLS only";
    Diagnostic::error("contradiction", same_site.span.clone(), message)
        .label("needs `secure = true`")
        .effect("browsers would refuse the cookie, so no session would keep its backend")
        .help("add `secure = true` if clients come over TLS, else write `same_site = \"lax\"`")
}

/// Names that browsers take only with attributes (RFC 6265bis, section 4.1.3).
fn refused_prefix(table: &Reader<'_>, cookie: &At<String>, secure: bool, path: &str) {
    let lower = cookie.value.to_ascii_lowercase();
    let (prefix, needs) = match lower.as_str() {
        name if name.starts_with("__secure-") && !secure => ("__Secure-", "`secure = true`"),
        name if name.starts_with("__host-") && !(secure && path == "/") => {
            ("__Host-", "`secure = true` and `path = \"/\"`")
        }
        _ => return,
    };
    let message = format!("a cookie whose name begins with `{prefix}` needs {needs}");
    let wrong = Diagnostic::error("contradiction", cookie.span.clone(), message)
        .label("a name with a meaning")
        .effect("browsers would refuse the cookie, so no session would keep its backend")
        .help(format!("add {needs} if clients come over TLS, else choose another name"));
    table.cx.report(wrong);
}

fn sizeless(span: std::ops::Range<usize>) -> Diagnostic {
    Diagnostic::warning("no-effect", span, "a queue without a `size` has no room")
        .label("needs `size`")
        .effect("requests beyond `max_in_flight` would be answered with 503 at once")
        .help("write how many may wait, such as `size = 1000`; `size = 0` ends this warning")
}
