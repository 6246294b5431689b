//! Which table of a file a place belongs to.

use toml::de::{DeTable, DeValue};

/// A table that can allow a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// All of the file.
    File,
    /// The listener with this number, counted as the file is read.
    Listener(usize),
    /// The route with this number.
    Route(usize),
    /// The pool with this number.
    Pool(usize),
    /// A backend of a pool: the numbers of both.
    Backend(usize, usize),
}

/// The tables of a file by place. Tables under a header need not stand together: `[pool.web.health]` may come after
/// `[pool.api]`. So each key and each value begins a stretch that goes to the next one.
#[derive(Debug)]
pub(crate) struct Scopes {
    /// Where stretches begin and whose they are, in order.
    stretches: Vec<(usize, Scope)>,
}

impl Scopes {
    /// Of a whole file.
    pub(crate) fn of(root: &DeTable<'_>) -> Self {
        let mut scopes = Self { stretches: vec![(0, Scope::File)] };
        for (key, value) in root {
            scopes.begin(key.span().start, Scope::File);
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("listener", DeValue::Table(named)) => scopes.named(named, Scope::Listener),
                ("pool", DeValue::Table(named)) => scopes.named(named, Scope::Pool),
                ("route", DeValue::Array(routes)) => {
                    for (number, route) in routes.iter().enumerate() {
                        scopes.begin(route.span().start, Scope::Route(number));
                        scopes.value(route.get_ref(), Scope::Route(number));
                    }
                }
                (_, other) => scopes.value(other, Scope::File),
            }
        }
        // Where several begin in one place, the innermost was added last.
        scopes.stretches.sort_by_key(|(start, _)| *start);
        scopes
    }

    /// The innermost table at a place.
    pub(crate) fn at(&self, place: usize) -> Scope {
        let after = self.stretches.partition_point(|(start, _)| *start <= place);
        after.checked_sub(1).map_or(Scope::File, |before| self.stretches[before].1)
    }

    fn named(&mut self, tables: &DeTable<'_>, scope: fn(usize) -> Scope) {
        for (number, (key, value)) in tables.iter().enumerate() {
            self.begin(key.span().start, scope(number));
            self.value(value.get_ref(), scope(number));
        }
    }

    /// The keys and values inside of a value.
    fn value(&mut self, value: &DeValue<'_>, scope: Scope) {
        match value {
            DeValue::Table(table) => {
                for (key, value) in table {
                    self.begin(key.span().start, scope);
                    match (scope, key.get_ref().as_ref(), value.get_ref()) {
                        (Scope::Pool(pool), "backends", DeValue::Array(entries)) => {
                            for (number, entry) in entries.iter().enumerate() {
                                self.begin(entry.span().start, Scope::Backend(pool, number));
                                self.value(entry.get_ref(), Scope::Backend(pool, number));
                            }
                        }
                        (_, _, other) => self.value(other, scope),
                    }
                }
            }
            DeValue::Array(entries) => {
                for entry in entries {
                    self.begin(entry.span().start, scope);
                    self.value(entry.get_ref(), scope);
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, start: usize, scope: Scope) {
        self.stretches.push((start, scope));
    }
}

impl Scope {
    /// The table and those around it, the innermost first.
    pub(crate) fn outward(self) -> impl Iterator<Item = Self> {
        let pool = match self {
            Self::Backend(pool, _) => Some(Self::Pool(pool)),
            _ => None,
        };
        std::iter::once(self).chain(pool).chain((self != Self::File).then_some(Self::File))
    }

    /// Whether both are listeners, both pools, and so on.
    pub(crate) fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
[admin]
listen = '127.0.0.1:0'
[pool.web]
health = {}
backends = ['10.0.0.1:80', { address = '10.0.0.2:80', weight = 5 }]
[listener.web]
bind = ':80'
[[route]]
path = '/a'
[[route]]
path = '/b'
[pool.api.health]
path = '/up'
[pool.web.expect]
members = 2
[[pool.api.backends]]
address = '10.0.0.3:80'
[[pool.api.backends]]
address = '10.0.0.4:80'
";

    #[test]
    fn places_belong_to_the_innermost_table() {
        let (root, errors) = DeTable::parse_recoverable(FILE);
        assert!(errors.is_empty(), "{errors:?}");
        let scopes = Scopes::of(root.get_ref());
        let at = |text: &str| scopes.at(FILE.find(text).expect(text));
        // Tables are numbered in the order of their names.
        let (api, web) = (0, 1);
        for (text, scope) in [
            ("listen =", Scope::File),
            ("'127", Scope::File),
            ("web]", Scope::Pool(web)),
            ("health = {}", Scope::Pool(web)),
            ("'10.0.0.1:80'", Scope::Backend(web, 0)),
            ("{ address", Scope::Backend(web, 1)),
            ("5 }", Scope::Backend(web, 1)),
            ("bind", Scope::Listener(0)),
            ("'/a'", Scope::Route(0)),
            ("'/b'", Scope::Route(1)),
            ("'/up'", Scope::Pool(api)),
            ("members", Scope::Pool(web)),
            ("'10.0.0.3:80'", Scope::Backend(api, 0)),
            ("'10.0.0.4:80'", Scope::Backend(api, 1)),
        ] {
            assert_eq!(at(text), scope, "{text}");
        }
        let second = FILE.rfind("[[pool.api.backends]]").expect("it is there");
        assert_eq!(scopes.at(second), Scope::Backend(api, 1), "the header of an entry is the entry");
        let second = FILE.rfind("[[route]]").expect("it is there");
        assert_eq!(scopes.at(second), Scope::Route(1));
    }

    #[test]
    fn a_backend_is_in_its_pool_and_all_are_in_the_file() {
        let outward = |scope: Scope| scope.outward().collect::<Vec<_>>();
        let backend = Scope::Backend(1, 0);
        assert_eq!(outward(backend), [backend, Scope::Pool(1), Scope::File]);
        assert_eq!(outward(Scope::Route(2)), [Scope::Route(2), Scope::File]);
        assert_eq!(outward(Scope::File), [Scope::File]);
        assert!(backend.is_like(Scope::Backend(0, 3)) && !backend.is_like(Scope::Pool(1)));
    }
}
