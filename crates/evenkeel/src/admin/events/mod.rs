//! `GET /events`: what happened, once or as it happens.

mod asked;
mod follow;
mod frame;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use evenkeel_proxy::journal::{Journal, Page};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};

use super::routes;
use super::serve::Busy;
use asked::{Asked, Form};
use follow::Follower;

/// Those who follow events at the same time; each keeps a connection of the admin interface.
const FOLLOWERS_MAX: usize = 16;

/// A body that is there at once, or comes bit by bit.
pub(super) type AnyBody = BoxBody<Bytes, Infallible>;

/// Everything about events that requests share.
#[derive(Debug)]
pub(super) struct Events {
    journal: Journal,
    places: Arc<Semaphore>,
}

/// A body whose parts come through a channel.
struct Streamed(mpsc::Receiver<Bytes>);

impl Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}

/// The body of a page that is not about events.
pub(super) fn whole(response: Response<Full<Bytes>>) -> Response<AnyBody> {
    response.map(Full::boxed)
}

impl Events {
    pub(super) fn new(journal: Journal) -> Self {
        Self { journal, places: Arc::new(Semaphore::new(FOLLOWERS_MAX)) }
    }

    /// Answers a request for events; `busy` keeps the connection beyond its usual end for as long as somebody follows.
    pub(super) async fn answer<B>(&self, request: &Request<B>, busy: &Busy) -> Response<AnyBody> {
        if let Some(refusal) = routes::refusal(request) {
            return whole(refusal);
        }
        let asked = match Asked::of(request) {
            Ok(asked) => asked,
            Err(why) => return whole(routes::text(StatusCode::BAD_REQUEST, format!("{why}\n"))),
        };
        match asked.follow && request.method() == Method::GET {
            true => self.follow(asked, busy),
            false => whole(self.once(asked).await),
        }
    }

    async fn once(&self, asked: Asked) -> Response<Full<Bytes>> {
        let (journal, query) = (self.journal.clone(), asked.query.clone());
        // It may read from disk, and this thread has scrapes to answer.
        let read = tokio::task::spawn_blocking(move || journal.read(&query)).await;
        match read {
            Ok(Ok(page)) => shown(&page, asked.form),
            Ok(Err(trouble)) => routes::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("cannot read the events: {trouble}\n"),
            ),
            Err(error) => routes::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }

    fn follow(&self, asked: Asked, busy: &Busy) -> Response<AnyBody> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let why = format!("{FOLLOWERS_MAX} others follow already; ask again and again with ?after=N\n");
            return whole(routes::text(StatusCode::SERVICE_UNAVAILABLE, why));
        };
        let (parts, body) = mpsc::channel(1);
        let form = asked.form;
        let follower = Follower::new(self.journal.clone(), asked, parts);
        let kept = (place, busy.enter());
        tokio::spawn(async move {
            follower.run().await;
            drop(kept);
        });
        routes::respond(StatusCode::OK, form.media_type(), Streamed(body).boxed())
    }
}

fn shown(page: &Page, form: Form) -> Response<Full<Bytes>> {
    if form == Form::Document {
        let events: Vec<_> = page.events.iter().filter_map(|event| json_value(&event.to_json())).collect();
        let document = json!({ "events": events, "through": page.through, "missed": page.missed });
        return routes::document(StatusCode::OK, document);
    }
    let mut text = String::new();
    if page.missed {
        text.push_str(&frame::lagging(form));
    }
    page.events.iter().for_each(|event| text.push_str(&frame::event(form, event)));
    routes::respond(StatusCode::OK, form.media_type(), Full::new(Bytes::from(text)))
}

fn json_value(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests;
