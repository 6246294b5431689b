//! `expect` of a pool.

use std::sync::Arc;

use toml::de::DeValue;

use super::convert;
use super::reader::{Reader, Value};
use crate::diagnostic::Diagnostic;
use crate::model::Expect;
use crate::span::At;
use crate::values;

/// A pool's contract, with the place of each clause.
#[derive(Clone, Debug)]
pub(crate) struct ExpectDraft {
    pub(crate) members: Option<At<u32>>,
    pub(crate) min_share: Option<At<f64>>,
    pub(crate) max_share: Option<At<f64>>,
    /// `None` is 0.
    pub(crate) survives: Option<At<u32>>,
    pub(crate) peak_to_mean: Option<At<f64>>,
    pub(crate) forbidden_zones: Vec<At<Arc<str>>>,
    pub(crate) peak_rate: Option<At<f64>>,
    pub(crate) backend_rate: Option<At<f64>>,
}

impl ExpectDraft {
    /// What it says.
    pub(crate) fn value(&self) -> Expect {
        let number = |clause: &Option<At<f64>>| clause.as_ref().map(|clause| clause.value);
        Expect {
            members: self.members.as_ref().map(|members| members.value),
            min_share: number(&self.min_share),
            max_share: number(&self.max_share),
            survives: self.survives.as_ref().map_or(0, |survives| survives.value),
            peak_to_mean: number(&self.peak_to_mean),
            forbidden_zones: self.forbidden_zones.iter().map(|zone| Arc::clone(&zone.value)).collect(),
            peak_rate: number(&self.peak_rate),
            backend_rate: number(&self.backend_rate),
        }
    }
}

/// What is watched while it runs has no places in a file.
impl From<&Expect> for ExpectDraft {
    fn from(expect: &Expect) -> Self {
        fn nowhere<T>(value: T) -> At<T> {
            At::new(value, 0..0)
        }
        Self {
            members: expect.members.map(nowhere),
            min_share: expect.min_share.map(nowhere),
            max_share: expect.max_share.map(nowhere),
            survives: Some(nowhere(expect.survives)),
            peak_to_mean: expect.peak_to_mean.map(nowhere),
            forbidden_zones: expect.forbidden_zones.iter().cloned().map(nowhere).collect(),
            peak_rate: expect.peak_rate.map(nowhere),
            backend_rate: expect.backend_rate.map(nowhere),
        }
    }
}

pub(super) fn read(pool: &mut Reader<'_>) -> Option<ExpectDraft> {
    let value = pool.take("expect")?;
    if !matches!(value.de, DeValue::Table(_)) {
        pool.cx.report(convert::wrong_type(&value));
        return None;
    }
    let empty = value.de.as_table().is_some_and(|table| table.is_empty());
    let mut table = pool.table_or("expect", Some(value));
    if empty {
        table.cx.report(says_nothing(&table));
    }
    let narrow = |number: At<u64>| number.map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    let share = |ratio: At<evenkeel_core::Ratio>| ratio.map(evenkeel_core::Ratio::get);
    let draft = ExpectDraft {
        members: table.read("members", convert::integer).map(narrow),
        min_share: table.read("min_share", convert::ratio).map(share),
        max_share: table.read("max_share", convert::ratio).map(share),
        survives: table.read("survives", convert::integer).map(narrow),
        peak_to_mean: table.read("peak_to_mean", convert::range),
        forbidden_zones: zones(&mut table),
        peak_rate: table.read("peak_rate", convert::positive),
        backend_rate: table.read("backend_rate", convert::positive),
    };
    if let (Some(least), Some(most)) = (&draft.min_share, &draft.max_share)
        && least.value > most.value
    {
        table.cx.report(reversed(least, most));
    }
    Some(draft)
}

fn zones(table: &mut Reader<'_>) -> Vec<At<Arc<str>>> {
    let Some(value) = table.take("forbidden_zones") else { return Vec::new() };
    if !matches!(value.de, DeValue::Array(_)) {
        table.cx.report(convert::wrong_type(&value));
        return Vec::new();
    }
    let convert = convert::parsed("bad-name", values::name);
    let zone = |item: Value<'_>| match convert(&item) {
        Ok(name) => Some(At::new(Arc::from(name), item.span)),
        Err(wrong) => {
            table.cx.report(wrong);
            None
        }
    };
    value.items().filter_map(zone).collect()
}

fn says_nothing(table: &Reader<'_>) -> Diagnostic {
    Diagnostic::warning("no-effect", table.span(), "`expect` says nothing")
        .label("has no effect")
        .effect("whatever becomes of the pool, it is as expected")
        .help("say what must hold, such as `expect = { members = 3, survives = 1, max_share = 0.5 }`")
}

fn reversed(least: &At<f64>, most: &At<f64>) -> Diagnostic {
    let message = format!("`min_share` is {} and `max_share` {}", least.value, most.value);
    Diagnostic::error("contradiction", least.span.clone(), message)
        .label("more than `max_share`")
        .related(most.span.clone(), "the most that a backend may get")
        .effect("no backend could ever have a share that is both")
        .help("exchange the two, or take one of them out")
}
