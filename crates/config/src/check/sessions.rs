//! Sessions of several pools: cookies that overwrite each other.

use std::collections::HashMap;

use crate::decode::{Cx, Draft, PoolDraft};
use crate::diagnostic::Diagnostic;
use crate::model::{HostMatch, Sticky};
use crate::span::At;

/// A browser has one cookie of a name and path for a host, and each pool would put its own backend into it.
pub(super) fn check(cx: &Cx, draft: &Draft) {
    let hosts = hosts(draft);
    let mut cookies: HashMap<(&str, &str), Taken<'_>> = HashMap::new();
    for pool in &draft.pools {
        let Some(sticky) = &pool.sticky else { continue };
        let own = hosts.get(pool.name.value.as_str()).map_or(&[][..], Vec::as_slice);
        let taken = cookies.entry((&sticky.value.cookie, &sticky.value.path)).or_default();
        if let Some(first) = own.iter().filter_map(|host| taken.by(host)).min() {
            cx.report(shared(taken.pools[first], pool, sticky));
        }
        taken.add(pool, own);
    }
}

/// The pools that keep their sessions in one cookie, by their numbers in that order, and the hosts of each.
#[derive(Default)]
struct Taken<'a> {
    pools: Vec<&'a PoolDraft>,
    /// The first that has a host at all.
    some: Option<usize>,
    /// The first that holds for every host.
    any: Option<usize>,
    exact: HashMap<&'a str, usize>,
    wildcard: HashMap<&'a str, usize>,
    /// By each name that a host of theirs is below of.
    below: HashMap<&'a str, usize>,
}

impl<'a> Taken<'a> {
    /// The first pool that a client may reach under this host as well.
    fn by(&self, host: &HostMatch) -> Option<usize> {
        let wildcards = |name| parents(name).filter_map(|parent| self.wildcard.get(parent).copied()).min();
        let named = match host {
            HostMatch::Any => [self.some, None, None],
            HostMatch::Exact(name) => [self.exact.get(name.as_str()).copied(), wildcards(name), None],
            HostMatch::Wildcard(domain) => {
                let same = self.wildcard.get(domain.as_str()).copied();
                [same, wildcards(domain), self.below.get(domain.as_str()).copied()]
            }
        };
        named.into_iter().chain([self.any]).flatten().min()
    }

    fn add(&mut self, pool: &'a PoolDraft, hosts: &[&'a HostMatch]) {
        let number = self.pools.len();
        self.pools.push(pool);
        for host in hosts {
            self.some.get_or_insert(number);
            match host {
                HostMatch::Any => _ = self.any.get_or_insert(number),
                HostMatch::Exact(name) => {
                    self.exact.entry(name).or_insert(number);
                    parents(name).for_each(|parent| _ = self.below.entry(parent).or_insert(number));
                }
                HostMatch::Wildcard(domain) => {
                    self.wildcard.entry(domain).or_insert(number);
                    parents(domain).for_each(|parent| _ = self.below.entry(parent).or_insert(number));
                }
            }
        }
    }
}

/// The names that this one is below of.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent)).skip(1)
}

/// The hosts under which each pool is reached.
fn hosts(draft: &Draft) -> HashMap<&str, Vec<&HostMatch>> {
    let mut hosts: HashMap<&str, Vec<&HostMatch>> = HashMap::new();
    for route in &draft.routes {
        let Some(pool) = &route.pool else { continue };
        hosts.entry(&pool.value).or_default().extend(route.hosts.iter().map(|host| &host.value));
    }
    for pool in draft.listeners.iter().filter_map(|listener| listener.pool.as_ref()) {
        hosts.entry(&pool.value).or_default().push(&HostMatch::Any);
    }
    hosts
}

fn shared(first: &PoolDraft, second: &PoolDraft, sticky: &At<Sticky>) -> Diagnostic {
    let (name, cookie) = (&second.name.value, &sticky.value.cookie);
    let message =
        format!("pools `{}` and `{name}` keep their sessions in one cookie, `{cookie}`", first.name.value);
    let found = Diagnostic::warning("shared-cookie", sticky.span.clone(), message)
        .label("the second")
        .effect("a client of both would lose its session in one pool whenever it asks the other")
        .help(format!("give it a name of its own: sticky = {{ cookie = \"{cookie}-{name}\" }}"));
    match &first.sticky {
        Some(theirs) => found.related(theirs.span.clone(), "the first"),
        None => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Cx, silent_pool};

    #[test]
    fn hosts_meet_where_a_name_can_be_in_both() {
        let cx = Cx::default();
        let pool = silent_pool(&cx, "web");
        let meet = |one: &HostMatch, other: &HostMatch| {
            let mut taken = Taken::default();
            taken.add(&pool, &[one]);
            taken.by(other).is_some()
        };
        let exact = |name: &str| HostMatch::Exact(name.to_owned());
        let below = |name: &str| HostMatch::Wildcard(name.to_owned());
        for (one, other, meets) in [
            (HostMatch::Any, exact("a.test"), true),
            (HostMatch::Any, HostMatch::Any, true),
            (exact("a.test"), exact("a.test"), true),
            (exact("a.test"), exact("b.test"), false),
            (exact("x.a.test"), below("a.test"), true),
            (below("a.test"), exact("a.test"), false),
            (below("a.test"), below("a.test"), true),
            (below("a.test"), below("x.a.test"), true),
            (below("a.test"), below("b.test"), false),
            (exact("xa.test"), below("a.test"), false),
        ] {
            assert_eq!((meet(&one, &other), meet(&other, &one)), (meets, meets), "{one} {other}");
        }
    }

    #[test]
    fn the_first_of_several_is_told() {
        let cx = Cx::default();
        let pool = silent_pool(&cx, "web");
        let hosts = ["a.test", "b.test"].map(|name| HostMatch::Exact(name.into()));
        let mut taken = Taken::default();
        hosts.iter().for_each(|host| taken.add(&pool, &[host]));
        assert_eq!(hosts.each_ref().map(|host| taken.by(host)), [Some(0), Some(1)]);
        assert_eq!(taken.by(&HostMatch::Wildcard("test".into())), Some(0));
    }
}
