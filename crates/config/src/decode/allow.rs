//! `allow`, wherever it stands.

use toml::de::DeValue;

use super::convert;
use super::reader::{Reader, Value};
use crate::diagnostic::Diagnostic;
use crate::model::Allow;
use crate::rules::{self, Rule};
use crate::span::At;
use crate::values;

/// The warnings that a table allows. [`Cx`](super::Cx) notes where each one stands.
pub(super) fn read(table: &mut Reader<'_>) -> Vec<Allow> {
    let Some(value) = table.take("allow") else { return Vec::new() };
    let DeValue::Array(_) = value.de else {
        table.cx.report(convert::wrong_type(&value));
        return Vec::new();
    };
    value.items().filter_map(|item| entry(table, item)).collect()
}

fn entry(table: &Reader<'_>, item: Value<'_>) -> Option<Allow> {
    if !matches!(item.de, DeValue::Table(_)) {
        let help = match item.de.as_str().and_then(rules::rule) {
            Some(rule) => format!("write {{ rule = \"{}\", reason = \"why it is meant\" }}", rule.id),
            None => "write { rule = \"pool-of-one\", reason = \"why it is meant\" }".into(),
        };
        table.cx.report(convert::wrong_type(&item).help(help));
        return None;
    }
    let section = item.kinds.iter().find_map(crate::keys::Kind::section)?;
    let mut entry = table.below(section, "allow", Some(item));
    let rule = entry.read("rule", rule);
    let reason = entry.read("reason", reason);
    let rule = rule?;
    let allow = Allow { rule: rule.value, reason: reason?.value };
    table.cx.note(At::new(allow.clone(), rule.span));
    Some(allow)
}

fn rule(value: &Value<'_>) -> Result<&'static str, Diagnostic> {
    let written = convert::text(value)?;
    match rules::rule(written) {
        Some(rule) if rule.may_be_allowed() => Ok(rule.id),
        Some(rule) => Err(unallowable(value, rule)),
        None => Err(unknown(value, written)),
    }
}

fn reason(value: &Value<'_>) -> Result<String, Diagnostic> {
    let text = convert::text(value)?;
    if text.trim().is_empty() {
        return Err(Diagnostic::error("bad-allow", value.span.clone(), format!("`{}` is empty", value.path))
            .label("must say why")
            .help("write why the warning is meant, for whoever reads this file next"));
    }
    Ok(text.into())
}

fn unallowable(value: &Value<'_>, rule: &Rule) -> Diagnostic {
    let (message, help) = match rule.id {
        rules::UNUSED_ALLOW => (
            "an entry of `allow` that matches nothing cannot be allowed",
            "take the entry out that matches nothing, and this one",
        ),
        _ => (
            "an error cannot be allowed: the file would not work",
            "put right what it says, and take this out",
        ),
    };
    Diagnostic::error("bad-allow", value.span.clone(), message).label("not for `allow`").help(help)
}

fn unknown(value: &Value<'_>, written: &str) -> Diagnostic {
    let known = rules::rules().filter(|rule| rule.may_be_allowed()).map(|rule| rule.id);
    let label = match values::nearest(written, known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "no such rule".into(),
    };
    Diagnostic::error("unknown-rule", value.span.clone(), format!("there is no rule {written:?}"))
        .label(label)
        .help("write what stands in brackets behind `warning`; `evenkeel explain` lists all rules")
}
