//! Requests that another pool answers, each with one that shows it.

mod hosts;
mod http;
mod names;

use std::collections::{BTreeMap, HashMap};

use evenkeel_config::{Config, Listener, Protocol, Route};
use evenkeel_core::PoolId;

use crate::pairs::Pairs;
use crate::report::{Answer, Item, Rank, Request, RouteChange};
use crate::words::{count, list};

/// What is to be told of routes.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) routes: Vec<RouteChange>,
    pub(crate) items: Vec<Item>,
    pub(crate) hosts_unseen: usize,
}

/// One file's side of a comparison.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) config: &'a Config,
    pub(crate) listener: &'a Listener,
    /// The name under which a pool is compared: that in the new file, where it was renamed.
    pub(crate) called: &'a HashMap<PoolId, PoolId>,
}

/// A request that is answered in another way, and how.
pub(crate) struct Witness {
    pub(crate) host: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) alpn: Vec<String>,
    pub(crate) before: Answer,
    pub(crate) after: Answer,
}

/// What a comparison of one listener may cost: a question to both tables each.
pub(crate) struct Budget {
    pub(crate) questions: usize,
    pub(crate) hosts_unseen: usize,
}

/// Some two seconds.
const QUESTIONS: usize = 4_000_000;
/// Requests that are told of one change.
const TOLD: usize = 20;
/// Requests in one sentence.
const SHOWN: usize = 2;

/// Compares what answers on every listener that is in both files.
pub(crate) fn compare(
    old: &Config,
    new: &Config,
    listeners: &Pairs<'_, Listener>,
    renamed: &HashMap<PoolId, PoolId>,
    all: bool,
) -> Found {
    let mut budget = Budget { questions: QUESTIONS, hosts_unseen: 0 };
    let mut changes: BTreeMap<(Answer, Answer), BTreeMap<Shown, Vec<String>>> = BTreeMap::new();
    let same_names = HashMap::new();
    for (was, is) in &listeners.both {
        let before = Side { config: old, listener: was, called: renamed };
        let after = Side { config: new, listener: is, called: &same_names };
        for Witness { host, path, alpn, before, after } in witnesses(before, after, &mut budget) {
            let shown = Shown { breadth: breadth(host.as_deref(), path.as_deref()), host, path, alpn };
            changes.entry((before, after)).or_default().entry(shown).or_default().push(is.name.clone());
        }
    }
    let mut routes: Vec<RouteChange> = changes
        .into_iter()
        .map(|((before, after), requests)| {
            let count = requests.len();
            let requests = requests.into_iter().take(if all { usize::MAX } else { TOLD });
            let requests = requests.map(|(shown, listeners)| shown.into_request(listeners)).collect();
            RouteChange { before, after, requests, count }
        })
        .collect();
    // Answers are ordered: those that are nobody's come first.
    routes.sort_by(|one, other| (&one.after, &one.before).cmp(&(&other.after, &other.before)));
    let items = routes.iter().map(|change| item(change, old, new)).collect();
    Found { routes, items, hosts_unseen: budget.hosts_unseen }
}

/// Requests, the most general first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    breadth: (bool, usize),
    host: Option<String>,
    path: Option<String>,
    alpn: Vec<String>,
}

impl Shown {
    fn into_request(self, listeners: Vec<String>) -> Request {
        Request { host: self.host, path: self.path, alpn: self.alpn, listeners }
    }
}

/// Any host before some, short paths before long ones.
fn breadth(host: Option<&str>, path: Option<&str>) -> (bool, usize) {
    (host.is_some(), path.map_or(0, |path| path.trim_end_matches('/').matches('/').count()))
}

fn witnesses(old: Side<'_>, new: Side<'_>, budget: &mut Budget) -> Vec<Witness> {
    match (old.listener.protocol, new.listener.protocol) {
        (before, after) if before.is_http() && after.is_http() => http::witnesses(old, new, budget),
        (Protocol::TlsPassthrough, Protocol::TlsPassthrough) => names::witnesses(old, new, budget),
        (before, after) if before == after => whole(old, new).into_iter().collect(),
        // That it speaks another protocol says it all.
        _ => Vec::new(),
    }
}

/// Of a listener that has one pool.
fn whole(old: Side<'_>, new: Side<'_>) -> Option<Witness> {
    let same = old.listener.pool.as_ref().map(|pool| old.called(pool)) == new.listener.pool.as_ref();
    let answer = |side: Side<'_>| side.listener.pool.as_ref().map_or(Answer::Refused, answer);
    let witness =
        || Witness { host: None, path: None, alpn: Vec::new(), before: answer(old), after: answer(new) };
    (!same).then(witness)
}

impl<'a> Side<'a> {
    /// Routes that hold on this listener alone or on every HTTP listener, in the order in which they replace each other.
    fn routes(self) -> Vec<&'a Route> {
        match self.listener.protocol {
            Protocol::TlsPassthrough => {
                let own = |route: &&Route| route.listener.as_deref() == Some(&*self.listener.name);
                self.config.routes.iter().filter(own).collect()
            }
            _ => self.config.routes_on(&self.listener.name).collect(),
        }
    }

    fn called(self, pool: &'a PoolId) -> &'a PoolId {
        self.called.get(pool).unwrap_or(pool)
    }

    /// The name that such a pool has in this side's own file.
    fn own_name(self, pool: &'a PoolId) -> &'a PoolId {
        self.called.iter().find(|(_, called)| *called == pool).map_or(pool, |(own, _)| own)
    }
}

fn answer(pool: &PoolId) -> Answer {
    Answer::Pool(pool.to_string())
}

fn item(change: &RouteChange, old: &Config, new: &Config) -> Item {
    let shown: Vec<String> = change.requests.iter().take(SHOWN).map(describe).collect();
    let mut what = list(&shown, SHOWN);
    if change.count > shown.len() {
        what = format!("{what} and {} more", change.count - shown.len());
    }
    let (before, after) = (said(&change.before), said(&change.after));
    let text = format!("{what}: {before} -> {after}");
    let size = |config: &Config, answer: &Answer| match answer {
        Answer::Pool(name) => {
            let pool = config.pools.iter().find(|pool| pool.id.as_str() == name);
            pool.map(|pool| pool.backends.iter().filter(|one| one.enabled && !one.placement.draining).count())
        }
        _ => None,
    };
    let item = |rank, kind| Item::new(rank, kind, "routes", &text).size(1.0);
    let item = match (&change.before, &change.after) {
        (_, Answer::NotFound) => item(Rank::Danger, "route-lost").more("nothing answers there now but 404"),
        (_, Answer::Refused) => item(Rank::Danger, "route-lost").more("connections are refused"),
        (Answer::NotFound | Answer::Refused, _) => item(Rank::Change, "route-new"),
        (_, Answer::HttpsRedirect) => {
            item(Rank::Change, "route-redirected").more("308, to the same on HTTPS")
        }
        _ => match (size(old, &change.before), size(new, &change.after)) {
            (Some(were), Some(are)) if 2 * are <= were => {
                let fewer = format!("{} for what {} did", count(are, "backend"), were);
                item(Rank::Danger, "route-moved").more(fewer)
            }
            _ => item(Rank::Change, "route-moved"),
        },
    };
    let example = change.requests.first().map(try_it);
    example.into_iter().fold(item, Item::more)
}

/// `shop.example/api`, `any host /api`.
fn describe(request: &Request) -> String {
    let protocols =
        if request.alpn.is_empty() { String::new() } else { format!(" ({})", request.alpn.join(", ")) };
    match (&request.host, &request.path) {
        (Some(host), Some(path)) => format!("{host}{path}"),
        (None, Some(path)) => format!("any host {path}"),
        (Some(host), None) => format!("{host}{protocols}"),
        (None, None) => format!("listener {}", list(&request.listeners, SHOWN)),
    }
}

/// A way to see it.
fn try_it(request: &Request) -> String {
    let on = list(&request.listeners, SHOWN);
    match (&request.host, &request.path) {
        (Some(host), Some(path)) => format!("for example GET {path} with Host: {host}, on listener {on}"),
        (None, Some(path)) => format!("for example GET {path}, on listener {on}"),
        (Some(host), None) => format!("for example a TLS client that asks for {host}, on listener {on}"),
        (None, None) => format!("every connection to listener {on}"),
    }
}

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Pool(pool) => format!("pool {pool}"),
        Answer::NotFound => "404".to_owned(),
        Answer::Refused => "refused".to_owned(),
        Answer::HttpsRedirect => "redirect to HTTPS".to_owned(),
    }
}
