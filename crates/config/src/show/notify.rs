//! Receivers of alarms, as in effect.

use serde_json::{Value, json};

use super::effective::{duration, unless_none};
use crate::model::{Notify, NotifyTo};

/// Adds them, where there are any. Their URLs are shown whole: whoever asks has the file.
pub(super) fn show(shown: &mut Value, all: &[Notify]) {
    if !all.is_empty() {
        shown["notify"] = all.iter().map(one).collect();
    }
}

fn one(notify: &Notify) -> Value {
    let headers: Vec<_> = notify.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let mut shown = json!({
        "name": notify.name,
        "format": notify.format.as_str(),
        "min_level": notify.min_level.as_str(),
        "pools": notify.pools.iter().map(evenkeel_core::PoolId::as_str).collect::<Vec<_>>(),
        "headers": headers,
        "headers_file": notify.headers_file.as_ref().map(|file| file.display().to_string()),
        "ca": notify.ca.as_ref().map(|file| file.display().to_string()),
        "timeout": duration(notify.timeout),
        "resend": unless_none(notify.resend, duration),
    });
    match &notify.to {
        NotifyTo::Url(url) => shown["url"] = json!(url.whole()),
        NotifyTo::File(file) => shown["url_file"] = json!(file.display().to_string()),
    }
    shown
}
