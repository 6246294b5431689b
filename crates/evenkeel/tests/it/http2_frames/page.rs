//! The reference page, which this table writes.

use super::GROUPS;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/http2-conformance.md");

const INTRODUCTION: &str = "\
# HTTP/2 conformance

What is sent to a listener that speaks HTTP/2, and what must come of it, by section of RFC 9113 (HTTP/2), RFC 7541
(HPACK) and RFC 8441 (extended CONNECT). Each row is a test over a real connection, frame by frame, with a client that
shares no code with the balancer and reads strictly: what the balancer sends must be in order as well. Wherever the
connection does not end, its next request must be served.

Where the RFC leaves a choice, the last column says which answers are taken for right. A malformed request (section
8.1.1) may be answered with 400 or reset; it never reaches a backend. PROTOCOL_ERROR may stand for any more specific code
(section 5.4), and does so for errors of compression and of frame lengths.

This page is written by the tests (`UPDATE_GOLDEN=1 cargo test -p evenkeel http2_frames`), and they fail when it differs.
";

fn rendered() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, requirements) in GROUPS {
        page.push_str(&format!("\n## {title}\n\n| RFC | what is sent | what must come |\n|---|---|---|\n"));
        for requirement in *requirements {
            let (section, sent, due) = (requirement.section, requirement.sent, requirement.due());
            page.push_str(&format!("| {section} | {sent} | {due} |\n"));
        }
    }
    page
}

#[test]
fn the_page_says_what_is_tested() {
    let rendered = rendered();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(PAGE, &rendered).expect("the page can be written");
    }
    let page = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        page == rendered,
        "docs/reference/http2-conformance.md is not what the tests say; UPDATE_GOLDEN=1"
    );
}
