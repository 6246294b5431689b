//! The rules, told at length.

use serde_json::{Value, json};

use crate::diagnostic::Severity;
use crate::rules::{Rule, rules};

const INTRODUCTION: &str = "# Rules of `evenkeel check`

Generated from the registry of rules in `crates/config`; a test keeps it so. `evenkeel explain RULE` shows the same in a
terminal. Every rule is about how traffic is spread. Mistakes in the file itself, such as an unknown key, are told by
`evenkeel check` and need no explanation.

A warning that is meant is allowed with a reason, in the table that it points to, in one around it, or at the top of the
file for all of it:

```toml
[pool.web]
backends = [\"10.0.0.11:8080\"]
health = { path = \"/healthz\" }
allow = [{ rule = \"pool-of-one\", reason = \"a licence for one machine\" }]
```

A warning about two tables of a kind, such as two backends with one address, is meant where either of them says so.
`check` counts what is allowed, and an entry that matches nothing is a warning itself. An error cannot be allowed.

| rule | severity | what is wrong |
|---|---|---|
";

/// The reference page of the rules in Markdown.
pub fn rules_page() -> String {
    let mut page = String::from(INTRODUCTION);
    for Rule { id, severity, title, .. } in rules() {
        page.push_str(&format!("| [`{id}`](#{id}) | {} | {title} |\n", severity.as_str()));
    }
    for rule in rules() {
        page.push_str(&section(rule));
    }
    page
}

/// A rule for scripts: all that is told of it. `effect` and `help` are those of its broken example, and null where only
/// other files show it.
pub fn rule_json(rule: &Rule) -> Value {
    let shown = rule.shown();
    json!({
        "id": rule.id,
        "severity": rule.severity.as_str(),
        "title": rule.title,
        "reason": rule.reason,
        "effect": shown.as_ref().and_then(|found| found.effect.as_deref()),
        "help": shown.as_ref().and_then(|found| found.help.as_deref()),
        "broken": rule.broken,
        "sound": rule.sound,
        "may_be_allowed": rule.may_be_allowed(),
    })
}

fn section(rule: &Rule) -> String {
    let Rule { id, title, reason, broken, sound, .. } = rule;
    let severity = match rule.severity {
        Severity::Warning => "A warning",
        Severity::Error => "An error",
    };
    let mut told = String::new();
    if let Some(found) = rule.shown() {
        told.push_str(&format!("`check` says: {}.\n\n", found.message));
        told.extend(found.effect.map(|effect| format!("- Effect: {effect}.\n")));
        told.extend(found.help.map(|help| format!("- Help: {help}.\n")));
        told.push('\n');
    }
    format!(
        "\n## {id}\n\n{severity}: {title}.\n\n{reason}\n\n```toml\n{broken}```\n\n{told}Put right:\n\n```toml\n{sound}```\n"
    )
}
