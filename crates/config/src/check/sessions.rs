//! Sessions of several pools: cookies that overwrite each other.

use crate::decode::{Cx, Draft, PoolDraft};
use crate::diagnostic::Diagnostic;
use crate::model::HostMatch;

/// A browser has one cookie of a name and path for a host, and each pool would put its own backend into it.
pub(super) fn check(cx: &Cx, draft: &Draft) {
    for (index, pool) in draft.pools.iter().enumerate() {
        let Some(sticky) = &pool.sticky else { continue };
        let same = |other: &&PoolDraft| {
            other.sticky.as_ref().is_some_and(|theirs| {
                (&theirs.value.cookie, &theirs.value.path) == (&sticky.value.cookie, &sticky.value.path)
            })
        };
        let Some(other) = draft.pools[..index].iter().filter(same).find(|other| meet(draft, pool, other))
        else {
            continue;
        };
        let (name, cookie) = (&pool.name.value, &sticky.value.cookie);
        let message = format!(
            "pools `{}` and `{name}` keep their sessions in one cookie, `{cookie}`",
            other.name.value
        );
        let mut warning = Diagnostic::warning("shared-cookie", sticky.span.clone(), message)
            .label("the second")
            .effect("a client of both would lose its session in one pool whenever it asks the other")
            .help(format!("give it a name of its own: sticky = {{ cookie = \"{cookie}-{name}\" }}"));
        if let Some(first) = &other.sticky {
            warning = warning.related(first.span.clone(), "the first");
        }
        cx.report(warning);
    }
}

/// Whether a client can reach both under one host name.
fn meet(draft: &Draft, one: &PoolDraft, other: &PoolDraft) -> bool {
    let theirs = hosts(draft, other);
    hosts(draft, one).iter().any(|host| theirs.iter().any(|their| overlap(host, their)))
}

fn hosts(draft: &Draft, pool: &PoolDraft) -> Vec<HostMatch> {
    let here = |named: &crate::span::At<String>| named.value == pool.name.value;
    let routes = draft.routes.iter().filter(|route| route.pool.as_ref().is_some_and(here));
    let mut hosts: Vec<_> =
        routes.flat_map(|route| route.hosts.iter().map(|host| host.value.clone())).collect();
    if draft.listeners.iter().any(|listener| listener.pool.as_ref().is_some_and(here)) {
        hosts.push(HostMatch::Any);
    }
    hosts
}

fn overlap(one: &HostMatch, other: &HostMatch) -> bool {
    let below = |name: &str, domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    match (one, other) {
        (HostMatch::Any, _) | (_, HostMatch::Any) => true,
        (HostMatch::Exact(name), HostMatch::Wildcard(domain))
        | (HostMatch::Wildcard(domain), HostMatch::Exact(name)) => below(name, domain),
        (HostMatch::Wildcard(one), HostMatch::Wildcard(other)) => {
            one == other || below(one, other) || below(other, one)
        }
        (HostMatch::Exact(one), HostMatch::Exact(other)) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_overlap_where_a_name_can_be_in_both() {
        let exact = |name: &str| HostMatch::Exact(name.to_owned());
        let below = |name: &str| HostMatch::Wildcard(name.to_owned());
        assert!(overlap(&HostMatch::Any, &exact("a.test")));
        assert!(overlap(&exact("a.test"), &exact("a.test")));
        assert!(!overlap(&exact("a.test"), &exact("b.test")));
        assert!(overlap(&exact("x.a.test"), &below("a.test")));
        assert!(!overlap(&below("a.test"), &exact("a.test")));
        assert!(overlap(&below("a.test"), &below("x.a.test")));
        assert!(!overlap(&below("a.test"), &below("b.test")));
        assert!(!overlap(&exact("xa.test"), &below("a.test")));
    }
}
