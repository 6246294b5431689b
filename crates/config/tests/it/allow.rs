//! Which entry of `allow` holds for which warning.

use evenkeel_config::{Diagnostic, Loaded, Source, load};

/// A file in which several things are doubtful; `{x}` are places for entries.
const FILE: &str = "\
{top}
[admin]
listen = '0.0.0.0:9901'

[pool.web.health]
path = '/'

[listener.web]
bind = ':8080'
{listener}
pool = 'web'

[[route]]
path = '/one'
pool = 'one'
{route}

[pool.one]
{one}
sticky = { cookie = 'S' }
health = false
backends = ['10.0.0.9:80', '10.0.0.10:80']

[pool.web]
{web}
sticky = { cookie = 'S' }

[[pool.web.backends]]
name = 'a'
address = '10.0.0.1:80'
{a}

[[pool.web.backends]]
name = 'b'
address = '10.0.0.1:80'
{b}

[[pool.web.backends]]
name = 'c'
address = '10.0.0.2:80'
{c}
";
const PLACES: [&str; 8] = ["top", "listener", "route", "one", "web", "a", "b", "c"];

/// The file with a rule allowed in one place.
fn allowed(place: &str, rule: &str) -> Loaded {
    let entry = format!("allow = [{{ rule = '{rule}', reason = 'in {place}' }}]");
    let text = PLACES.iter().fold(FILE.to_owned(), |text, known| {
        text.replace(&format!("{{{known}}}"), if *known == place { &entry } else { "" })
    });
    load(&Source::new("f", text))
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.iter().map(|found| found.code).collect()
}

#[test]
fn an_entry_holds_in_its_table_and_those_inside_of_it() {
    // Without any, these three; the second and third are about two tables each.
    assert_eq!(codes(&allowed("", "")), ["public-admin", "shared-cookie", "duplicate-address"]);
    for (rule, holds) in [
        ("public-admin", &["top"][..]),
        ("duplicate-address", &["top", "web", "a", "b"]),
        ("shared-cookie", &["top", "one", "web"]),
    ] {
        for place in PLACES {
            let loaded = allowed(place, rule);
            let (told, unused) = (codes(&loaded).contains(&rule), codes(&loaded).contains(&"unused-allow"));
            let wanted = holds.contains(&place);
            assert_eq!((!told, !unused), (wanted, wanted), "{rule} in {place}: {:?}", codes(&loaded));
            let reasons: Vec<_> = loaded.allowed.iter().map(|allowed| allowed.reason.clone()).collect();
            let reason = if wanted { vec![format!("in {place}")] } else { Vec::new() };
            assert_eq!(reasons, reason, "{rule} in {place}");
            assert!(loaded.config.is_some());
        }
    }
}

/// The listener's own `pool` is what goes before the route, and says nothing about whether the route is meant.
#[test]
fn a_table_of_another_kind_has_no_say() {
    let text = |listener: &str, route: &str| {
        format!(
            "[listener.web]\nbind = ':80'\npool = 'a'\n{listener}\n[[route]]\npool = 'b'\n{route}\n\
             [pool.a]\nhealth = {{}}\nbackends = ['10.0.0.1:80', '10.0.0.2:80']\n\
             [pool.b]\nhealth = {{}}\nbackends = ['10.0.1.1:80', '10.0.1.2:80']\n"
        )
    };
    let entry = "allow = [{ rule = 'shadowed-route', reason = 'a test' }]";
    let at_the_route = load(&Source::new("f", text("", entry)));
    assert_eq!((codes(&at_the_route), at_the_route.allowed.len()), (Vec::new(), 1));
    let at_the_listener = load(&Source::new("f", text(entry, "")));
    assert_eq!(codes(&at_the_listener), ["unused-allow", "shadowed-route"]);
}

/// Certificates and the like are looked at by others, who add what they find.
#[test]
fn what_is_found_later_is_allowed_as_well() {
    let text = "allow = [{ rule = 'tls-file', reason = 'renewed tomorrow' }]\n[listener.web]\nbind = ':80'\n\
                pool = 'web'\n[pool.web]\nhealth = {}\nbackends = ['10.0.0.1:80', '10.0.0.2:80']\n";
    let source = Source::new("f", text);
    let mut loaded = load(&source);
    assert_eq!(codes(&loaded), ["unused-allow"], "nobody has found any yet");
    let found = |severity| Diagnostic {
        code: "tls-file",
        severity,
        span: 70..75,
        message: "web.pem: has ended".into(),
        label: String::new(),
        effect: None,
        help: None,
        related: Vec::new(),
    };
    loaded.add(&source, vec![found(evenkeel_config::Severity::Warning)]);
    assert_eq!((codes(&loaded), loaded.allowed.len()), (Vec::new(), 1));
    assert!(loaded.config.is_some());
    loaded.add(&source, vec![found(evenkeel_config::Severity::Error)]);
    assert_eq!((codes(&loaded), loaded.allowed.len()), (vec!["tls-file"], 1), "an error cannot be meant");
    assert!(loaded.config.is_none());
}

/// What is added to a file with more problems than are shown is counted with them.
#[test]
fn what_is_added_to_too_many_is_counted() {
    let source = Source::new("f", (0..300).map(|n| format!("key{n} = 1\n")).collect::<String>());
    let mut loaded = load(&source);
    let last = |loaded: &Loaded| loaded.diagnostics.last().map(|found| found.message.clone());
    assert_eq!(last(&loaded).as_deref(), Some("101 more problems are not shown"));
    let again = loaded.diagnostics[0].clone();
    loaded.add(&source, vec![again]);
    assert_eq!(last(&loaded).as_deref(), Some("102 more problems are not shown"));
    assert_eq!(loaded.diagnostics.len(), 201);
}

/// Ten thousand warnings and as many entries are matched one by one, not each with all.
#[test]
fn many_warnings_and_many_entries() {
    let pools: String = (0..3000)
        .map(|n| {
            format!(
                "[pool.p{n}]\nhealth = false\nbackends = [{{ address = '10.{}.{}.1:80', \
                 allow = [{{ rule = 'pool-of-one', reason = 'a test' }}] }}]\n",
                n / 250,
                n % 250
            )
        })
        .collect();
    let routes: String = (1..3000).map(|n| format!("[[route]]\npath = '/{n}'\npool = 'p{n}'\n")).collect();
    let loaded =
        load(&Source::new("f", format!("[listener.web]\nbind = ':80'\npool = 'p0'\n{routes}{pools}")));
    assert_eq!((codes(&loaded), loaded.allowed.len()), (Vec::new(), 3000));
    assert!(loaded.config.is_some());
}
