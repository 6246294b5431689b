//! The report as text, at most [`WIDTH`] columns wide.

use super::report::{Backend, Certificate, Pool, Report};
use crate::lines::{WIDTH, clip, percent};
use crate::output;

const NAME: usize = 16;
const ADDRESS: usize = 21;

/// Everything, for people.
pub(super) fn render(report: &Report) -> String {
    let mut lines = head(report);
    for pool in &report.pools {
        lines.push(String::new());
        lines.extend(self::pool(pool));
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(clip(line.trim_end(), WIDTH).as_str());
        text.push('\n');
    }
    text
}

fn head(report: &Report) -> Vec<String> {
    let sessions =
        if report.sessions > 0 { format!("  {} sessions", report.sessions) } else { String::new() };
    let mut lines = vec![format!(
        "evenkeel {}  {}, {}  generation {}  up {}  {} client connections{sessions}  pid {}",
        report.version,
        report.lifecycle,
        if report.not_ready.is_empty() { "ready" } else { "not ready" },
        report.generation,
        ago(report.uptime),
        report.connections,
        report.pid,
    )];
    lines.extend(report.not_ready.iter().map(|reason| format!("not ready: {reason}")));
    let file = report.config_path.as_deref().unwrap_or("(none, started with --listen)");
    lines.push(format!("file {file}  {}", reloads(report)));
    for (name, address) in &report.listeners {
        lines.push(format!("listener {name}  {address}"));
    }
    lines.extend(report.certificates.iter().flat_map(certificate));
    lines
}

/// A line for each certificate, and another when the files that are there now are not in use.
fn certificate(certificate: &Certificate) -> Vec<String> {
    let user = match (&certificate.listener, &certificate.pool) {
        (Some(listener), _) => format!("listener {listener}"),
        (None, pool) => format!("pool {}", pool.as_deref().unwrap_or_default()),
    };
    let days = certificate.seconds_left / 86_400;
    let ends = match certificate.seconds_left {
        ..0 => "EXPIRED".to_owned(),
        _ if days < SOON_DAYS => format!("ENDS IN {} DAYS", days),
        _ => format!("ends in {days} days"),
    };
    let mut lines = vec![format!("certificate of {user}  {ends}  {}", certificate.file)];
    lines.extend(certificate.error.iter().map(|error| format!("    NEW FILES REFUSED: {error}")));
    lines
}

/// Days before its end from which a certificate should have been renewed.
const SOON_DAYS: i64 = 30;

fn reloads(report: &Report) -> String {
    let reloads = output::count(usize::try_from(report.reloads).unwrap_or(usize::MAX), "reload");
    match &report.last_reload {
        None => "never reloaded".to_owned(),
        Some(last) if last.ok => format!("{reloads}, the last one applied"),
        Some(_) => format!("{reloads}, THE LAST ONE REFUSED; GET /readyz says why"),
    }
}

fn pool(pool: &Pool) -> Vec<String> {
    let mode = match pool.mode.as_str() {
        "normal" => "",
        "panic" => "  PANIC: too few backends are healthy, all are used",
        _ => "  EMPTY: no backend may be picked",
    };
    let some = |count: u64, what: &str| if count > 0 { format!("  {count} {what}") } else { String::new() };
    let (waiting, tunnels) = (some(pool.waiting, "waiting"), some(pool.tunnels, "tunnels"));
    let mut lines = vec![format!(
        "pool {}  {}  intent {}  {} attempts{waiting}{tunnels}{mode}",
        pool.name, pool.strategy, pool.intent, pool.requests
    )];
    let columns =
        ["backend", "address", "phase", "weight", "intent", "plan", "observed", "busy", "errors", "since"];
    lines.push(row(columns.map(str::to_owned)));
    for backend in &pool.backends {
        lines.push(row(cells(backend)));
        lines.extend(placement(backend));
        lines.extend(backend.fails_fast.then(|| FAILS_FAST.to_owned()));
        // Of one that serves it says that its check passed.
        let detail = backend.detail.iter().filter(|_| backend.phase != "serving");
        lines.extend(detail.map(|detail| format!("    {detail}")));
    }
    lines
}

/// What looks idle is broken.
const FAILS_FAST: &str = "    FAILS FAST: answers with failures sooner than others with successes";

/// Where it stands, if it is not simply one among equals.
fn placement(backend: &Backend) -> Option<String> {
    let mut parts = Vec::new();
    if backend.tier > 0 {
        parts.push(format!("tier {}", backend.tier));
    }
    parts.extend(backend.zone.iter().map(|zone| format!("zone {}", clip(zone, NAME))));
    parts.extend(backend.max_in_flight.map(|limit| format!("at most {limit} busy")));
    let configured = f64::from(backend.weight);
    let reduced = backend.effective_weight.filter(|weight| *weight > 0.0 && *weight < 0.995 * configured);
    parts.extend(reduced.map(|weight| format!("weight in force {weight:.2}")));
    (!parts.is_empty()).then(|| format!("    {}", parts.join("  ")))
}

fn cells(backend: &Backend) -> [String; 10] {
    let address = backend.address.as_deref().unwrap_or("-");
    [
        backend.name.clone(),
        // A backend without a name of its own is named by its address.
        if address == backend.name { String::new() } else { address.to_owned() },
        backend.phase.clone(),
        backend.weight.to_string(),
        percent(backend.intent),
        percent(backend.plan),
        percent(backend.observed),
        backend.in_flight.to_string(),
        short(backend.errors),
        ago(backend.since),
    ]
}

fn row([name, address, phase, weight, intent, plan, observed, busy, errors, since]: [String; 10]) -> String {
    let (name, address) = (clip(&name, NAME), clip(&address, ADDRESS));
    format!(
        "  {name:NAME$} {address:ADDRESS$} {phase:<10} {weight:>6} {intent:>6} {plan:>6} {observed:>8} \
         {busy:>4} {errors:>6} {since:>5}"
    )
}

/// The largest unit alone: `59s`, `3m`, `2h`, `14d`.
fn ago(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A count in at most 6 columns: `99999`, `123k`, `45M`.
fn short(count: u64) -> String {
    let mut count = count;
    for unit in ["", "k", "M", "G", "T"] {
        if count < 100_000 {
            return format!("{count}{unit}");
        }
        count /= 1_000;
    }
    format!("{count}P")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Report {
        let backend = |name: &str, phase: &str, observed: f64| {
            json!({
                "name": name, "address": "127.0.0.1:9001", "phase": phase, "since": 7_260.0, "detail": "check passed",
                "weight": 1, "intent": 1.0 / 3.0, "plan": 0.5, "observed": observed, "in_flight": 2, "errors": 7,
            })
        };
        let mut broken = backend("c", "unhealthy", 0.0);
        broken["detail"] = "GET /: connection refused".into();
        serde_json::from_value(json!({
            "lifecycle": "serving", "not_ready": [], "generation": 3, "pid": 42, "version": "0.1.0",
            "uptime": 61.0, "config_path": "e.toml", "reloads": 2, "connections": 5,
            "last_reload": {"attempt": 2, "ok": true, "generation": 3, "changes": [], "error": null, "diagnostics": null},
            "listeners": [["web", "127.0.0.1:8080"]],
            "pools": [{
                "name": "web", "strategy": "round_robin", "mode": "normal", "intent": "equal", "requests": 12345,
                "backends": [backend("a", "serving", 0.49996), backend("127.0.0.1:9001", "serving", 0.5), broken],
            }],
        }))
        .unwrap()
    }

    #[test]
    fn says_what_one_wants_to_know() {
        let expected = "\
evenkeel 0.1.0  serving, ready  generation 3  up 1m  5 client connections  pid 42
file e.toml  2 reloads, the last one applied
listener web  127.0.0.1:8080

pool web  round_robin  intent equal  12345 attempts
  backend          address               phase      weight intent   plan observed busy errors since
  a                127.0.0.1:9001        serving         1  33.3%  50.0%    50.0%    2      7    2h
  127.0.0.1:9001                         serving         1  33.3%  50.0%    50.0%    2      7    2h
  c                127.0.0.1:9001        unhealthy       1  33.3%  50.0%     0.0%    2      7    2h
    GET /: connection refused
";
        assert_eq!(render(&report()), expected);
    }

    #[test]
    fn says_how_many_sessions_there_are() {
        let mut report = report();
        assert!(!render(&report).contains("sessions"));
        report.sessions = 12;
        assert!(render(&report).contains("  5 client connections  12 sessions  pid 42\n"));
    }

    #[test]
    fn says_where_a_backend_stands() {
        let mut report = report();
        let pool = &mut report.pools[0];
        (pool.waiting, pool.tunnels) = (3, 2);
        let one = &mut pool.backends[0];
        (one.tier, one.zone, one.max_in_flight) = (1, Some("eu-1a".to_owned()), Some(20));
        one.fails_fast = true;
        one.effective_weight = Some(0.374);
        pool.backends[1].effective_weight = Some(1.0);
        let text = render(&report);
        assert!(text.contains("12345 attempts  3 waiting  2 tunnels\n"), "{text}");
        let stands = "    tier 1  zone eu-1a  at most 20 busy  weight in force 0.37\n";
        assert_eq!(text.matches(stands).count(), 1, "{text}");
        assert_eq!(text.matches(FAILS_FAST).count(), 1, "{text}");
        assert_eq!(
            text.matches("weight in force").count(),
            1,
            "one with its whole weight needs no line: {text}"
        );
    }

    #[test]
    fn the_widest_fits() {
        let mut report = report();
        report.config_path = Some("x".repeat(300));
        report.not_ready = vec!["y".repeat(300)];
        let pool = &mut report.pools[0];
        pool.name = "p".repeat(300);
        pool.requests = u64::MAX;
        for backend in &mut pool.backends {
            backend.name = "é".repeat(300);
            backend.address = Some("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535".to_owned());
            backend.phase = "unresolved".to_owned();
            backend.detail = Some("d\u{1b}[31m".repeat(100));
            (backend.weight, backend.in_flight, backend.errors) = (65_535, 9_999, u64::MAX);
            (backend.intent, backend.plan, backend.observed) = (1.0, 1.0, 1.0);
            backend.since = 99.0 * 86_400.0;
        }
        let text = render(&report);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{} columns: {line}", line.chars().count());
        }
        assert!(!text.contains('\u{1b}'), "a name must not drive the terminal");
        assert!(text.contains("99d"), "{text}");
    }

    #[test]
    fn certificates_that_end_are_loud() {
        let mut report = report();
        let certificate = |days: i64, error: Option<&str>| Certificate {
            listener: (days > 0).then(|| "web".to_owned()),
            pool: (days <= 0).then(|| "api".to_owned()),
            file: "site.pem".to_owned(),
            seconds_left: days * 86_400,
            error: error.map(str::to_owned),
        };
        report.certificates =
            vec![certificate(90, None), certificate(7, Some("bad key")), certificate(-1, None)];
        let text = render(&report);
        for line in [
            "certificate of listener web  ends in 90 days  site.pem\n",
            "certificate of listener web  ENDS IN 7 DAYS  site.pem\n    NEW FILES REFUSED: bad key\n",
            "certificate of pool api  EXPIRED  site.pem\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn durations_and_counts() {
        assert_eq!([0.0, 59.9, 60.0, 3_600.0, 86_400.0].map(ago), ["0s", "59s", "1m", "1h", "1d"]);
        assert_eq!([99_999, 100_000, 100_000_000, u64::MAX].map(short), ["99999", "100k", "100M", "18446P"]);
    }

    #[test]
    fn trouble_is_loud() {
        let mut report = report();
        report.pools[0].mode = "panic".to_owned();
        report.not_ready = vec!["pool web is empty".to_owned()];
        report.last_reload.as_mut().unwrap().ok = false;
        let text = render(&report);
        for word in ["PANIC", "not ready: pool web is empty", "REFUSED"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}
