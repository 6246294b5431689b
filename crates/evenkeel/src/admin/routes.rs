//! What the admin interface answers.

use std::time::SystemTime;

use evenkeel_proxy::{Proxy, Status};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::events::Events;
use super::{fault, host};
use crate::app::{Applied, Logging};

/// Version of every JSON document here; it rises when a field changes its meaning or goes.
const SCHEMA: u64 = 1;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

const INDEX: &str = "\
Evenkeel admin interface, read-only

/metrics     Prometheus metrics
/healthz     200 while the process lives
/readyz      200 when it should get traffic, else 503; why, and how the last reload went
/pools       pools and backends: phase, shares, load
/events      what happened, in order; with follow, as it happens
/diagnose    is it the balancer? shares against what is intended, since when, why
/config      the configuration in force, defaults included, and the text it came from
/generation  generation, process, reloads
";

/// What answers are made from.
pub(super) struct View {
    pub(super) proxy: Proxy,
    logging: Option<Logging>,
    pub(super) applied: Applied,
    /// The kernel's start time of this process: with its id it names the process on this machine for good.
    started: Option<u64>,
    pub(super) events: Events,
}

impl View {
    pub(super) fn new(proxy: Proxy, logging: Option<Logging>, applied: Applied) -> Self {
        let started = crate::client::process::start_ticks(std::process::id());
        let events = Events::new(proxy.journal().clone());
        Self { proxy, logging, applied, started, events }
    }
}

/// Answers one request, of any page but `/events`. Only GET and HEAD do anything; the server drops the body of an answer to HEAD.
pub(super) fn answer<B>(request: &Request<B>, view: &View) -> Response<Full<Bytes>> {
    if let Some(refusal) = refusal(request) {
        return refusal;
    }
    match request.uri().path() {
        "/" => text(StatusCode::OK, INDEX.to_owned()),
        "/metrics" => respond(StatusCode::OK, METRICS, Full::new(Bytes::from(metrics(view)))),
        "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
        "/readyz" => readyz(&view.proxy.status()),
        "/pools" => document(StatusCode::OK, json!(view.proxy.status())),
        "/diagnose" => document(StatusCode::OK, fault::diagnosis(view, host::of(request))),
        "/config" => document(StatusCode::OK, config(view)),
        "/generation" => document(StatusCode::OK, generation(view)),
        _ => text(StatusCode::NOT_FOUND, format!("no such page\n\n{INDEX}")),
    }
}

/// The answer to a request that comes from elsewhere, or wants to change something.
pub(super) fn refusal<B>(request: &Request<B>) -> Option<Response<Full<Bytes>>> {
    if let Err((status, why)) = host::check(request) {
        return Some(text(status, format!("{why}\n")));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "read-only\n".to_owned());
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some(response)
}

/// The proxy's metrics and those of the process around it.
fn metrics(view: &View) -> String {
    let mut page = view.proxy.metrics_text();
    if let Some(logging) = &view.logging {
        let name = "evenkeel_log_dropped_total";
        page.push_str(&format!(
            "# HELP {name} Log lines dropped because standard error was too slow.\n# TYPE {name} counter\n{name} {}\n",
            logging.dropped()
        ));
    }
    page
}

fn readyz(status: &Status) -> Response<Full<Bytes>> {
    let code = if status.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let value = json!({
        "ready": status.ready,
        "reasons": status.not_ready,
        "lifecycle": status.lifecycle,
        "generation": status.generation,
        "last_reload": status.last_reload,
    });
    document(code, value)
}

/// The file's generation is its own: for a moment after a reload it is that of the one before.
fn config(view: &View) -> Value {
    let status = view.proxy.status();
    let file = view.applied.text().map(|applied| {
        let at = applied.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        json!({
            "path": status.config_path,
            "text": &*applied.text,
            "generation": applied.generation,
            "applied_at": at.as_secs_f64(),
        })
    });
    let config = evenkeel_config::effective(&view.proxy.config());
    json!({ "generation": status.generation, "config": config, "file": file })
}

fn generation(view: &View) -> Value {
    let status = view.proxy.status();
    json!({
        "generation": status.generation,
        "pid": status.pid,
        "process_start_ticks": view.started,
        "version": status.version,
        "lifecycle": status.lifecycle,
        "config_path": status.config_path,
        "reloads_begun": status.reloads_begun,
        "reloads": status.reloads,
        "last_reload": status.last_reload,
    })
}

pub(super) fn document(status: StatusCode, mut value: Value) -> Response<Full<Bytes>> {
    if let Value::Object(fields) = &mut value {
        fields.insert("schema".to_owned(), SCHEMA.into());
    }
    respond(status, JSON, Full::new(Bytes::from(format!("{value}\n"))))
}

pub(super) fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    respond(status, TEXT, Full::new(Bytes::from(body)))
}

pub(super) fn respond<B>(status: StatusCode, kind: &'static str, body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
