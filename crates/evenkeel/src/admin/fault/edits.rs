//! What is to be changed in the file, and where, by what is wrong.

use evenkeel_config::Step::{self, Entry, Key};
use evenkeel_config::{Config, Listener, Place, Places, Pool};
use evenkeel_proxy::{PoolDiagnosis, SymptomReport};

use super::weights;

/// Weights that are told one by one.
const WEIGHTS: usize = 3;

/// A change of the file.
#[derive(Debug)]
pub(super) struct Edit {
    /// Goes on with " at " and the place: `set weight = 1`.
    pub(super) what: String,
    pub(super) place: Place,
}

/// What is wrong, as far as it matters here; see [`SymptomReport`].
#[derive(Debug)]
pub(super) struct Wrong<'a> {
    pub(super) pool: &'a str,
    pub(super) backend: &'a str,
    /// Whether the backend has too much.
    pub(super) above: bool,
    pub(super) cause: &'a str,
    pub(super) level: &'a str,
}

impl<'a> Wrong<'a> {
    pub(super) fn of(pool: &'a PoolDiagnosis, symptom: &'a SymptomReport) -> Self {
        Self {
            pool: &pool.pool,
            backend: &symptom.backend,
            above: symptom.above,
            cause: symptom.cause,
            level: symptom.level,
        }
    }
}

/// What would mend it, the place at fault first; nothing where no line of the file makes it so.
pub(super) fn of(config: &Config, places: &Places<'_>, wrong: &Wrong<'_>) -> Vec<Edit> {
    let Some(pool) = config.pools.iter().find(|pool| pool.id.as_str() == wrong.pool) else {
        return Vec::new();
    };
    let file = File { config, places, pool };
    let edit = match wrong.cause {
        "weights" => return file.weights(wrong.backend),
        "config_drift" => file.key("put the servers that there are into `backends`", &["backends"]),
        "hot_key" => file
            .key("lower `bound`", &["hash", "bound"])
            .or_else(|| file.key("write `bound = 1.25` into `hash`", &["hash"])),
        "constant_key" => file.key("name what differs from user to user in `hash`", &["hash"]),
        "ring" => file
            .key("raise `points`", &["hash", "points"])
            .or_else(|| file.key("write `strategy = \"maglev\"`", &["strategy"])),
        "alone" => file.key("enable the others in `backends`", &["backends"]),
        "hash_key_missing" => file.key("name what every request has in `hash`", &["hash"]),
        "stickiness" => file
            .key("shorten `ttl`", &["sticky", "ttl"])
            .or_else(|| file.key("give `sticky` a `ttl = \"30m\"`", &["sticky"])),
        "capacity" => file.limit(wrong),
        "long_lived_connections" => file.connections(),
        "slow_backend" | "failing_backend" | "black_hole" if wrong.level != "info" => {
            file.drain(wrong.backend)
        }
        _ => None,
    };
    edit.into_iter().collect()
}

/// A pool and the file that it is in.
struct File<'a> {
    config: &'a Config,
    places: &'a Places<'a>,
    pool: &'a Pool,
}

impl File<'_> {
    /// A key of the pool, or of a table in it.
    fn key(&self, what: &str, keys: &[&str]) -> Option<Edit> {
        let rest: Vec<Step<'_>> = keys.iter().map(|key| Key(key)).collect();
        self.edit(what, &rest)
    }

    /// A backend's entry, which may be its address alone.
    fn drain(&self, backend: &str) -> Option<Edit> {
        let entry = [Key("backends"), Entry(self.number(backend)?)];
        let edit = self.edit("write `drain = true`", &entry)?;
        let address = edit.place.text.as_str();
        match address.starts_with(['"', '\'']) {
            true => self.edit(&format!("write `{{ address = {address}, drain = true }}`"), &entry),
            false => Some(edit),
        }
    }

    fn edit(&self, what: &str, rest: &[Step<'_>]) -> Option<Edit> {
        let path = [&[Key("pool"), Key(self.pool.id.as_str())], rest].concat();
        Some(Edit { what: what.to_owned(), place: self.places.at(&path)? })
    }

    fn number(&self, backend: &str) -> Option<usize> {
        self.pool.backends.iter().position(|one| one.id.as_str() == backend)
    }

    /// Weights that do not fit the others'. That of the backend that is told of comes first, if it is one.
    fn weights(&self, backend: &str) -> Vec<Edit> {
        let (own, mut off) = (self.number(backend), weights::off(self.pool));
        off.sort_by_key(|(number, _)| Some(*number) != own);
        let edit = |(number, should): (usize, u64)| {
            let what = format!("set weight = {should}");
            let entry = [Key("backends"), Entry(number)];
            self.edit(&what, &[entry[0], entry[1], Key("weight")]).or_else(|| self.edit(&what, &entry))
        };
        off.into_iter().take(WEIGHTS).filter_map(edit).collect()
    }

    /// Who is full sends the others more, so of one that has too much the limit is another's: the smallest there is.
    fn limit(&self, wrong: &Wrong<'_>) -> Option<Edit> {
        let own = self.number(wrong.backend);
        let limited = self.pool.backends.iter().enumerate().filter_map(|(number, backend)| {
            let limit = backend.placement.max_in_flight?;
            Some((number, f64::from(limit.get()) / f64::from(backend.weight.get())))
        });
        let (number, _) = limited
            .filter(|(number, _)| (Some(*number) == own) != wrong.above)
            .min_by(|one, other| one.1.total_cmp(&other.1))?;
        self.edit("raise `max_in_flight`", &[Key("backends"), Entry(number), Key("max_in_flight")])
    }

    /// The listener that lets connections to this pool stay.
    fn connections(&self) -> Option<Edit> {
        let leads_here = |listener: &&Listener| {
            let by_route = || self.config.routes_on(&listener.name).any(|route| route.pool == self.pool.id);
            listener.protocol.is_http() && (listener.pool.as_ref() == Some(&self.pool.id) || by_route())
        };
        let listener = self.config.listeners.iter().find(leads_here)?;
        let table = [Key("listener"), Key(&listener.name)];
        let aged = self.places.at(&[table[0], table[1], Key("connection_age")]);
        let (what, place) = match aged {
            Some(place) => ("shorten `connection_age`", place),
            None => ("write `connection_age = \"5m\"`", self.places.at(&table)?),
        };
        Some(Edit { what: what.to_owned(), place })
    }
}

#[cfg(test)]
#[path = "edits_tests.rs"]
mod tests;
