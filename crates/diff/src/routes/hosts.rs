//! Hosts that stand for all hosts.
//!
//! A table of routes looks a host up by its own name, then below ever shorter names, then under no name. So hosts that are
//! named, and that lie below the same longest name, are answered alike; one of each kind will do. Moreover, if what is
//! written for a host itself is the same in both tables, they differ for it only where neither decides by that, and then
//! they differ for the kind below which it lies. So those need not be asked, except for the last kind of all.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::HostPattern;

/// Which hosts are meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hosts {
    /// All that no other kind is for.
    Any,
    /// Below this name.
    Below(String),
    /// This one.
    Exact(String),
}

/// What is written for each kind of hosts.
pub(crate) type ByHost<T> = BTreeMap<Hosts, T>;

impl From<HostPattern<'_>> for Hosts {
    fn from(pattern: HostPattern<'_>) -> Self {
        match pattern {
            HostPattern::Any => Self::Any,
            HostPattern::Below(name) => Self::Below(name.to_owned()),
            HostPattern::Exact(name) => Self::Exact(name.to_owned()),
        }
    }
}

/// The kinds to ask about: those for which the two say different things, and the last of all.
pub(crate) fn to_ask<T: PartialEq>(old: &ByHost<T>, new: &ByHost<T>) -> Vec<Hosts> {
    let all: BTreeSet<&Hosts> = old.keys().chain(new.keys()).chain([&Hosts::Any]).collect();
    let differs = |hosts: &&Hosts| **hosts == Hosts::Any || old.get(hosts) != new.get(hosts);
    all.into_iter().filter(differs).cloned().collect()
}

/// A host of that kind and of no narrower one; `None` where there can be none, because it would be longer than a name may
/// be. `named` says whether a name is a kind of its own.
pub(crate) fn example(hosts: &Hosts, is_named: impl Fn(&Hosts) -> bool) -> Option<String> {
    match hosts {
        Hosts::Exact(name) => Some(name.clone()),
        Hosts::Below(name) => {
            let fresh =
                |number: usize| if number == 0 { format!("x.{name}") } else { format!("x{number}.{name}") };
            let found = (0..).map(fresh).find(|host| !is_named(&Hosts::Exact(host.clone())))?;
            (found.len() <= HOST_MAX).then_some(found)
        }
        Hosts::Any => {
            let shown = "other.example".to_owned();
            if !is_named(&Hosts::Exact(shown.clone())) && !is_named(&Hosts::Below("example".to_owned())) {
                return Some(shown);
            }
            // A name without a dot is below nothing.
            let fresh = |number: usize| format!("other{number}");
            (0..).map(fresh).find(|host| !is_named(&Hosts::Exact(host.clone())))
        }
    }
}

/// The kinds that are asked after this one, when it does not decide.
pub(crate) fn fallbacks(hosts: &Hosts) -> Vec<Hosts> {
    let mut rest = match hosts {
        Hosts::Any => return Vec::new(),
        Hosts::Below(name) | Hosts::Exact(name) => name.as_str(),
    };
    let mut kinds = Vec::new();
    while let Some((_, parent)) = rest.split_once('.') {
        kinds.push(Hosts::Below(parent.to_owned()));
        rest = parent;
    }
    kinds.push(Hosts::Any);
    kinds
}

/// Longest host name that DNS allows.
const HOST_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_of_no_narrower_kind() {
        let named = [
            Hosts::Exact("x.a.example".into()),
            Hosts::Below("example".into()),
            Hosts::Exact("other0".into()),
        ];
        let example = |hosts: Hosts| example(&hosts, |one| named.contains(one));
        assert_eq!(example(Hosts::Below("a.example".into())).as_deref(), Some("x1.a.example"));
        assert_eq!(example(Hosts::Any).as_deref(), Some("other1"));
        assert_eq!(example(Hosts::Below("a".repeat(253))), None);
        assert_eq!(example(Hosts::Exact("b".into())).as_deref(), Some("b"));
    }

    #[test]
    fn fallbacks_are_ever_wider() {
        let below = |name: &str| Hosts::Below(name.into());
        assert_eq!(fallbacks(&Hosts::Exact("a.b.c".into())), [below("b.c"), below("c"), Hosts::Any]);
        assert_eq!(fallbacks(&below("c")), [Hosts::Any]);
        assert!(fallbacks(&Hosts::Any).is_empty());
    }
}
