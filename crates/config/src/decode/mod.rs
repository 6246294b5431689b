//! From the parsed tree to a draft: every value read, every problem reported, nothing compared across tables.
#![allow(
    clippy::result_large_err,
    reason = "an error is made once per mistake in a file and moved into a list"
)]

mod allow;
mod convert;
mod draft;
mod edge;
mod events;
mod expect;
mod fit;
mod hash;
mod health;
mod listener;
mod notify;
mod pool;
mod reader;
mod route;
mod route_test;
mod settings;
mod shaping;
mod sticky;
mod strategy;
mod tls;
mod upstream;
mod written;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::diagnostic::{Diagnostic, Severity};
use crate::keys;
use crate::model::Allow;
use crate::span::At;
pub(crate) use draft::{
    BackendDraft, Draft, HealthDraft, ListenerDraft, PoolDraft, RouteDraft, ShapingDraft,
};
pub(crate) use expect::ExpectDraft;
pub(crate) use fit::a_listener;
pub(crate) use notify::NotifyDraft;
use reader::Reader;
pub(crate) use route_test::RouteTestDraft;
pub(crate) use written::Written;

/// Collects what is wrong.
#[derive(Default)]
pub(crate) struct Cx {
    diagnostics: RefCell<Vec<Diagnostic>>,
    errors: Cell<usize>,
    /// Warnings that are meant, at their rules.
    allows: RefCell<Vec<At<Allow>>>,
    folder: PathBuf,
}

impl Cx {
    /// For a file in this folder.
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.into(), ..Self::default() }
    }

    /// What the names of files are relative to.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.errors.set(self.errors.get() + usize::from(diagnostic.severity == Severity::Error));
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Notes a warning that is meant, and where that stands.
    pub(crate) fn note(&self, allow: At<Allow>) {
        self.allows.borrow_mut().push(allow);
    }

    pub(crate) fn errors(&self) -> usize {
        self.errors.get()
    }

    /// What was reported, and the warnings that are meant.
    pub(crate) fn into_parts(self) -> (Vec<Diagnostic>, Vec<At<Allow>>) {
        (self.diagnostics.into_inner(), self.allows.into_inner())
    }
}

/// What a file says that says nothing.
pub(crate) fn silent_file(cx: &Cx) -> Draft {
    let empty = DeTable::new();
    decode(cx, &empty)
}

/// A listener of which nothing but the name is known.
pub(crate) fn silent_listener(cx: &Cx, name: &str) -> ListenerDraft {
    let table = Reader::open(cx, &keys::LISTENER, format!("listener.{name}"), None, 0..0);
    listener::read(At::new(name.into(), 0..0), table)
}

/// A pool of which nothing but the name is known.
pub(crate) fn silent_pool(cx: &Cx, name: &str) -> PoolDraft {
    let table = Reader::open(cx, &keys::POOL, format!("pool.{name}"), None, 0..0);
    pool::read(At::new(name.into(), 0..0), table)
}

/// Reads the whole file. What could not be read is missing in the draft, or has its default there.
pub(crate) fn decode<'a>(cx: &'a Cx, root: &'a DeTable<'a>) -> Draft {
    let mut reader = Reader::open(cx, &keys::ROOT, String::new(), Some(root), 0..0);
    let (names_listeners, names_pools) = (reader.has("listener"), reader.has("pool"));
    Draft {
        names_listeners,
        names_pools,
        routes_whole: !reader.has("route")
            || root.get("route").is_some_and(|route| route.get_ref().is_array()),
        admin: settings::admin(&mut reader),
        runtime: settings::runtime(reader.table("runtime")),
        log: settings::log(reader.table("log")),
        events: events::read(reader.table("events")),
        notify: reader.tables("notify").into_iter().map(notify::read).collect(),
        listeners: reader
            .named("listener")
            .into_iter()
            .map(|(name, table)| listener::read(name, table))
            .collect(),
        routes: reader.tables("route").into_iter().map(route::read).collect(),
        pools: reader.named("pool").into_iter().map(|(name, table)| pool::read(name, table)).collect(),
        route_tests: route_test::read(reader.table("test")),
        allow: allow::read(&mut reader),
    }
}
