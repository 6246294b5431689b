//! Which thing of the old file is which of the new one.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Two lists, matched.
#[derive(Debug)]
pub(crate) struct Pairs<'a, T> {
    /// In the order of the new list.
    pub(crate) both: Vec<(&'a T, &'a T)>,
    pub(crate) removed: Vec<&'a T>,
    pub(crate) added: Vec<&'a T>,
}

/// By name; and of those that are left by what they are, if that says it clearly: a thing that was merely renamed is the
/// same to the traffic.
pub(crate) fn pairs<'a, T, K: Hash + Eq>(
    old: &'a [T],
    new: &'a [T],
    name: impl Fn(&T) -> &str,
    nature: impl Fn(&T) -> Option<K>,
) -> Pairs<'a, T> {
    let names: HashSet<&str> = new.iter().map(&name).collect();
    let by_name: HashMap<&str, &'a T> = old.iter().map(|one| (name(one), one)).collect();
    let left: Vec<&'a T> = old.iter().filter(|one| !names.contains(name(one))).collect();
    let unmatched = new.iter().filter(|one| !by_name.contains_key(name(one)));
    let (were, are) = (unique(left.iter().copied(), &nature), unique(unmatched, &nature));
    let mut pairs = Pairs { both: Vec::new(), removed: Vec::new(), added: Vec::new() };
    let mut renamed = HashSet::new();
    for one in new {
        let was = by_name.get(name(one)).copied().or_else(|| {
            let nature = nature(one)?;
            are.get(&nature).copied().flatten()?;
            were.get(&nature).copied().flatten()
        });
        match was {
            Some(was) => {
                renamed.insert(name(was));
                pairs.both.push((was, one));
            }
            None => pairs.added.push(one),
        }
    }
    pairs.removed = left.into_iter().filter(|one| !renamed.contains(name(one))).collect();
    pairs
}

/// By nature; `None` where several have the same.
fn unique<'a, T: 'a, K: Hash + Eq>(
    things: impl Iterator<Item = &'a T>,
    nature: impl Fn(&T) -> Option<K>,
) -> HashMap<K, Option<&'a T>> {
    let mut found = HashMap::new();
    for thing in things {
        if let Some(nature) = nature(thing) {
            found.entry(nature).and_modify(|one| *one = None).or_insert(Some(thing));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(old: &[(&'static str, u8)], new: &[(&'static str, u8)]) -> (Vec<String>, usize, usize) {
        let pairs = pairs(old, new, |one| one.0, |one| (one.1 > 0).then_some(one.1));
        let both = pairs.both.iter().map(|(was, is)| format!("{}{}", was.0, is.0)).collect();
        (both, pairs.removed.len(), pairs.added.len())
    }

    #[test]
    fn by_name_then_by_nature() {
        assert_eq!(
            matched(&[("a", 1), ("b", 2)], &[("b", 1), ("a", 2)]),
            (vec!["bb".into(), "aa".into()], 0, 0)
        );
        assert_eq!(matched(&[("a", 1)], &[("b", 1)]), (vec!["ab".into()], 0, 0));
        assert_eq!(matched(&[("a", 1)], &[("b", 2)]), (vec![], 1, 1));
        assert_eq!(matched(&[("a", 0)], &[("b", 0)]), (vec![], 1, 1), "no nature to go by");
        assert_eq!(matched(&[("a", 1), ("b", 1)], &[("c", 1)]), (vec![], 2, 1), "it could be either");
        assert_eq!(matched(&[("a", 1)], &[("a", 1), ("b", 1)]), (vec!["aa".into()], 0, 1));
    }
}
