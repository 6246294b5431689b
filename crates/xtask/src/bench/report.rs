//! The comparison as a picture.

use std::fmt::Write as _;

use super::contender::Contender;
use super::measured::Measured;

const OURS: &str = "evenkeel";

/// Bars: each contender relative to the best peer, one group a scenario.
pub(crate) fn svg(all: &[Measured]) -> String {
    const ROW: usize = 18;
    const LEFT: usize = 170;
    const SCALE: f64 = 220.0;
    let group = ROW * (Contender::ALL.len() + 1);
    let height = group * all.len() + 40;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"760\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"18\">relative to the best peer = 1; less is better</text>\n"
    );
    for (index, measured) in all.iter().enumerate() {
        let top = 30 + index * group;
        let best = measured.key(OURS) / measured.ratio();
        writeln!(
            out,
            "<text x=\"8\" y=\"{}\" font-weight=\"bold\">{}</text>",
            top + 14,
            measured.scenario.name
        )
        .ok();
        for (row, contender) in Contender::ALL.iter().enumerate() {
            let value = measured.key(contender.name());
            let (y, width) = (top + row * ROW, (value / best * SCALE).min(480.0));
            let colour = if contender.name() == OURS { "#1f6f8b" } else { "#c3c9cf" };
            writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><rect x=\"{LEFT}\" y=\"{y}\" \
                 width=\"{width:.0}\" height=\"14\" fill=\"{colour}\"/><text x=\"{:.0}\" y=\"{}\">{value:.1} {}</text>",
                LEFT - 6,
                y + 12,
                contender.name(),
                LEFT as f64 + width + 6.0,
                y + 12,
                measured.unit(),
            )
            .ok();
        }
    }
    out.push_str("</svg>\n");
    out
}
