//! What a pool that runs could still lose of what its `survives` promises.

use evenkeel_core::BackendId;

use super::Promise;
use super::combinations::Budget;
use super::failures::fewest;
use super::trial::Trials;
use crate::model::Pool;

/// How many more backends may fail at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reserve {
    /// At most what `survives` promises.
    pub left: u32,
    /// What would happen if one more did, in a clause without a full stop; `None` if all is left that is promised.
    pub beyond: Option<String>,
}

/// What is left of what `survives` promises while these are down, found as `check` finds it: on the state machine that
/// runs. Takes some milliseconds at most where there are few kinds of backends.
pub fn reserve(pool: &Pool, down: &[BackendId]) -> Reserve {
    let Some(expect) = pool.expect.as_ref().filter(|expect| expect.survives > 0) else {
        return Reserve::default();
    };
    let backends = vec![0..0; pool.backends.len()];
    let promise = Promise { pool: 0, expect: expect.into(), backends };
    let is_down =
        |(index, backend): (usize, &crate::model::Backend)| down.contains(&backend.id).then_some(index);
    let down: Vec<usize> = pool.backends.iter().enumerate().filter_map(is_down).collect();
    match fewest(pool, &promise, &mut Trials::of(pool), &down, Budget::WHILE_RUNNING) {
        None => Reserve { left: expect.survives, beyond: None },
        Some((more, effect)) => {
            let left = u32::try_from(more.saturating_sub(1)).unwrap_or(u32::MAX);
            Reserve { left: left.min(expect.survives), beyond: Some(effect) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;
    use crate::source::Source;

    fn pool(backends: usize, more: &str) -> Pool {
        let backends: String =
            (0..backends).map(|n| format!("{{ name = 'b{n}', address = '10.0.0.{n}:80' }}, ")).collect();
        let text = format!(
            "[listener.web]\nbind = ':80'\npool = 'web'\n[pool.web]\nhealth = {{}}\nbackends = [{backends}]\n{more}\n"
        );
        let loaded = load(&Source::new("f", text));
        loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)).pools.remove(0)
    }

    fn left(pool: &Pool, down: &[&str]) -> u32 {
        let down: Vec<BackendId> = down.iter().map(|name| BackendId::new(*name)).collect();
        let reserve = reserve(pool, &down);
        let promised = pool.expect.as_ref().map_or(0, |expect| expect.survives);
        assert_eq!(reserve.beyond.is_none(), reserve.left == promised, "{reserve:?}");
        reserve.left
    }

    #[test]
    fn each_backend_that_is_down_takes_from_what_may_fail() {
        let few = pool(4, "expect = { survives = 2 }");
        assert_eq!(left(&few, &[]), 2);
        assert_eq!(left(&few, &["b1"]), 1);
        assert_eq!(left(&few, &["b1", "b3"]), 0);
        assert_eq!(left(&few, &["b0", "b1", "b2"]), 0);
        assert_eq!(left(&few, &["b0", "b1", "b2", "b3"]), 0);
        // With backends to spare, one that is down breaks no promise.
        let many = pool(10, "expect = { survives = 2 }");
        assert_eq!((left(&many, &["b7"]), left(&many, &["b1", "b2", "b3"])), (2, 2));
        assert_eq!(left(&many, &["b0", "b1", "b2", "b3"]), 1);
    }

    #[test]
    fn who_would_be_overloaded_counts_too() {
        let pool = pool(4, "expect = { survives = 1, peak_rate = 300, backend_rate = 100 }");
        assert_eq!(left(&pool, &[]), 1);
        let reserve = reserve(&pool, &[BackendId::new("b2")]);
        assert_eq!(reserve.left, 0);
        assert!(reserve.beyond.is_some_and(|beyond| beyond.contains("it can take 100")));
    }
}
