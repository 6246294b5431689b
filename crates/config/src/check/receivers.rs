//! Who is told of alarms: names, places, pools.

use std::collections::HashMap;

use crate::decode::{Cx, Draft, NotifyDraft};
use crate::diagnostic::Diagnostic;
use crate::model::NotifyTo;
use crate::span::At;
use crate::values;

/// Reports receivers that cannot be told apart, that get the same message twice, or that read it in public. Pools that
/// are not there are reported with those of routes.
pub(super) fn check(cx: &Cx, draft: &Draft) {
    names(cx, &draft.notify);
    for (index, one) in draft.notify.iter().enumerate() {
        let same = draft.notify[..index].iter().find(|other| is_told_twice(one, other));
        if let (Some(other), Some(to)) = (same, &one.to) {
            cx.report(told_twice(to, other));
        }
        if let Some(At { value: NotifyTo::Url(url), span }) = &one.to
            && !url.secure
            && !values::is_inside(&url.host)
        {
            cx.report(in_clear(&url.host, span.clone()));
        }
    }
}

fn names(cx: &Cx, all: &[NotifyDraft]) {
    let mut known: HashMap<&str, &At<String>> = HashMap::new();
    for one in all {
        let Some(name) = &one.name else { continue };
        match known.get(name.value.as_str()) {
            Some(first) => cx.report(same_name(name, first)),
            None => {
                known.insert(&name.value, name);
            }
        }
    }
}

/// Whether both are the same receiver, for pools of which some are the same.
fn is_told_twice(one: &NotifyDraft, other: &NotifyDraft) -> bool {
    let place = |draft: &NotifyDraft| draft.to.as_ref().map(|to| to.value.clone());
    let all = one.pools.is_empty() || other.pools.is_empty();
    let shared = || one.pools.iter().any(|pool| other.pools.iter().any(|known| known.value == pool.value));
    place(one).is_some() && place(one) == place(other) && (all || shared())
}

fn same_name(name: &At<String>, first: &At<String>) -> Diagnostic {
    let message = format!("two receivers are called `{}`", name.value);
    Diagnostic::error("duplicate-receiver", name.span.clone(), message)
        .label("the second")
        .related(first.span.clone(), "the first")
        .effect("metrics and the log could not tell which of them was reached")
        .help("give each a `name` of its own")
}

fn told_twice(to: &At<NotifyTo>, other: &NotifyDraft) -> Diagnostic {
    let first = other.to.as_ref().map_or_else(|| other.span.clone(), |to| to.span.clone());
    Diagnostic::warning("receiver-told-twice", to.span.clone(), "this receiver gets the same messages twice")
        .label("told again")
        .related(first, "told already")
        .effect("each alarm of a pool that both are for comes two times")
        .help("take one of them out, or give them different `pools`")
}

fn in_clear(host: &str, span: std::ops::Range<usize>) -> Diagnostic {
    Diagnostic::warning("notify-in-clear", span, format!("messages to {host} leave in clear text"))
        .label("http://, to somewhere else")
        .effect("whoever is on the way reads the names of pools and backends, what is wrong with them, and the URL")
        .help("write https://")
}
