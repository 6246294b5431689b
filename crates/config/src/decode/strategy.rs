//! `strategy` of a pool, and the keys that only some strategies read.

use std::ops::Range;

use evenkeel_core::{PrequalSettings, StrategyKind, StrategySettings};
use toml::de::DeValue;

use super::reader::Reader;
use super::{convert, hash, health};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::{HashKey, LoadProbe};
use crate::span::At;
use crate::values;

/// How a pool picks.
pub(super) struct Picking {
    pub(super) strategy: StrategyKind,
    pub(super) settings: StrategySettings,
    pub(super) hash: Option<At<HashKey>>,
    pub(super) show_keys: bool,
    pub(super) probe: Option<At<LoadProbe>>,
}

/// The strategy of a pool and where it is named. There is none where it is named and could not be read: then it cannot be
/// said which other keys belong to it.
pub(super) type Chosen = Option<At<StrategyKind>>;

/// The strategies that alone read a key of the pool: the key, and the name of the strategy.
const OWN: [(&str, &str); 3] = [("peak_ewma", "peak_ewma"), ("prequal", "prequal"), ("probe", "prequal")];

pub(super) fn read(pool: &mut Reader<'_>) -> Picking {
    let chosen = chosen(pool);
    let mut settings = StrategySettings::default();
    for (key, owner) in OWN {
        if let (Some(span), Some(chosen)) = (pool.key_span(key), &chosen)
            && chosen.value.as_str() != owner
        {
            pool.cx.report(without_effect(key, span, pool.has("strategy"), chosen, &[owner]));
        }
    }
    let mut show_keys = false;
    let hash = hash::read(pool, &chosen, &mut settings, &mut show_keys);
    if let Some(value) = pool.take("peak_ewma") {
        settings.decay = pool.table_or("peak_ewma", Some(value)).duration("decay").value;
    }
    if let Some(value) = pool.take("prequal") {
        settings.prequal = prequal(pool.table_or("prequal", Some(value)));
    }
    let probe = probe(pool, &chosen);
    let strategy = chosen.map(|chosen| chosen.value).unwrap_or_default();
    Picking { strategy, settings, hash, show_keys, probe }
}

/// A key that only other strategies read.
pub(super) fn without_effect(
    key: &str,
    span: Range<usize>,
    named: bool,
    chosen: &At<StrategyKind>,
    readers: &[&str],
) -> Diagnostic {
    let strategy = chosen.value;
    let wrong = Diagnostic::error("contradiction", span, format!("`{key}` has no effect with `{strategy}`"))
        .label(match readers {
            [only] => format!("only `{only}` reads this"),
            _ => "read by other strategies".into(),
        })
        .effect(format!("requests would go by `{strategy}`, as if this were not there"));
    let wrong = match named {
        true => wrong.related(chosen.span.clone(), "the strategy is set here"),
        false => wrong,
    };
    let others: Vec<_> = readers.iter().map(|reader| format!("\"{reader}\"")).collect();
    match others.as_slice() {
        [] => wrong.help(format!("take `{key}` out")),
        [only] => wrong.help(format!("write `strategy = {only}`, or take `{key}` out")),
        several => {
            wrong.help(format!("take `{key}` out, or choose another strategy: {}", values::one_of(several)))
        }
    }
}

fn chosen(pool: &mut Reader<'_>) -> Chosen {
    let named = pool.has("strategy");
    match pool.read("strategy", convert::choice) {
        Some(word) => StrategyKind::from_name(word.value).map(|kind| At::new(kind, word.span)),
        None if named => None,
        None => StrategyKind::from_name(defaults::STRATEGY).map(|kind| At::new(kind, pool.span())),
    }
}

fn prequal(mut table: Reader<'_>) -> PrequalSettings {
    PrequalSettings {
        probes_per_request: table.number("probes_per_request"),
        pool_size: table.count("pool_size"),
        probe_age: table.duration("probe_age").value,
        hot_quantile: table.ratio("hot_quantile").get(),
    }
}

fn probe(pool: &mut Reader<'_>, chosen: &Chosen) -> Option<At<LoadProbe>> {
    let Some(value) = pool.take("probe") else {
        let probes = |chosen: &&At<StrategyKind>| chosen.value.as_str() == "prequal";
        if let Some(chosen) = chosen.as_ref().filter(probes).filter(|_| pool.lacks("probe")) {
            pool.cx.report(unasked(chosen));
        }
        return None;
    };
    if !matches!(value.de, DeValue::Table(_)) {
        pool.cx.report(convert::wrong_type(&value));
        return None;
    }
    let span = value.span.clone();
    let mut table = pool.table_or("probe", Some(value));
    let path = table.read("path", convert::parsed("bad-path", health::request_target));
    let timeout = table.duration("timeout").value;
    Some(At::new(LoadProbe { path: path?.value, timeout }, span))
}

fn unasked(chosen: &At<StrategyKind>) -> Diagnostic {
    let message = "`prequal` asks backends how they are, but `probe` does not say where";
    Diagnostic::error("missing-key", chosen.span.clone(), message)
        .label("needs `probe`")
        .effect(
            "without answers it would pick by what this process has in flight alone, as `least_request` does",
        )
        .help("add `probe = { path = \"/load\" }`, something that costs the backend nothing")
}
