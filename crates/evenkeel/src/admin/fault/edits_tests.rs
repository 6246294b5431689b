use evenkeel_config::{Source, load};

use super::*;

const FILE: &str = "\
[listener.web]
bind = ':80'
[listener.db]
bind = ':81'
protocol = 'tcp'
pool = 'db'
[[route]]
pool = 'web'
[pool.web]
strategy = 'ring'
health = false
hash = { header = 'X-User' }
sticky = true
backends = [
  { name = 'a', address = '10.0.0.1:80', weight = 5, max_in_flight = 9 },
  { name = 'b', address = '10.0.0.2:80', max_in_flight = 4 },
  '10.0.0.3:80',
]
[pool.db]
health = false
backends = ['10.0.0.4:80', '10.0.0.5:80']
";

fn symptom(backend: &'static str, cause: &'static str, above: bool) -> Wrong<'static> {
    Wrong { pool: "web", backend, above, cause, level: "critical" }
}

fn found_in(file: &str, wrong: &Wrong<'_>) -> Vec<(String, usize, String)> {
    let source = Source::new("f", file);
    let loaded = load(&source);
    let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let edits = of(&config, &Places::of(&source), wrong);
    edits.into_iter().map(|edit| (edit.what, edit.place.line, edit.place.text)).collect()
}

fn is(backend: &'static str, cause: &'static str, above: bool, wanted: (&str, usize, &str)) {
    let found = found_in(FILE, &symptom(backend, cause, above));
    let found: Vec<_> =
        found.iter().map(|(what, line, text)| (what.as_str(), *line, text.as_str())).collect();
    assert_eq!(found, [wanted], "{cause}");
}

#[test]
fn every_cause_that_a_line_makes_leads_to_it() {
    is("a", "weights", true, ("set weight = 1", 15, "weight = 5"));
    is("b", "weights", false, ("set weight = 1", 15, "weight = 5"));
    let backends = "put the servers that there are into `backends`";
    is("a", "config_drift", true, (backends, 14, "backends = ["));
    let hash = "hash = { header = 'X-User' }";
    is("a", "hot_key", true, ("write `bound = 1.25` into `hash`", 12, hash));
    is("a", "hash_key_missing", true, ("name what every request has in `hash`", 12, hash));
    is("a", "constant_key", true, ("name what differs from user to user in `hash`", 12, hash));
    is("a", "ring", true, ("write `strategy = \"maglev\"`", 10, "strategy = 'ring'"));
    is("a", "alone", true, ("enable the others in `backends`", 14, "backends = ["));
    is("a", "stickiness", true, ("give `sticky` a `ttl = \"30m\"`", 13, "sticky = true"));
    is("a", "long_lived_connections", true, ("write `connection_age = \"5m\"`", 1, "[listener.web]"));
    let drain = "write `drain = true`";
    let alone = "write `{ address = '10.0.0.3:80', drain = true }`";
    is("10.0.0.3:80", "failing_backend", true, (alone, 17, "'10.0.0.3:80'"));
    let entry = "{ name = 'b', address = '10.0.0.2:80', max_in_flight = 4 }";
    is("b", "black_hole", true, (drain, 16, entry));
}

#[test]
fn who_is_full_has_the_limit_at_fault() {
    let raise = "raise `max_in_flight`";
    is("10.0.0.3:80", "capacity", true, (raise, 15, "max_in_flight = 9"));
    is("a", "capacity", true, (raise, 16, "max_in_flight = 4"));
    is("a", "capacity", false, (raise, 15, "max_in_flight = 9"));
    assert_eq!(found_in(FILE, &symptom("10.0.0.3:80", "capacity", false)), []);
}

#[test]
fn what_is_set_already_is_pointed_to() {
    let file = FILE
        .replace("'X-User' }", "'X-User', bound = 2 }")
        .replace("sticky = true", "sticky = { ttl = '1h' }")
        .replace("bind = ':80'", "bind = ':80'\nconnection_age = '1h'");
    for (cause, what, text) in [
        ("hot_key", "lower `bound`", "bound = 2"),
        ("stickiness", "shorten `ttl`", "ttl = '1h'"),
        ("long_lived_connections", "shorten `connection_age`", "connection_age = '1h'"),
    ] {
        let found = found_in(&file, &symptom("a", cause, true));
        assert_eq!((found[0].0.as_str(), found[0].2.as_str()), (what, text), "{cause}");
    }
}

#[test]
fn what_no_line_makes_has_none() {
    for cause in ["health", "shaping", "retries", "fast_backend", "balancer_bug", "unheard_of"] {
        assert_eq!(found_in(FILE, &symptom("a", cause, true)), [], "{cause}");
    }
    assert_eq!(found_in(FILE, &Wrong { pool: "gone", ..symptom("a", "weights", true) }), []);
    assert_eq!(
        found_in(FILE, &Wrong { pool: "db", ..symptom("10.0.0.4:80", "long_lived_connections", true) }),
        []
    );
    let slower = Wrong { level: "info", ..symptom("a", "slow_backend", false) };
    assert_eq!(found_in(FILE, &slower), [], "the strategy goes by that, and nothing is wrong");
}
