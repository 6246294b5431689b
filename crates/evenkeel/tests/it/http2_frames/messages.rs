//! Requests and responses as a whole (RFC 9113 section 8.1).

use evenkeel_testkit::http2::{Event, Frame, Outcome, Response, block, code, flag, get, head, post};

use super::requirement::{Due, Requirement, bytes, part, serves_on};
use super::scene::Scene;
use super::wire;

const END: u8 = flag::END_STREAM;

pub(super) const ALL: &[Requirement] = &[
    part(
        "9113 8.1.1",
        "less content than content-length",
        "an error; the backend does not take it for whole",
        |scene| Box::pin(length_differs(scene, "5", "four")),
    ),
    part(
        "9113 8.1.1",
        "more content than content-length",
        "an error; the backend does not take it for whole",
        |scene| Box::pin(length_differs(scene, "3", "four")),
    ),
    part(
        "9113 8.1.1",
        "content-length: 5 and END_STREAM at once",
        "an error; the backend does not take it for whole",
        |scene| Box::pin(length_without_content(scene)),
    ),
    bytes("9113 8.1.1", "two lengths that differ", || lengths(&["4", "5"]), Due::Malformed(1)),
    bytes("9110 8.6", "a signed length", || lengths(&["+4"]), Due::Malformed(1)),
    bytes("9110 8.6", "an empty length", || lengths(&[""]), Due::Malformed(1)),
    bytes("9110 8.6", "a length beyond 64 bits", || lengths(&["18446744073709551620"]), Due::Malformed(1)),
    part("9113 8.1.1", "as much content as content-length", "the backend gets it", |scene| {
        Box::pin(uploaded(scene, &[("content-length", "9")], &["four", "", "fiver"]))
    }),
    part("9113 8.1", "content without a length", "the backend gets it", |scene| {
        Box::pin(uploaded(scene, &[], &["four", "", "fiver"]))
    }),
    part("9113 8.1", "content, then an empty DATA that ends it", "the backend gets it", |scene| {
        Box::pin(uploaded(scene, &[], &["four", ""]))
    }),
    part("9113 8.1", "a GET with content", "the backend gets it", |scene| Box::pin(get_with_content(scene))),
    part("9113 8.1", "trailers", "the backend gets content and trailers", |scene| Box::pin(trailers(scene))),
    bytes(
        "9113 8.1",
        "trailers without END_STREAM",
        || wire([post(1, "/hang", &[]), Frame::headers(1, flag::END_HEADERS, block(&[("x-end", "1")]))]),
        Due::StreamError(1, &[code::PROTOCOL_ERROR]),
    ),
    bytes(
        "9113 8.2.1",
        "trailers with an upper-case letter",
        || {
            wire([
                post(1, "/hang", &[]),
                Frame::headers(1, flag::END_HEADERS | END, block(&[("X-End", "1")])),
            ])
        },
        Due::AnyError(1, &[code::PROTOCOL_ERROR]),
    ),
    bytes(
        "9113 8.2.1",
        "trailers with a line end in a value",
        || {
            wire([
                post(1, "/hang", &[]),
                Frame::headers(
                    1,
                    flag::END_HEADERS | END,
                    block(&[("x-end", "1\r\n\r\nGET /never HTTP/1.1\r\nhost: h\r\n\r\n")]),
                ),
            ])
        },
        Due::AnyError(1, &[code::PROTOCOL_ERROR]),
    ),
    part(
        "9113 8.1",
        "a request whose response has trailers",
        "content, then trailers that end the stream",
        |scene| Box::pin(response_trailers(scene)),
    ),
    part("9113 8.1", "a request for 103 and 200", "an interim response, then the final one", |scene| {
        Box::pin(interim(scene))
    }),
    part("9110 10.1.1", "expect: 100-continue", "100, and after the content 200", |scene| {
        Box::pin(expectation(scene))
    }),
    part("9110 9.3.2", "HEAD", "a length, no content", |scene| {
        Box::pin(bodiless(scene, head(1, "/pattern/1000"), 200, Some("1000")))
    }),
    part("9110 15.3.5", "a request for 204", "no length, no content", |scene| {
        Box::pin(bodiless(scene, get(1, "/204"), 204, None))
    }),
    part("9110 15.4.5", "a request for 304", "no content, whatever the length says", |scene| {
        Box::pin(bodiless(scene, get(1, "/304"), 304, Some("5")))
    }),
    part("9113 8.1", "a request for an empty response", "END_STREAM", |scene| {
        Box::pin(bodiless(scene, get(1, "/pattern/0"), 200, Some("0")))
    }),
    part("9113 8.1", "a response that its backend cuts", "RST_STREAM, not END_STREAM", |scene| {
        Box::pin(cut(scene))
    }),
    part(
        "9113 8.1",
        "an upload that is answered before it ends",
        "the response, then RST_STREAM NO_ERROR at most",
        |scene| Box::pin(early(scene)),
    ),
    part("9113 8.2", "a request without fields", "the response's names are in small letters", |scene| {
        Box::pin(small_letters(scene))
    }),
];

/// A POST with these lengths and four bytes.
fn lengths(lengths: &[&str]) -> Vec<u8> {
    let fields: Vec<_> = lengths.iter().map(|length| ("content-length", *length)).collect();
    wire([post(1, "/never", &fields), Frame::data(1, END, "four")])
}

/// A backend may have been asked already: then it must see that the content is not whole.
async fn length_differs(scene: &mut Scene, length: &str, content: &str) -> Result<(), String> {
    let path = format!("/length-{length}");
    scene.send([post(1, &path, &[("content-length", length)]), Frame::data(1, END, content)]).await?;
    malformed(scene, &path).await
}

async fn length_without_content(scene: &mut Scene) -> Result<(), String> {
    let mut request = post(1, "/length-alone", &[("content-length", "5")]);
    request.flags |= END;
    scene.send([request]).await?;
    malformed(scene, "/length-alone").await
}

async fn malformed(scene: &mut Scene, path: &str) -> Result<(), String> {
    match scene.client.outcome(1).await? {
        Outcome::Reset(code::PROTOCOL_ERROR) => {}
        outcome if outcome.status() == Some(400) => {}
        other => return Err(other.to_string()),
    }
    let received = scene.backend.received();
    match received.iter().find(|request| request.head.target() == path && request.whole) {
        None => serves_on(scene).await,
        Some(request) => Err(format!("the backend took it for whole: {:?}", request.body)),
    }
}

async fn uploaded(scene: &mut Scene, fields: &[(&str, &str)], content: &[&str]) -> Result<(), String> {
    let path = format!("/upload-{}-{}", fields.len(), content.len());
    let mut frames = vec![post(1, &path, fields)];
    for (index, piece) in content.iter().enumerate() {
        let flags = if index == content.len() - 1 { END } else { flag::NONE };
        frames.push(Frame::data(1, flags, *piece));
    }
    scene.send(frames).await?;
    arrived(scene, &path, content.concat().as_bytes()).await?;
    serves_on(scene).await
}

/// That the response is 200 and the backend has got the whole content.
async fn arrived(scene: &mut Scene, path: &str, content: &[u8]) -> Result<Response, String> {
    let response = scene.client.response(1).await?;
    let received = scene.backend.received();
    let request = received.iter().rev().find(|request| request.head.target() == path);
    match request {
        Some(request) if request.whole && request.body == content && response.status() == 200 => Ok(response),
        other => Err(format!("status {}, the backend got {other:?}", response.status())),
    }
}

async fn get_with_content(scene: &mut Scene) -> Result<(), String> {
    let mut request = get(1, "/get-with-content");
    request.flags = flag::END_HEADERS;
    scene.send([request, Frame::data(1, END, "why not")]).await?;
    arrived(scene, "/get-with-content", b"why not").await?;
    serves_on(scene).await
}

async fn trailers(scene: &mut Scene) -> Result<(), String> {
    let trailers = Frame::headers(1, flag::END_HEADERS | END, block(&[("x-end", "here")]));
    scene.send([post(1, "/with-trailers", &[]), Frame::data(1, 0, "content"), trailers]).await?;
    arrived(scene, "/with-trailers", b"content").await?;
    let received = scene.backend.received();
    let request = received.iter().rev().find(|request| request.head.target() == "/with-trailers");
    let end = request.and_then(|request| request.trailers.first());
    match end {
        Some((name, value)) if name.eq_ignore_ascii_case("x-end") && value == "here" => {
            serves_on(scene).await
        }
        other => Err(format!("trailers {other:?}")),
    }
}

async fn response_trailers(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(1, "/trailers")]).await?;
    let response = scene.client.response(1).await?;
    let trailers = [("x-end".to_owned(), "here".to_owned())];
    match response.body == b"ok" && response.trailers == trailers {
        true => serves_on(scene).await,
        false => Err(format!("{response:?}")),
    }
}

async fn interim(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(1, "/hints")]).await?;
    let response = scene.client.response(1).await?;
    let link = ("link".to_owned(), "</x>".to_owned());
    match response.interim.first().is_some_and(|hints| hints.contains(&link)) && response.body == b"ok" {
        true => serves_on(scene).await,
        false => Err(format!("{response:?}")),
    }
}

async fn expectation(scene: &mut Scene) -> Result<(), String> {
    scene.send([post(1, "/continue", &[("expect", "100-continue")])]).await?;
    let go_on = |event: &Event| match event {
        Event::Fields(1, fields, false) if fields.iter().any(|field| field.1 == "100") => Some(()),
        _ => None,
    };
    scene.client.find("100", go_on).await?;
    scene.send([Frame::data(1, END, "content")]).await?;
    arrived(scene, "/continue", b"content").await?;
    serves_on(scene).await
}

async fn bodiless(
    scene: &mut Scene,
    request: Frame,
    status: u16,
    length: Option<&str>,
) -> Result<(), String> {
    scene.send([request]).await?;
    let response = scene.client.response(1).await?;
    match (response.status() == status, response.field("content-length"), response.body.len()) {
        (true, announced, 0) if announced == length => serves_on(scene).await,
        _ => Err(format!("{response:?}")),
    }
}

async fn cut(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(1, "/cut")]).await?;
    match scene.client.outcome(1).await? {
        Outcome::Reset(code) if code != code::NO_ERROR => serves_on(scene).await,
        other => Err(other.to_string()),
    }
}

async fn early(scene: &mut Scene) -> Result<(), String> {
    scene.send([post(1, "/early", &[]), Frame::data(1, 0, "some")]).await?;
    let response = scene.client.response(1).await?;
    if response.status() != 403 || response.body != b"no" {
        return Err(format!("{response:?}"));
    }
    // What the client had under way when the response came is no fault of its.
    scene.send([Frame::data(1, 0, "more")]).await?;
    serves_on(scene).await?;
    match scene.client.came(|event| matches!(event, Event::GoAway(..))) {
        None => Ok(()),
        Some(event) => Err(format!("{event:?}")),
    }
}

async fn small_letters(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(1, "/")]).await?;
    // The client refuses a name with a capital.
    match scene.client.response(1).await?.field("x-backend") {
        Some("a") => serves_on(scene).await,
        other => Err(format!("{other:?}")),
    }
}
