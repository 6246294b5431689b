//! `hash` of a pool.

use evenkeel_core::{REGISTRY, StrategyKind, StrategySettings};
use toml::de::DeValue;

use super::convert;
use super::reader::{Reader, Value};
use super::strategy::{Chosen, without_effect};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::HashKey;
use crate::span::At;
use crate::values;

/// What requests can be told apart by: the keys of the table, of which it has one.
const KEYS: [&str; 5] = ["header", "cookie", "query", "path", "source"];
/// With fewer bits of the address nearly all clients share what they are told apart by.
const COARSE: u64 = 8;

/// Reads what requests are told apart by and whether that may be shown, and into `settings` what hashing strategies are
/// told beside.
pub(super) fn read(
    pool: &mut Reader<'_>,
    chosen: &Chosen,
    settings: &mut StrategySettings,
    show_keys: &mut bool,
) -> Option<At<HashKey>> {
    let keyed = |chosen: &&At<StrategyKind>| chosen.value.registration().keyed;
    let Some(value) = pool.take("hash") else {
        if let Some(chosen) = chosen.as_ref().filter(keyed).filter(|_| pool.lacks("hash")) {
            pool.cx.report(keyless(chosen));
        }
        return None;
    };
    if let Some(chosen) = chosen.as_ref().filter(|chosen| !keyed(chosen)) {
        let readers: Vec<_> = REGISTRY.iter().filter(|known| known.keyed).map(|known| known.name).collect();
        let span = pool.key_span("hash").unwrap_or_else(|| value.span.clone());
        pool.cx.report(without_effect("hash", span, pool.has("strategy"), chosen, &readers));
    }
    if !matches!(value.de, DeValue::Table(_)) {
        pool.cx.report(convert::wrong_type(&value));
        return None;
    }
    let span = value.span.clone();
    let before = pool.cx.errors();
    let mut table = pool.table_or("hash", Some(value));
    let key = key(&mut table);
    if key.is_none() && table.cx.errors() == before {
        table.cx.report(nothing(&table));
    }
    tables(&mut table, chosen.as_ref().filter(keyed), settings);
    *show_keys = table.flag("show_keys").value;
    key.map(|key| At::new(key.value, span))
}

/// The one thing that requests are told apart by.
fn key(table: &mut Reader<'_>) -> Option<At<HashKey>> {
    let (v4, v6) = (table.read("ipv4", convert::integer), table.read("ipv6", convert::integer));
    let prefix = |bits: &Option<At<u64>>, default| {
        u8::try_from(bits.as_ref().map_or(default, |bits| bits.value)).unwrap_or(u8::MAX)
    };
    let (ipv4, ipv6) = (prefix(&v4, defaults::HASH_IPV4), prefix(&v6, defaults::HASH_IPV6));
    let found = [
        table
            .read("header", convert::parsed("bad-name", values::field_name))
            .map(|at| at.map(HashKey::Header)),
        table
            .read("cookie", convert::parsed("bad-name", values::cookie_name))
            .map(|at| at.map(HashKey::Cookie)),
        table.read("query", convert::parsed("bad-name", values::query_name)).map(|at| at.map(HashKey::Query)),
        table.read("path", convert::flag).filter(|at| at.value).map(|at| at.map(|_| HashKey::Path)),
        table
            .read("source", convert::flag)
            .filter(|at| at.value)
            .map(|at| at.map(|_| HashKey::Source { ipv4, ipv6 })),
    ];
    let mut found: Vec<_> = KEYS.into_iter().zip(found).filter_map(|(name, at)| Some((name, at?))).collect();
    found.sort_by_key(|(_, at)| at.span.start);
    for pair in found.windows(2) {
        table.cx.report(another(pair[1].0, &pair[1].1, pair[0].0, &pair[0].1));
    }
    let (name, first) = found.into_iter().next()?;
    for (key, bits) in [("ipv4", &v4), ("ipv6", &v6)] {
        match bits {
            Some(bits) if name != "source" => table.cx.report(no_address(key, bits, name)),
            Some(bits) if bits.value < COARSE => table.cx.report(coarse(key, bits)),
            _ => {}
        }
    }
    Some(first)
}

/// How the strategies lay out their tables.
fn tables(table: &mut Reader<'_>, keyed: Option<&At<StrategyKind>>, settings: &mut StrategySettings) {
    settings.bound = table.read("bound", convert::unless_off(convert::range)).and_then(|bound| bound.value);
    let size = table.read("table_size", prime);
    let points = table.read("points", convert::integer);
    for (key, owner, value) in [("table_size", "maglev", &size), ("points", "ring", &points)] {
        if let (Some(value), Some(chosen)) = (value, keyed.filter(|chosen| chosen.value.as_str() != owner)) {
            table.cx.report(without_effect(key, value.span.clone(), true, chosen, &[owner]));
        }
    }
    let narrow = |value: At<u64>| u32::try_from(value.value).unwrap_or(u32::MAX);
    settings.table_size = size.map_or(settings.table_size, narrow);
    settings.ring_points = points.map_or(settings.ring_points, narrow);
}

fn prime(value: &Value<'_>) -> Result<u64, Diagnostic> {
    let size = convert::integer(value)?;
    if values::is_prime(size) {
        return Ok(size);
    }
    let next = values::prime_from(size);
    Err(Diagnostic::error("not-prime", value.span.clone(), format!("`{}` is not a prime", value.path))
        .label("must be a prime")
        .effect("backends would skip parts of the table, so the shares would not be those of the weights")
        .help(format!("write {next}, the next prime")))
}

fn keyless(chosen: &At<StrategyKind>) -> Diagnostic {
    let message =
        format!("`{}` goes by a key, but `hash` does not say what requests are told apart by", chosen.value);
    Diagnostic::error("missing-key", chosen.span.clone(), message)
        .label("needs `hash`")
        .effect("no request would have a key, so like requests would not meet at one backend")
        .help("add `hash = { cookie = \"session\" }`, or `header`, `query`, `path = true` or `source = true`")
}

fn nothing(table: &Reader<'_>) -> Diagnostic {
    let message = "`hash` does not say what requests are told apart by";
    Diagnostic::error("missing-key", table.span(), message)
        .label("needs one of five")
        .effect("no request would have a key, so like requests would not meet at one backend")
        .help("write one of `header = \"X-User\"`, `cookie = \"session\"`, `query = \"user\"`, `path = true` and `source = true`")
}

fn another(name: &str, second: &At<HashKey>, other: &str, first: &At<HashKey>) -> Diagnostic {
    let message = format!("`hash` has both `{other}` and `{name}`: requests are told apart by one thing");
    Diagnostic::error("contradiction", second.span.clone(), message)
        .label("the second")
        .related(first.span.clone(), "the first")
        .effect("one of the two would have no effect, and requests that it holds together would not meet")
        .help(format!("take `{other}` or `{name}` out"))
}

fn no_address(key: &str, bits: &At<u64>, name: &str) -> Diagnostic {
    Diagnostic::error("contradiction", bits.span.clone(), format!("`{key}` has no effect with `{name}`"))
        .label("only `source` reads this")
        .effect(format!("requests would be told apart by `{name}`, whatever their client's address"))
        .help(format!("write `source = true` in place of `{name}`, or take `{key}` out"))
}

fn coarse(key: &str, bits: &At<u64>) -> Diagnostic {
    let groups = 1u64 << bits.value.min(COARSE);
    let version = if key == "ipv4" { "IPv4" } else { "IPv6" };
    let message = format!(
        "clients are hardly told apart by the first {} of their {version} address",
        count(bits.value)
    );
    Diagnostic::warning("coarse-hash", bits.span.clone(), message)
        .label(format!("{groups} groups at most"))
        .effect("each group of clients goes to one backend: most requests would go to a few of them")
        .help(format!("write {key} = {} to tell every network apart", if key == "ipv4" { 24 } else { 48 }))
}

fn count(bits: u64) -> String {
    if bits == 1 { "bit".into() } else { format!("{bits} bits") }
}
