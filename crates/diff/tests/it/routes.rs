//! Requests that show a change of routes: that they are right, and that none is missed.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_config::{Config, HostMatch, Source, load};
use evenkeel_core::{NameTable, RouteTable};
use evenkeel_diff::{Answer, Rank};
use proptest::prelude::*;

use crate::support::{compared, item};

const HOSTS: [&str; 7] = ["", "a.b.c", "b.c", "x.b.c", "*.b.c", "*.c", "*.a.b.c"];
const PATHS: [&str; 6] = ["/", "/a", "/a/b", "/a/b/c/", "/b", "/a/c"];
const PROTOCOLS: [&str; 4] = ["", "h2", "h3", "imap"];
/// Every kind of host and path that those can tell apart, and some more.
const ASKED_HOSTS: [&str; 12] = [
    "",
    "a.b.c",
    "b.c",
    "x.b.c",
    "y.b.c",
    "y.x.b.c",
    "z.a.b.c",
    "x.z.a.b.c",
    "q.c",
    "c",
    "other",
    "A.B.C:80",
];
const ASKED_PATHS: [&str; 14] = [
    "/",
    "*",
    "/x",
    "/a",
    "/a/",
    "/a?b",
    "/a/b",
    "/a/b/x",
    "/a/b/c",
    "/a/b/c/d/e",
    "/b",
    "/b/a",
    "/a/c",
    "/ab",
];
const POOLS: [&str; 3] = ["p", "q", "r"];

/// Routes by host and path (or protocol), as numbers.
type Routes = BTreeMap<(usize, usize), usize>;

fn file(protocol: &str, routes: &Routes, second: &str) -> String {
    let mut text = format!("[listener.web]\nbind = \"127.0.0.1:8080\"\nprotocol = \"{protocol}\"\n");
    for (number, pool) in POOLS.iter().enumerate() {
        // Whatever is routed, the pools are the same.
        text += &format!(
            "[pool.{pool}]\nhealth = false\nbackends = [\"10.0.{number}.1:80\", \"10.0.{number}.2:80\"]\n"
        );
        text += &format!(
            "[listener.{pool}]\nbind = \"127.0.0.1:{}\"\nprotocol = \"tcp\"\npool = \"{pool}\"\n",
            9000 + number
        );
    }
    for ((host, path), pool) in routes {
        text += &format!("[[route]]\nlistener = \"web\"\npool = \"{}\"\n", POOLS[*pool]);
        for (key, value) in
            [("host", HOSTS[*host]), (second, if second == "path" { PATHS[*path] } else { PROTOCOLS[*path] })]
        {
            if !value.is_empty() {
                text += &format!("{key} = \"{value}\"\n");
            }
        }
    }
    text
}

fn routes(paths: usize) -> impl Strategy<Value = Routes> {
    proptest::collection::btree_map((0..HOSTS.len(), 0..paths), 0..POOLS.len(), 1..9)
}

/// One edit or more away, so that much is the same.
fn edited(paths: usize) -> impl Strategy<Value = (Routes, Routes)> {
    let edits =
        proptest::collection::vec(((0..HOSTS.len(), 0..paths), proptest::option::of(0..POOLS.len())), 0..4);
    (routes(paths), edits).prop_map(|(old, edits)| {
        let mut new = old.clone();
        for (at, pool) in edits {
            match pool {
                Some(pool) => new.insert(at, pool),
                None => new.remove(&at),
            };
        }
        (old, new)
    })
}

fn config(text: &str) -> Option<Config> {
    load(&Source::new("f", text)).config
}

fn http_table(config: &Config) -> RouteTable<String> {
    let mut table = RouteTable::default();
    for route in config.routes_on("web") {
        table.insert(route.host.pattern(), &route.path, route.pool.to_string());
    }
    table
}

fn name_table(config: &Config) -> NameTable<String> {
    let mut table = NameTable::default();
    for route in config.routes.iter().filter(|route| route.listener.as_deref() == Some("web")) {
        table.insert(route.host.pattern(), route.alpn.as_deref(), route.pool.to_string());
    }
    table
}

fn answer(pool: Option<&String>, none: Answer) -> Answer {
    pool.map_or(none, |pool| Answer::Pool(pool.clone()))
}

/// All lists of protocols, and of some that no route names.
fn offers() -> Vec<Vec<&'static str>> {
    let mut offers = vec![Vec::new()];
    for _ in 0..4 {
        let longer: Vec<Vec<&str>> = offers
            .iter()
            .flat_map(|offer: &Vec<&str>| {
                ["h2", "h3", "imap", "smtp"]
                    .into_iter()
                    .filter(|one| !offer.contains(one))
                    .map(|one| [offer.as_slice(), &[one]].concat())
            })
            .collect();
        offers.extend(longer);
    }
    offers.sort();
    offers.dedup();
    offers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Each request that is told is answered like that, and whatever change any request meets is told.
    #[test]
    fn every_change_of_http_routes_is_shown((old, new) in edited(PATHS.len())) {
        let (old, new) = (file("http", &old, "path"), file("http", &new, "path"));
        let (Some(was), Some(is)) = (config(&old), config(&new)) else { return Ok(()) };
        let (before, after) = (http_table(&was), http_table(&is));
        let ask = |table: &RouteTable<String>, host: &str, path: &str| {
            answer(table.find(host.as_bytes(), path.as_bytes()), Answer::NotFound)
        };
        let comparison = compared(&old, &new);
        let mut told = BTreeSet::new();
        for change in &comparison.routes {
            for request in &change.requests {
                let (host, path) = (request.host.as_deref().unwrap_or("whatever"), request.path.as_deref().unwrap());
                prop_assert_eq!(&ask(&before, host, path), &change.before, "{} {}", host, path);
                prop_assert_eq!(&ask(&after, host, path), &change.after, "{} {}", host, path);
            }
            told.insert((change.before.clone(), change.after.clone()));
        }
        let all = ASKED_HOSTS.iter().flat_map(|host| ASKED_PATHS.iter().map(move |path| (host, path)));
        let met: BTreeSet<_> = all
            .map(|(host, path)| (ask(&before, host, path), ask(&after, host, path)))
            .filter(|(before, after)| before != after)
            .collect();
        prop_assert_eq!(told, met, "{}\n->\n{}", old, new);
    }

    #[test]
    fn every_change_of_tls_routes_is_shown((old, new) in edited(PROTOCOLS.len())) {
        let (old, new) = (file("tls_passthrough", &old, "alpn"), file("tls_passthrough", &new, "alpn"));
        let (Some(was), Some(is)) = (config(&old), config(&new)) else { return Ok(()) };
        let (before, after) = (name_table(&was), name_table(&is));
        let ask = |table: &NameTable<String>, host: Option<&str>, offer: &[&str]| {
            let offer: Vec<Box<[u8]>> = offer.iter().map(|one| one.as_bytes().into()).collect();
            answer(table.find(host, &offer), Answer::Refused)
        };
        let comparison = compared(&old, &new);
        let mut told = BTreeSet::new();
        for change in &comparison.routes {
            for request in &change.requests {
                let alpn: Vec<&str> = request.alpn.iter().map(String::as_str).collect();
                prop_assert_eq!(&ask(&before, request.host.as_deref(), &alpn), &change.before);
                prop_assert_eq!(&ask(&after, request.host.as_deref(), &alpn), &change.after);
            }
            told.insert((change.before.clone(), change.after.clone()));
        }
        let names = ASKED_HOSTS.iter().map(|host| Some(*host).filter(|host| !host.is_empty()));
        let offers = offers();
        let all = names.flat_map(|host| offers.iter().map(move |offer| (host, offer)));
        let met: BTreeSet<_> = all
            .map(|(host, offer)| (ask(&before, host, offer), ask(&after, host, offer)))
            .filter(|(before, after)| before != after)
            .collect();
        prop_assert_eq!(told, met, "{}\n->\n{}", old, new);
    }
}

#[test]
fn the_generated_files_are_sound() {
    let every = |paths: usize| -> Routes {
        (0..HOSTS.len())
            .flat_map(|host| (0..paths).map(move |path| ((host, path), (host + path) % 3)))
            .collect()
    };
    for text in
        [file("http", &every(PATHS.len()), "path"), file("tls_passthrough", &every(PROTOCOLS.len()), "alpn")]
    {
        let loaded = load(&Source::new("f", &*text));
        assert!(loaded.config.is_some(), "{:#?}", loaded.diagnostics);
    }
    assert_eq!(HostMatch::Any.to_string(), "*");
}

fn web(routes: &str) -> String {
    format!("{}{routes}", file("http", &Routes::new(), "path"))
}

fn route(host: &str, path: &str, pool: &str) -> String {
    format!("[[route]]\nlistener = \"web\"\nhost = \"{host}\"\npath = \"{path}\"\npool = \"{pool}\"\n")
}

const REST: &str = "[[route]]\nlistener = \"web\"\npool = \"p\"\n";

#[test]
fn a_route_that_is_lost_says_what_request_shows_it() {
    let shop = route("shop.example", "/api/", "q");
    let only = |path: &str| format!("[[route]]\nlistener = \"web\"\npath = \"{path}\"\npool = \"p\"\n");
    let comparison = compared(&web(&format!("{}{shop}", only("/x"))), &web(&only("/x")));
    let lost = item(&comparison, "route-lost");
    assert_eq!((lost.rank, lost.text.as_str()), (Rank::Danger, "shop.example/api: pool q -> 404"));
    assert!(lost.more.iter().any(|one| one.contains("GET /api with Host: shop.example")), "{lost:?}");
}

#[test]
fn fewer_backends_for_the_same_requests_is_a_danger() {
    let old = web(&format!("{REST}{}", route("shop.example", "/", "q")));
    let comparison = compared(
        &old,
        &old.replace("\"10.0.0.1:80\", \"10.0.0.2:80\"", "\"10.0.0.1:80\"")
            .replace(&route("shop.example", "/", "q"), ""),
    );
    let moved = item(&comparison, "route-moved");
    assert_eq!((moved.rank, moved.text.as_str()), (Rank::Danger, "shop.example/: pool q -> pool p"));
    let same_size = compared(&old, &old.replace(&route("shop.example", "/", "q"), ""));
    assert_eq!(item(&same_size, "route-moved").rank, Rank::Change);
}

#[test]
fn listeners_of_one_pool_and_redirects() {
    let old = web(REST);
    let tcp = compared(
        &old,
        &old.replacen("protocol = \"tcp\"\npool = \"p\"", "protocol = \"tcp\"\npool = \"q\"", 1),
    );
    assert_eq!(item(&tcp, "route-moved").text, "listener p: pool p -> pool q");
    let redirect =
        compared(&old, &old.replacen("protocol = \"http\"", "protocol = \"http\"\nhttps_redirect = 443", 1));
    assert_eq!(item(&redirect, "route-redirected").text, "any host /: pool p -> redirect to HTTPS");
    let requests = &redirect.routes[0].requests;
    assert_eq!(requests.len(), 1, "a CA's challenges are answered as before: {requests:?}");
}

#[test]
fn an_equal_change_on_two_listeners_is_told_once() {
    let second = "[listener.second]\nbind = \"127.0.0.1:8081\"\n";
    let file = |pool: &str| web(&format!("{second}[[route]]\npool = \"{pool}\"\n"));
    let comparison = compared(&file("p"), &file("q"));
    assert_eq!(comparison.routes.len(), 1, "{:?}", comparison.routes);
    assert_eq!(comparison.routes[0].requests[0].listeners, ["web", "second"]);
}
