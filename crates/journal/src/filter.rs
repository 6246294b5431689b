//! Which events somebody wants to see.

use crate::event::Event;
use crate::kinds::Kind;

/// By pool and by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// These only; all where there is none. Events that are about no pool are then left out.
    pub pools: Vec<String>,
    /// These only, or those that begin with it: `reload` is `reload_applied` and `reload_failed`; all where there is none.
    pub kinds: Vec<String>,
}

impl Filter {
    /// Whether an event is wanted.
    pub fn takes(&self, event: &Event) -> bool {
        let of_pool = || event.pool.as_ref().is_some_and(|pool| self.pools.iter().any(|one| one == pool));
        (self.pools.is_empty() || of_pool())
            && (self.kinds.is_empty() || self.kinds.iter().any(|word| names(word, event.kind())))
    }

    /// The first word for a kind that is none.
    pub fn unknown_kind(&self) -> Option<&str> {
        let known = |word: &&String| Kind::ALL.iter().any(|kind| names(word, *kind));
        self.kinds.iter().find(|word| !known(word)).map(String::as_str)
    }
}

/// `backend` names `backend_up` and `backend_down`.
fn names(word: &str, kind: Kind) -> bool {
    kind.as_str().strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::VERSION;
    use crate::kinds::What;

    #[test]
    fn by_pool_and_by_beginning_of_the_kind() {
        let event = Event {
            v: VERSION,
            seq: 1,
            at_ms: 0,
            generation: 1,
            pool: Some("web".to_owned()),
            backend: Some("a".to_owned()),
            what: What::MemberAdded,
        };
        let takes = |pools: &[&str], kinds: &[&str]| {
            let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
            Filter { pools: owned(pools), kinds: owned(kinds) }.takes(&event)
        };
        assert!(takes(&[], &[]) && takes(&["api", "web"], &["member"]) && takes(&[], &["member_added"]));
        assert!(!takes(&["api"], &[]) && !takes(&[], &["mem"]) && !takes(&["web"], &["reload"]));
        let unknown = Filter { pools: Vec::new(), kinds: vec!["skew".to_owned(), "sku".to_owned()] };
        assert_eq!(unknown.unknown_kind(), Some("sku"));
    }
}
