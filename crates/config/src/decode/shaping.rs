//! `slow_start`, `overprovisioning`, `zone_aware` and `subset` of a pool.

use std::num::NonZeroU32;

use evenkeel_core::{Ratio, SlowStart};
use toml::de::DeValue;

use super::convert;
use super::reader::Reader;
use crate::defaults;
use crate::span::At;

/// What shapes the shares beside weights and health, before it is known where this process is.
pub(crate) struct ShapingDraft {
    pub(crate) slow_start: Option<SlowStart>,
    pub(crate) overprovisioning: f64,
    /// Backends from which on zones are looked at; `None` when they never are.
    pub(crate) zone_aware: Option<At<usize>>,
    pub(crate) subset: Option<At<NonZeroU32>>,
}

pub(super) fn read(pool: &mut Reader<'_>) -> ShapingDraft {
    let subset = pool.read("subset", convert::unless_off(convert::integer));
    ShapingDraft {
        slow_start: slow_start(pool),
        overprovisioning: pool.number("overprovisioning"),
        zone_aware: zone_aware(pool),
        subset: subset.and_then(|At { value, span }| {
            let size = value.and_then(|size| u32::try_from(size).ok()).and_then(NonZeroU32::new);
            Some(At::new(size?, span))
        }),
    }
}

fn slow_start(pool: &mut Reader<'_>) -> Option<SlowStart> {
    let value = pool.take("slow_start")?;
    match value.de {
        _ if convert::is_off(&value) => None,
        DeValue::Table(_) => {
            let mut table = pool.table_or("slow_start", Some(value));
            let window = table.read("window", convert::duration);
            let (aggression, minimum) = (table.number("aggression"), table.number("minimum"));
            Some(SlowStart { window: window?.value, aggression, minimum: Ratio::new(minimum)? })
        }
        _ => match convert::duration(&value) {
            Ok(window) => Some(SlowStart {
                window,
                aggression: defaults::AGGRESSION,
                minimum: Ratio::new(defaults::SLOW_START_MINIMUM)?,
            }),
            Err(wrong) => {
                let help = "write how long it takes, such as \"30s\", or false for none";
                let zero = wrong.code == "out-of-range";
                pool.cx.report(if zero { wrong.help(help) } else { wrong });
                None
            }
        },
    }
}

fn zone_aware(pool: &mut Reader<'_>) -> Option<At<usize>> {
    let value = pool.take("zone_aware")?;
    let span = value.span.clone();
    if convert::is_off(&value) {
        return None;
    }
    // `true` is short for a table of nothing but defaults.
    let given = (value.de.as_bool() != Some(true)).then_some(value);
    let mut table = pool.table_or("zone_aware", given);
    Some(At::new(table.quantity("min_backends"), span))
}
