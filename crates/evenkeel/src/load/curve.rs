//! Latency over time, in letters.

/// What a column shows: half of the requests took less than the first, 99 % less than the second, in milliseconds.
pub(super) type Point = Option<(f64, f64)>;

/// Columns and rows of the picture, without its axes.
const COLUMNS: usize = 80;
const ROWS: usize = 9;
/// Left of the axis: a figure of at most 99999 ms.
const LABEL: usize = 9;

/// Points at equal distances over so many seconds, on a logarithmic scale; nothing without points.
pub(super) fn draw(points: &[Point], seconds: f64) -> Vec<String> {
    let columns = columns(points);
    let values = || columns.iter().flatten().flat_map(|(p50, p99)| [*p50, *p99]).filter(|value| *value > 0.0);
    let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    if most <= 0.0 {
        return Vec::new();
    }
    let scale = Scale::new(least, most);
    let mut lines = Vec::new();
    for row in (0..ROWS).rev() {
        let cell = |column: &Point| match column {
            Some((_, p99)) if scale.row(*p99) == row => '#',
            Some((p50, _)) if scale.row(*p50) == row => 'o',
            _ => ' ',
        };
        let cells: String = columns.iter().map(cell).collect();
        let label = if row % 2 == 0 { figure(scale.value(row)) } else { String::new() };
        lines.push(format!("{label:>LABEL$} |{}", cells.trim_end()));
    }
    lines.push(format!("{:>LABEL$} +{}", "ms", "-".repeat(columns.len())));
    let end = format!("{seconds:.0} s");
    lines.push(format!("{:>LABEL$}  0 s{end:>width$}", "", width = columns.len().saturating_sub(3)));
    lines
}

/// At most as many as fit: several points become their worst.
fn columns(points: &[Point]) -> Vec<Point> {
    let each = points.len().div_ceil(COLUMNS).max(1);
    let worse = |one: Point, other: Point| match (one, other) {
        (Some((a, b)), Some((c, d))) => Some((f64::max(a, c), f64::max(b, d))),
        (one, other) => one.or(other),
    };
    points.chunks(each).map(|chunk| chunk.iter().copied().fold(None, worse)).collect()
}

/// Rows stand for powers of a ratio.
struct Scale {
    bottom: f64,
    /// Logarithm of the ratio of neighbouring rows.
    step: f64,
}

impl Scale {
    fn new(least: f64, most: f64) -> Self {
        let step = (most / least).ln() / (ROWS - 1) as f64;
        // Where all are alike, the line is at the bottom.
        Self { bottom: least.ln(), step: step.max(0.05) }
    }

    fn row(&self, value: f64) -> usize {
        let row = (value.max(1e-9).ln() - self.bottom) / self.step;
        row.round().clamp(0.0, (ROWS - 1) as f64) as usize
    }

    fn value(&self, row: usize) -> f64 {
        (self.bottom + self.step * row as f64).exp()
    }
}

/// Three digits.
pub(super) fn figure(value: f64) -> String {
    match value {
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_stands_out() {
        let mut points = vec![Some((1.0, 2.0)); 200];
        points[100] = Some((1.0, 1000.0));
        let lines = draw(&points, 20.0);
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{lines:#?}");
        assert!(lines[0].contains('#') && lines[0].trim_start().starts_with("1000"), "{lines:#?}");
        assert_eq!(lines.iter().map(|line| line.matches('#').count()).sum::<usize>(), 67, "one a column");
        assert!(lines[ROWS - 1].contains('o') && lines[ROWS + 1].ends_with("20 s"), "{lines:#?}");
    }

    #[test]
    fn nothing_and_a_flat_line_are_drawn() {
        assert!(draw(&[], 1.0).is_empty() && draw(&[None, Some((0.0, 0.0))], 1.0).is_empty());
        let flat = draw(&[Some((5.0, 5.0)), None, Some((5.0, 5.0))], 3.0);
        assert!(flat[ROWS - 1].contains("# #"), "{flat:#?}");
    }
}
