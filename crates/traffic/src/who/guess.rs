//! Finding out what names a backend.

use std::collections::HashSet;

use http::HeaderName;

use super::By;
use crate::client::Answer;

/// Fields that name backends, the surest first. `server` names the software more often than the machine.
const USUAL: &[&str] = &[
    // Those of `evenkeel demo`.
    "x-demo-backend",
    "x-backend",
    "x-backend-server",
    "x-backend-name",
    "x-backend-host",
    "x-served-by",
    "x-served-from",
    "x-upstream",
    "x-upstream-addr",
    "x-upstream-server",
    "x-upstream-host",
    "x-server",
    "x-server-name",
    "x-server-id",
    "x-instance",
    "x-instance-id",
    "x-pod",
    "x-pod-name",
    "x-hostname",
    "x-node",
    "x-container",
    "x-app-server",
    "x-origin-server",
    "server",
];

/// Fields that differ for other reasons.
const OTHERS: &[&str] = &[
    "age",
    "alt-svc",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "keep-alive",
    "last-modified",
    "set-cookie",
    "transfer-encoding",
    "vary",
];
/// So many fields are named.
const SUGGESTED: usize = 3;

/// The field that tells backends apart, judged by these answers: the first usual one that all of them have and that
/// differs; or else, since all may come from one backend, the first that all of them have, `Server` excepted.
pub fn guess(answers: &[Answer]) -> Option<By> {
    let usual = USUAL.iter().map(|name| HeaderName::from_static(name));
    let everywhere: Vec<(By, usize)> = usual
        .filter_map(|name| {
            let by = By::Header(name);
            let named: Option<HashSet<String>> = answers.iter().map(|answer| by.name_in(answer)).collect();
            named.filter(|names| !names.is_empty()).map(|names| (by, names.len()))
        })
        .collect();
    let differs = everywhere.iter().find(|(_, names)| *names > 1);
    let is_server = |by: &By| matches!(by, By::Header(name) if name == http::header::SERVER);
    let found = differs.or_else(|| everywhere.iter().find(|(by, _)| !is_server(by)));
    found.map(|(by, _)| by.clone())
}

/// What might name backends, where [`guess`] finds nothing: fields that all of these answers have, with several values
/// that return, and the content if its first line is like that.
pub(crate) fn suggest(answers: &[Answer]) -> Vec<By> {
    let Some(first) = answers.first() else { return Vec::new() };
    let fields =
        first.headers.keys().filter(|name| !OTHERS.contains(&name.as_str())).cloned().map(By::Header);
    let returns = |by: &By| {
        let values: Option<HashSet<String>> = answers.iter().map(|answer| by.name_in(answer)).collect();
        values.is_some_and(|values| values.len() > 1 && values.len() * 2 <= answers.len())
    };
    fields.chain([By::FirstLine]).filter(returns).take(SUGGESTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::sample;

    type Fields = &'static [(&'static str, &'static str)];

    fn guessed(answers: &[Fields]) -> Option<String> {
        let answers: Vec<Answer> = answers.iter().map(|fields| sample(fields, "")).collect();
        guess(&answers).map(|by| by.to_string())
    }

    #[test]
    fn the_field_that_tells_backends_apart() {
        let cases: [(&[Fields], Option<&str>); 7] = [
            (&[], None),
            (&[&[("server", "nginx")], &[("server", "nginx")]], None),
            (&[&[("server", "a")], &[("server", "b")]], Some("header:server")),
            (
                &[&[("x-served-by", "cdn"), ("x-pod", "1")], &[("x-served-by", "cdn"), ("x-pod", "2")]],
                Some("header:x-pod"),
            ),
            (&[&[("x-backend", "a")], &[("x-backend", "a")]], Some("header:x-backend")),
            (&[&[("x-backend", "a")], &[("x-pod", "2")]], None),
            (
                &[&[("server", "a"), ("x-pod", "p")], &[("server", "b"), ("x-pod", "p")]],
                Some("header:server"),
            ),
        ];
        for (answers, expected) in cases {
            assert_eq!(guessed(answers).as_deref(), expected, "{answers:?}");
        }
    }

    #[test]
    fn what_might_name_backends_is_suggested() {
        let answers = |number: usize| -> Vec<Answer> {
            let answer = |index: usize| {
                let (machine, id) = (["m1", "m2"][index % 2], index.to_string());
                let fields =
                    [("x-machine", machine), ("x-request-id", &id), ("date", machine), ("via", "1.1 x")];
                sample(&fields, &format!("hello from {machine}\n{index}"))
            };
            (0..number).map(answer).collect()
        };
        let suggested: Vec<String> = suggest(&answers(12)).iter().map(By::to_string).collect();
        assert_eq!(suggested, ["header:x-machine", "body"]);
        assert_eq!(guess(&answers(12)).map(|by| by.to_string()), None);
        assert!(suggest(&answers(1)).is_empty() && suggest(&[]).is_empty());
    }
}
