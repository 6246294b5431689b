//! How an event goes over the wire.

use evenkeel_proxy::journal::Event;

use super::asked::Form;

/// Some of what was asked for is not there.
const LAGGING: &str = r#"{"lagging":true,"text":"events in between are not kept any more, or came faster than they were read"}"#;

pub(super) fn event(form: Form, event: &Event) -> String {
    let json = event.to_json();
    match form {
        Form::Stream => format!("id: {}\nevent: {}\ndata: {json}\n\n", event.seq, event.kind().as_str()),
        Form::Lines | Form::Document => format!("{json}\n"),
    }
}

/// Somebody was too slow, or was away for too long.
pub(super) fn lagging(form: Form) -> String {
    match form {
        Form::Stream => format!("event: lagging\ndata: {LAGGING}\n\n"),
        Form::Lines | Form::Document => format!("{LAGGING}\n"),
    }
}

/// Says nothing, so that both sides notice when the other is gone.
pub(super) fn heartbeat(form: Form) -> &'static str {
    match form {
        Form::Stream => ":\n\n",
        Form::Lines | Form::Document => "\n",
    }
}
