//! `[pool.NAME]` and its backends.

use std::num::NonZeroU32;
use std::sync::Arc;

use evenkeel_core::{Intent, Weight};
use toml::de::DeValue;

use super::draft::{BackendDraft, PoolDraft};
use super::reader::{Reader, Value};
use super::strategy::{self, Picking};
use super::upstream::{self, Upstream};
use super::{allow, convert, expect, health, shaping, sticky};
use crate::diagnostic::Diagnostic;
use crate::keys::Kind;
use crate::model::{BackendAddress, UpstreamKeepAlive};
use crate::span::At;
use crate::values;

pub(super) fn read(name: At<String>, mut table: Reader<'_>) -> PoolDraft {
    let before = table.cx.errors();
    let intent = table.read("intent", convert::choice).map(|intent| match intent.value {
        "capacity" => Intent::Capacity,
        "weights" => Intent::Weights,
        _ => Intent::Equal,
    });
    let backends = backends(&mut table);
    let whole = table.cx.errors() == before;
    let Picking { strategy, settings, hash, show_keys, probe } = strategy::read(&mut table);
    let sticky = sticky::sticky(&mut table);
    // Where the request decides on the backend, one client that fails is one backend that fails.
    let blames = !strategy.registration().keyed && sticky.is_none();
    let Upstream { protocol, tls, send_proxy, streams_max, upgrade, timeouts, for_requests } =
        upstream::read(&mut table);
    PoolDraft {
        name,
        strategy,
        settings,
        hash,
        show_keys,
        shaping: shaping::read(&mut table),
        sticky,
        queue: sticky::queue(&mut table),
        probe,
        intent,
        backends,
        protocol,
        tls,
        send_proxy,
        streams_max,
        upgrade,
        for_requests,
        health: health::active(&mut table),
        passive: health::passive(&mut table, blames),
        panic_threshold: table.ratio("panic_threshold"),
        timeouts,
        keep_alive: keep_alive(table.table("keep_alive")),
        max_attempts: table.count("max_attempts"),
        written: table.written(),
        expect: expect::read(&mut table),
        allow: allow::read(&mut table),
        whole,
    }
}

fn backends(table: &mut Reader<'_>) -> At<Vec<BackendDraft>> {
    let Some(value) = table.take("backends") else { return At::new(Vec::new(), table.span()) };
    let span = value.span.clone();
    let DeValue::Array(items) = value.de else {
        table.cx.report(convert::wrong_type(&value));
        return At::new(Vec::new(), span);
    };
    if items.is_empty() {
        let empty =
            Diagnostic::error("empty-pool", span.clone(), format!("`{}` is an empty list", value.path))
                .label("no backend")
                .effect("every request to this pool would be answered with 503")
                .help("list at least one: backends = [\"10.0.0.11:8080\"]");
        table.cx.report(empty);
    }
    let read: Vec<_> = value.items().filter_map(|item| backend(table, item)).collect();
    At::new(read, span)
}

fn backend(pool: &Reader<'_>, item: Value<'_>) -> Option<BackendDraft> {
    let span = item.span.clone();
    if let DeValue::String(text) = item.de {
        let address = convert::parsed("bad-address", values::backend_address)(&item);
        let address =
            address.map_err(|wrong| pool.cx.report(wrong)).ok().map(|address| At::new(address, span.clone()));
        return Some(BackendDraft {
            id: At::new(text.to_string(), span.clone()),
            address,
            weight: At::new(Weight::ONE, span.clone()),
            capacity: None,
            enabled: At::new(true, span.clone()),
            tier: At::new(0, span.clone()),
            zone: None,
            max_in_flight: None,
            drain: At::new(false, span),
            allow: Vec::new(),
        });
    }
    let DeValue::Table(_) = item.de else {
        pool.cx.report(convert::wrong_type(&item));
        return None;
    };
    let section = item.kinds.iter().find_map(Kind::section)?;
    Some(backend_table(pool.below(section, "backends", Some(item))))
}

fn backend_table(mut table: Reader<'_>) -> BackendDraft {
    let mut written = None;
    let address = table.read("address", |value| {
        written = Some(At::new(convert::text(value)?.to_string(), value.span.clone()));
        convert::parsed("bad-address", values::backend_address)(value)
    });
    let name = table.read("name", convert::parsed("bad-name", values::name));
    let weight = table.read("weight", weight);
    let capacity = table.read("capacity", convert::positive).map(|capacity| capacity.value);
    let enabled = table.flag("enabled");
    let tier = table.read("tier", convert::integer);
    let zone = table.read("zone", convert::parsed("bad-name", values::name));
    let limit = table.read("max_in_flight", convert::unless_nothing(convert::integer));
    let drain = table.flag("drain");
    let allow = allow::read(&mut table);
    let span = table.span();
    BackendDraft {
        id: name.or(written).unwrap_or_else(|| At::new(String::new(), span.clone())),
        address: address.map(|At { value, span }| At::<BackendAddress>::new(value, span)),
        weight: weight.unwrap_or_else(|| At::new(Weight::ONE, span.clone())),
        capacity,
        enabled,
        tier: tier
            .map_or_else(|| At::new(0, span), |tier| tier.map(|tier| u8::try_from(tier).unwrap_or(u8::MAX))),
        zone: zone.map(|zone| zone.map(Arc::from)),
        max_in_flight: limit.and_then(|At { value, span }| {
            let limit = value.and_then(|limit| u32::try_from(limit).ok()).and_then(NonZeroU32::new);
            Some(At::new(limit?, span))
        }),
        drain,
        allow,
    }
}

/// A weight. What other balancers accept here (0, fractions) is refused with the way to say what is meant.
fn weight(value: &Value<'_>) -> Result<Weight, Diagnostic> {
    let zero = value
        .de
        .as_integer()
        .is_some_and(|written| written.as_str().trim_start_matches(['+', '-', '0']).is_empty());
    if zero {
        let message = format!("`{}` is 0", value.path);
        return Err(Diagnostic::error("zero-weight", value.span.clone(), message)
            .label("weights begin at 1")
            .effect("a backend of weight 0 would never be picked, and would still count as healthy capacity")
            .help("write `enabled = false` to take it out of balancing"));
    }
    if let DeValue::Float(_) = value.de {
        let help = "scale all weights of the pool to whole numbers: 0.5 and 1.5 are 1 and 3";
        return Err(convert::wrong_type(value).help(help));
    }
    let number = convert::integer(value).map_err(|wrong| match value.de {
        DeValue::Integer(_) => {
            wrong.help("only proportions count: scale the weights of the pool into 1 to 65535")
        }
        _ => wrong,
    })?;
    let weight = u32::try_from(number).ok().and_then(Weight::new);
    weight.ok_or_else(|| convert::wrong_type(value))
}

fn keep_alive(mut table: Reader<'_>) -> UpstreamKeepAlive {
    UpstreamKeepAlive {
        idle_max: table.quantity("idle_max"),
        idle_timeout: table.duration("idle_timeout").value,
        max_age: table.duration("max_age").value,
    }
}
