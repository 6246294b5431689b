//! Pages with pictures that need nothing else: HTML and SVG, no scripts, nothing that is loaded from elsewhere.

mod bars;
mod chart;
mod ticks;

pub use bars::{Bar, bars};
pub use chart::{Chart, Scale, Series};

/// A page of these sections: a heading, and HTML.
pub fn document(title: &str, lead: &str, sections: &[(String, String)]) -> String {
    let body: String = sections
        .iter()
        .map(|(heading, html)| format!("<section><h2>{}</h2>{html}</section>\n", escape(heading)))
        .collect();
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n{lead}\n{body}</body></html>\n"
    )
}

/// A table with these heads; all columns but the first are figures.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |tag: &str, cells: &mut dyn Iterator<Item = &str>| -> String {
        cells.map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect()
    };
    let head = cells("th", &mut heads.iter().copied());
    let rows: String = rows
        .iter()
        .map(|row| format!("<tr>{}</tr>", cells("td", &mut row.iter().map(String::as_str))))
        .collect();
    format!("<div class=\"wide\"><table><tr>{head}</tr>{rows}</table></div>")
}

/// Text as it may stand anywhere in HTML and SVG.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Colours that can be told apart by those who do not see all of them, on light and on dark.
const STYLE: &str = "
:root { --paper: #fff; --ink: #1c2430; --faint: #5b6675; --line: #d8dde4;
  --s0: #2166c4; --s1: #c2570c; --s2: #6b7280; --bad: #b3261e; --good: #1a7f4b; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181e; --ink: #e6eaf0; --faint: #9aa5b4; --line: #333c48;
  --s0: #6ea8ff; --s1: #ff9d57; --s2: #a3adba; --bad: #ff7a70; --good: #55c98a; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; } h2 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
.bad { color: var(--bad); } .good { color: var(--good); } .faint { color: var(--faint); }
.wide { overflow-x: auto; } svg { display: block; width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--faint); font-weight: 500; } th:first-child, td:first-child { text-align: left; padding-left: 0; }
svg text { fill: var(--faint); font: 12px system-ui, sans-serif; }
svg .name { fill: var(--ink); } svg .grid { stroke: var(--line); } svg .axis { stroke: var(--faint); }
svg .s0 { stroke: var(--s0); } svg .s1 { stroke: var(--s1); } svg .s2 { stroke: var(--s2); } svg .s3 { stroke: var(--bad); }
svg text.s0 { fill: var(--s0); stroke: none; } svg text.s1 { fill: var(--s1); stroke: none; }
svg text.s2 { fill: var(--s2); stroke: none; } svg text.s3 { fill: var(--bad); stroke: none; }
svg polyline, svg .limit { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
svg .limit { stroke: var(--bad); stroke-dasharray: 5 4; }
svg rect.bar { fill: var(--s0); } svg rect.off { fill: var(--s1); } svg .mark { stroke: var(--ink); stroke-width: 2; }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hostile_gets_through() {
        let hostile = "</title><script>alert('x')&\"";
        let page =
            document(hostile, "", &[(hostile.to_owned(), table(&[hostile], &[vec![hostile.to_owned()]]))]);
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("&lt;script&gt;").count(), 5, "{page}");
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    }
}
