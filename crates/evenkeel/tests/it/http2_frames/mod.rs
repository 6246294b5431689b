//! What RFC 9113 and RFC 7541 ask of a server, one by one, frame by frame.

mod control;
mod fields;
mod flow;
mod framing;
mod messages;
mod page;
mod pseudo;
mod requirement;
mod scene;
mod sections;
mod settings;
mod streams;

use evenkeel_testkit::http2::Frame;

use requirement::Requirement;
use scene::Stage;

/// All of them.
const GROUPS: &[(&str, &[Requirement])] = &[
    ("Frames", framing::ALL),
    ("Streams", streams::ALL),
    ("Settings", settings::ALL),
    ("Connection control", control::ALL),
    ("Field sections", sections::ALL),
    ("Fields", fields::ALL),
    ("Pseudo-header fields", pseudo::ALL),
    ("Messages", messages::ALL),
    ("Flow control", flow::ALL),
];

/// Tests each on a connection of its own, and tells of every one that does not hold.
async fn check(requirements: &[Requirement]) {
    let stage = Stage::new().await;
    let mut wrong = Vec::new();
    for requirement in requirements {
        let held = match stage.scene().await {
            Ok(mut scene) => requirement.check(&mut scene).await,
            Err(fault) => Err(format!("no connection: {fault}")),
        };
        if let Err(fault) = held {
            let fault: String = fault.chars().take(600).collect();
            wrong.push(format!("{}, {}: {fault}", requirement.section, requirement.sent));
        }
    }
    let (count, of) = (wrong.len(), requirements.len());
    assert!(wrong.is_empty(), "{count} of {of} do not hold:\n{}", wrong.join("\n"));
}

/// Frames one after the other.
fn wire<const N: usize>(frames: [Frame; N]) -> Vec<u8> {
    frames.iter().flat_map(Frame::bytes).collect()
}

#[tokio::test]
async fn frames() {
    check(framing::ALL).await;
}

#[tokio::test]
async fn stream_states() {
    check(streams::ALL).await;
}

#[tokio::test]
async fn connection_settings() {
    check(settings::ALL).await;
}

#[tokio::test]
async fn connection_control() {
    check(control::ALL).await;
}

#[tokio::test]
async fn field_sections() {
    check(sections::ALL).await;
}

#[tokio::test]
async fn regular_fields() {
    check(fields::ALL).await;
}

#[tokio::test]
async fn pseudo_header_fields() {
    check(pseudo::ALL).await;
}

#[tokio::test]
async fn whole_messages() {
    check(messages::ALL).await;
}

#[tokio::test]
async fn flow_control() {
    check(flow::ALL).await;
}
