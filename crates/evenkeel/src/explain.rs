//! `evenkeel explain`: the rules of `check`, at length.

use std::io::{self, IsTerminal};

use evenkeel_config::{Rule, Severity, rule_json, rules};
use serde_json::json;

use crate::cli::ExplainArgs;
use crate::lines::{WIDTH, wrapped};
use crate::output::{self, Answer};

/// Lists the rules, or tells all about one.
pub(crate) fn explain(arguments: &ExplainArgs) -> Answer {
    let Some(id) = &arguments.rule else {
        return if arguments.json { documents(rules()) } else { output::out(list()) };
    };
    match evenkeel_config::rule(id) {
        Some(rule) if arguments.json => documents(std::iter::once(rule)),
        Some(rule) => output::out(long(rule, output::coloured(io::stdout().is_terminal()))),
        None => unknown(id),
    }
}

fn documents(rules: impl Iterator<Item = &'static Rule>) -> Answer {
    output::json(&json!({ "schema": 1, "rules": rules.map(rule_json).collect::<Vec<_>>() }))
}

fn unknown(id: &str) -> Answer {
    let near = evenkeel_config::nearest_rule(id);
    let hint = match near {
        Some(near) => {
            format!("did you mean `evenkeel explain {}`? `evenkeel explain` lists them all", near.id)
        }
        None => {
            "`evenkeel explain` lists the rules; what else `check` finds in a file needs no more than it says"
                .into()
        }
    };
    output::complain(format_args!("there is no rule {id:?}"), &hint);
    Answer::Misused
}

/// A line for each rule, or two where its title is long.
fn list() -> String {
    let widest = rules().map(|rule| rule.id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for rule in rules() {
        let head = format!("{:<widest$}  {:<7}  ", rule.id, rule.severity.as_str());
        let mut lines = wrapped(rule.title, WIDTH - head.len());
        let first = if lines.is_empty() { String::new() } else { lines.remove(0) };
        text.push_str(&format!("{head}{first}\n"));
        for line in lines {
            text.push_str(&format!("{:indent$}{line}\n", "", indent = head.len()));
        }
    }
    text.push_str("\nevenkeel explain RULE tells more, with an example.\n");
    text
}

fn long(rule: &Rule, coloured: bool) -> String {
    let bold = |text: &str| if coloured { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.into() };
    let head = bold(&format!("{}[{}]", rule.severity.as_str(), rule.id));
    let mut text = format!("{head}\n{}\n", paragraph(rule.title));
    text.push_str(&paragraph(rule.reason));
    text.push_str(&format!("\n{}\n\n{}", bold("A file that breaks it:"), indented(rule.broken)));
    if let Some(found) = rule.shown() {
        text.push_str(&format!("\n{}\n\n", bold("What `evenkeel check` says of it:")));
        text.push_str(&indented(&paragraph_at(&found.message, WIDTH - 4)));
        let more = [("effect", found.effect), ("help", found.help)];
        for (heading, told) in more.into_iter().filter_map(|(heading, told)| Some((heading, told?))) {
            text.push_str(&indented(&paragraph_at(&format!("{heading}: {told}"), WIDTH - 4)));
        }
    }
    text.push_str(&format!("\n{}\n\n{}", bold("Put right:"), indented(rule.sound)));
    text.push_str(&format!("\n{}\n\n{}", bold("If it is meant:"), if_meant(rule)));
    text
}

fn if_meant(rule: &Rule) -> String {
    if rule.severity == Severity::Error {
        return paragraph("An error cannot be allowed: the file is refused until it is put right.");
    }
    if !rule.may_be_allowed() {
        return paragraph("It cannot be allowed: take the entry out that matches nothing.");
    }
    let entry = format!("allow = [{{ rule = \"{}\", reason = \"why it is meant\" }}]\n", rule.id);
    let places = "Write it in the table that the warning points to, in one around it (the pool of a backend), or at the \
                  top of the file for all of it. A warning about two tables of a kind is meant where either says so.";
    format!("{}\n{}", indented(&entry), paragraph(places))
}

fn indented(text: &str) -> String {
    let indent = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") };
    text.lines().map(indent).collect()
}

fn paragraph(text: &str) -> String {
    paragraph_at(text, WIDTH)
}

fn paragraph_at(text: &str, width: usize) -> String {
    wrapped(text, width).into_iter().map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_fits_100_columns() {
        let texts = rules().map(|rule| long(rule, false)).chain([list()]);
        for text in texts {
            let wide = text.lines().find(|line| line.chars().count() > WIDTH);
            assert_eq!(wide, None);
        }
    }

    #[test]
    fn the_long_form_has_both_files_and_the_way_to_allow_it() {
        let rule = evenkeel_config::rule("weights-without-intent").unwrap();
        let text = long(rule, false);
        let parts = [
            "warning[weights-without-intent]\nthe weights of a pool differ",
            "\n    { address = \"10.0.0.11:8080\", weight = 5 },",
            "effect: `10.0.0.11:8080` would get 71.4 % of requests; equal would be 33.3 %",
            "\n    intent = \"weights\"\n",
            "allow = [{ rule = \"weights-without-intent\", reason = ",
        ];
        for part in parts {
            assert!(text.contains(part.trim_start_matches('\n')), "{part}\n{text}");
        }
        let error = long(evenkeel_config::rule("zero-weight").unwrap(), false);
        assert!(error.contains("cannot be allowed") && !error.contains("allow = ["), "{error}");
        assert!(!text.contains('\u{1b}') && long(rule, true).contains("\u{1b}[1m"));
    }

    #[test]
    fn the_list_has_every_rule() {
        let list = list();
        for rule in rules() {
            let line = list.lines().find(|line| line.split(' ').next() == Some(rule.id));
            assert!(line.is_some_and(|line| line.contains(rule.severity.as_str())), "{}", rule.id);
        }
    }
}
