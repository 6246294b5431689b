//! The comparison as a table, as JSON and as a picture.

use std::fmt::Write as _;

use super::Measured;
use super::contender::Contender;
use super::measure::Figures;

const OURS: &str = "evenkeel";

impl Measured {
    /// Median over the rounds of one figure.
    fn median(&self, name: &str, figure: impl Fn(&Figures) -> f64) -> f64 {
        let figures = self.contenders.iter().find(|(contender, _)| *contender == name);
        let mut values: Vec<f64> = figures.into_iter().flat_map(|(_, all)| all.iter().map(&figure)).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Ours to the best peer's.
    fn ratio(&self) -> f64 {
        let peers = Contender::ALL.iter().map(|contender| contender.name()).filter(|name| *name != OURS);
        let best = peers.map(|name| self.median(name, Figures::key)).fold(f64::INFINITY, f64::min);
        self.median(OURS, Figures::key) / best
    }

    fn unit(&self) -> &'static str {
        let idle =
            self.contenders.iter().any(|(_, all)| all.iter().any(|figures| figures.idle_kib.is_some()));
        if idle { "KiB a connection" } else { "us CPU a request" }
    }
}

/// One line a scenario: medians, and the ratio to the best peer.
pub(crate) fn table(all: &[Measured]) -> String {
    let mut out = String::new();
    write!(out, "{:18} {:16}", "scenario", "unit").ok();
    for contender in Contender::ALL {
        write!(out, " {:>10}", contender.name()).ok();
    }
    writeln!(out, " {:>8}  {:>9} {:>9}", "ratio", "p99 ms", "resident").ok();
    for measured in all {
        write!(out, "{:18} {:16}", measured.scenario.name, measured.unit()).ok();
        for contender in Contender::ALL {
            write!(out, " {:>10.1}", measured.median(contender.name(), Figures::key)).ok();
        }
        let p99 = measured.median(OURS, |figures| figures.p99_ms);
        let resident = measured.median(OURS, |figures| figures.resident_kib) / 1024.0;
        writeln!(out, " {:>8.2}  {p99:>9.2} {resident:>5.1} MiB", measured.ratio()).ok();
    }
    out.push_str("ratio: evenkeel to the best peer, medians of all rounds; less is better\n");
    out
}

/// Everything, for programs.
pub(crate) fn json(all: &[Measured]) -> String {
    let mut rows = Vec::new();
    for measured in all {
        for (name, rounds) in &measured.contenders {
            for figures in rounds {
                rows.push(format!(
                    "{{\"scenario\":\"{}\",\"contender\":\"{name}\",\"cpu_us\":{:.3},\"per_second\":{:.1},\
                     \"p50_ms\":{:.4},\"p99_ms\":{:.4},\"busy\":{:.3},\"resident_kib\":{:.0},\"idle_kib\":{}}}",
                    measured.scenario.name,
                    figures.cpu_micros,
                    figures.per_second,
                    figures.p50_ms,
                    figures.p99_ms,
                    figures.busy,
                    figures.resident_kib,
                    figures.idle_kib.map_or("null".to_owned(), |kib| format!("{kib:.3}")),
                ));
            }
        }
    }
    let ratios: Vec<String> = all
        .iter()
        .map(|measured| format!("\"{}\":{:.3}", measured.scenario.name, measured.ratio()))
        .collect();
    format!("{{\"schema\":1,\"ratios\":{{{}}},\"rounds\":[\n{}\n]}}", ratios.join(","), rows.join(",\n"))
}

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
        let best = measured.median(OURS, Figures::key) / measured.ratio();
        writeln!(
            out,
            "<text x=\"8\" y=\"{}\" font-weight=\"bold\">{}</text>",
            top + 14,
            measured.scenario.name
        )
        .ok();
        for (row, contender) in Contender::ALL.iter().enumerate() {
            let value = measured.median(contender.name(), Figures::key);
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
