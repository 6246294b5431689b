//! Frames as text, for the plain form, the closing summary and the cells of the live view.

use std::time::Duration;

use super::frame::{Frame, Row};

/// `33.3%`
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// `2.3ms`, or a dash before there is one.
pub(super) fn latency(latency: Option<Duration>) -> String {
    latency.map_or_else(|| "-".to_owned(), |latency| format!("{:.1}ms", latency.as_secs_f64() * 1e3))
}

/// A share as a bar, with a mark where it should end. A full bar is the share `full`.
pub(super) fn bar(share: f64, expected: f64, full: f64, width: usize) -> String {
    let cells = |share: f64| {
        let part = if full > 0.0 { share / full } else { 0.0 };
        (part.clamp(0.0, 1.0) * width as f64).round() as usize
    };
    let (filled, mark) = (cells(share), cells(expected));
    let cell = |index: usize| match (index + 1 == mark, index < filled) {
        (true, _) => '|',
        (false, true) => '█',
        (false, false) => ' ',
    };
    (0..width).map(cell).collect()
}

/// One line a second for those who have no terminal.
pub(super) fn plain(frame: &Frame) -> String {
    let rows: Vec<String> = frame
        .rows
        .iter()
        .map(|row| format!("{} {} (of {})", row.name, percent(row.now), percent(row.expected)))
        .collect();
    format!(
        "{:>4}s  {:>5.0} req/s  {} errors  {}",
        frame.elapsed.as_secs(),
        frame.rate,
        frame.failed,
        rows.join("  ")
    )
}

/// What remains on the screen.
pub(super) fn summary(frame: &Frame, strategy: &str) -> String {
    let mut text = format!(
        "{} requests answered in {:.1} s, {} errors; spread over {} backends by {strategy}:\n",
        frame.answered,
        frame.elapsed.as_secs_f64(),
        frame.failed,
        frame.rows.len()
    );
    frame.rows.iter().for_each(|row| text.push_str(&summary_row(row)));
    text.push_str(
        "\nNext, with backends of your own:\n\
         \x20 evenkeel run --listen 127.0.0.1:8080 --to 127.0.0.1:3001 --to 127.0.0.1:3002\n\
         \x20 evenkeel status\n\
         With a file:\n\
         \x20 evenkeel check evenkeel.toml && evenkeel run -c evenkeel.toml\n",
    );
    text
}

fn summary_row(row: &Row) -> String {
    format!(
        "  {}  {:>6} (should be {:>6})  p50 {:>7}  p99 {:>7}  {} errors  needs {}ms a request\n",
        row.name,
        percent(row.overall),
        percent(row.expected),
        latency(row.p50),
        latency(row.p99),
        row.errors,
        row.service_time.as_millis(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        let row = Row {
            name: "a".to_owned(),
            service_time: Duration::from_millis(2),
            phase: "serving",
            expected: 0.5,
            intended: 0.5,
            now: 0.512,
            overall: 0.501,
            in_flight: 1,
            errors: 0,
            p50: Some(Duration::from_micros(2_340)),
            p99: None,
        };
        Frame {
            elapsed: Duration::from_millis(2_500),
            rate: 399.6,
            answered: 1000,
            failed: 3,
            rows: vec![row],
        }
    }

    #[test]
    fn a_line_a_second() {
        assert_eq!(plain(&frame()), "   2s    400 req/s  3 errors  a 51.2% (of 50.0%)");
    }

    #[test]
    fn the_summary_says_what_to_do_next() {
        let text = summary(&frame(), "round_robin");
        assert!(text.starts_with(
            "1000 requests answered in 2.5 s, 3 errors; spread over 1 backends by round_robin:"
        ));
        assert!(text.contains("a   50.1% (should be  50.0%)  p50   2.3ms  p99       -  0 errors"), "{text}");
        assert!(text.contains("evenkeel run --listen"));
    }

    #[test]
    fn bars_end_where_the_share_does() {
        assert_eq!(bar(0.25, 0.5, 1.0, 8), "██ |    ");
        assert_eq!(bar(1.0, 0.5, 1.0, 8), "███|████");
        assert_eq!(bar(2.0, 0.0, 1.0, 4), "████");
        assert_eq!(bar(0.5, 0.5, 0.0, 4), "    ");
    }
}
