//! Parts of a whole, each with a mark where it should end.

use std::fmt::Write as _;

use super::escape;

/// One part.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// 0.0..=1.0.
    pub part: f64,
    /// What it should be.
    pub expected: f64,
    /// Whether it is not as it should be.
    pub is_off: bool,
}

const WIDTH: f64 = 900.0;
const ROW: f64 = 26.0;
/// Left and right of the bars: names, and figures.
const NAMES: f64 = 220.0;
const FIGURES: f64 = 150.0;
/// Of a name, in letters.
const NAME_MAX: usize = 30;

/// All of them, one under the other.
pub fn bars(bars: &[Bar]) -> String {
    let most = bars.iter().flat_map(|bar| [bar.part, bar.expected]).fold(0.05, f64::max);
    let x = |part: f64| NAMES + (WIDTH - NAMES - FIGURES) * (part / most).clamp(0.0, 1.0);
    let height = ROW * bars.len() as f64 + 6.0;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">");
    for (index, bar) in bars.iter().enumerate() {
        let top = ROW * index as f64 + 4.0;
        let (middle, end, mark) = (top + 14.0, x(bar.part), x(bar.expected));
        let class = if bar.is_off { "off" } else { "bar" };
        let (part, expected) = (bar.part * 100.0, bar.expected * 100.0);
        let name = escape(&bar.name.chars().take(NAME_MAX).collect::<String>());
        write!(
            svg,
            "<g><title>{name}: {part:.2} %, {expected:.2} % expected</title>\
             <text class=\"name\" x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"{class}\" x=\"{NAMES}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"18\" rx=\"2\"/>\
             <line class=\"mark\" x1=\"{mark:.1}\" y1=\"{:.1}\" x2=\"{mark:.1}\" y2=\"{:.1}\"/>\
             <text class=\"name\" x=\"{:.1}\" y=\"{middle:.1}\">{part:.1} % ({expected:.1} %)</text></g>",
            NAMES - 10.0,
            (end - NAMES).max(1.0),
            top - 2.0,
            top + 20.0,
            WIDTH - FIGURES + 12.0,
        )
        .ok();
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_end_where_their_part_does() {
        let bar = |name: &str, part, is_off| Bar { name: name.to_owned(), part, expected: 0.5, is_off };
        let svg = bars(&[bar("a<b", 1.0, true), bar("c", 0.0, false)]);
        assert!(
            svg.contains("a&lt;b") && svg.contains("class=\"off\" x=\"220\" y=\"4.0\" width=\"530.0\""),
            "{svg}"
        );
        assert!(svg.contains("x1=\"485.0\""), "the mark is at a half: {svg}");
        assert!(svg.contains("0.0 % (50.0 %)"));
    }
}
