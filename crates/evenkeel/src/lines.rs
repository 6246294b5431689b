//! Text for people: sentences in lines that fit, names, shares, bars. Nothing that passes here drives a terminal.

use std::fmt::Write as _;

/// Columns of a line, where a terminal does not tell: fits half a screen, a log and a mail.
pub(crate) const WIDTH: usize = 100;

/// In lines that fit, the first one after `first`, the others under it.
pub(crate) fn wrap(text: &mut String, first: &str, sentence: &str) {
    wrap_to(text, first, sentence, usize::MAX);
}

/// The same in at most so many lines; what is cut ends in an ellipsis.
pub(crate) fn wrap_to(text: &mut String, first: &str, sentence: &str, most: usize) {
    let indent = first.chars().count();
    let width = WIDTH.saturating_sub(indent).max(1);
    let mut lines = wrapped(sentence, width);
    if most > 0 && lines.len() > most {
        // Longer than a line, and cut as such.
        let rest = lines.split_off(most - 1).join(" ");
        lines.push(rest);
    }
    if lines.is_empty() {
        writeln!(text, "{}", first.trim_end()).ok();
    }
    for (number, line) in lines.into_iter().enumerate() {
        let lead = if number == 0 { first } else { "" };
        writeln!(text, "{lead:indent$}{}", clip(&line, width)).ok();
    }
}

/// Words in lines of at most so many columns; a longer word has a line of its own, and is not cut.
pub(crate) fn wrapped(sentence: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut column = 0;
    for word in sentence.split_whitespace() {
        let length = word.chars().count();
        match lines.last_mut() {
            Some(line) if column + 1 + length <= width => {
                line.push(' ');
                line.push_str(word);
                column += 1 + length;
            }
            _ => {
                lines.push(word.to_owned());
                column = length;
            }
        }
    }
    lines
}

/// At most so many characters, none of which drives a terminal. What is cut ends in an ellipsis.
pub(crate) fn clip(text: &str, width: usize) -> String {
    match text.chars().count() {
        count if count <= width => text.chars().map(clean).collect(),
        _ => text.chars().map(clean).take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// As [`clip`], but begin and end are left, which is what addresses differ in.
pub(crate) fn clip_middle(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return clip(text, width);
    }
    let (begin, end) = (width / 3, width.saturating_sub(width / 3 + 2));
    let begin: String = text.chars().take(begin).map(clean).collect();
    let end: String = text.chars().skip(length - end).map(clean).collect();
    format!("{begin}..{end}")
}

/// A share as so many columns, with a mark where it should end; no mark where nothing is expected.
pub(crate) fn bar(share: f64, expected: Option<f64>, width: usize) -> String {
    let columns = |part: f64| ((part * width as f64).round() as usize).min(width);
    let (filled, mark) = (columns(share), expected.map(|part| columns(part).saturating_sub(1)));
    let cell = |column| match column {
        column if Some(column) == mark => '|',
        column if column < filled => '#',
        _ => ' ',
    };
    (0..width).map(cell).collect()
}

/// `33.3%`; `1200%`, without the decimal that says nothing there.
pub(crate) fn percent(share: f64) -> String {
    if share >= 10.0 { format!("{:.0}%", share * 100.0) } else { format!("{:.1}%", share * 100.0) }
}

/// How long something has been so: `5 s`, `12 min`, `3 h`, `2 days`.
pub(crate) fn span(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

/// Names come from files, logs and servers: whoever wrote them must not write on the terminal.
fn clean(letter: char) -> char {
    if letter.is_control() { '?' } else { letter }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_hang() {
        let mut text = String::new();
        wrap(&mut text, "note  ", &"word ".repeat(30));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("note  word") && lines[1].starts_with("      word"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{text}");
        let mut text = String::new();
        wrap(&mut text, "x ", &"w".repeat(300));
        assert_eq!(text.chars().count(), WIDTH + 1, "one word is cut: {text}");
        let mut text = String::new();
        wrap(&mut text, "  note: ", "");
        assert_eq!(text, "  note:\n");
        let mut text = String::new();
        wrap_to(&mut text, "note  ", &"word ".repeat(90), 2);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.ends_with("…\n") && text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn words_are_wrapped_where_they_fit() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one incomprehensibilities", 5), ["one", "incomprehensibilities"]);
        assert_eq!(wrapped(" ", 5), Vec::<String>::new());
    }

    #[test]
    fn nothing_drives_the_terminal() {
        assert_eq!(clip("a\u{1b}[31m", 10), "a?[31m");
        assert_eq!(clip("abcdef", 3), "ab…");
        assert_eq!(clip_middle("a\u{1b}[31m", 24), "a?[31m");
        let mut text = String::new();
        wrap(&mut text, "", "a\u{1b}[31m b\u{7}");
        assert_eq!(text, "a?[31m b?\n");
    }

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(clip_middle("web1", 7), "web1");
        let long = clip_middle("[2001:db8:0:1:2:3:4:5]:8080", 24);
        assert_eq!((&*long, long.chars().count()), ("[2001:db..:2:3:4:5]:8080", 24));
    }

    #[test]
    fn a_bar_shows_the_share_and_where_it_should_end() {
        assert_eq!(bar(0.5, Some(0.2), 30), format!("#####|#########{}", " ".repeat(15)));
        assert_eq!(bar(0.0, Some(0.0), 30).trim_end(), "|");
        assert_eq!(bar(0.1, None, 30).trim_end(), "###");
        assert_eq!(bar(7.0, Some(7.0), 4), "###|");
    }

    #[test]
    fn shares_and_spans_are_short() {
        assert_eq!([0.3333, 1.0, 12.0].map(percent), ["33.3%", "100.0%", "1200%"]);
        assert_eq!([59.0, 150.0, 7_200.0, 172_800.0].map(span), ["59 s", "2 min", "2 h", "2 days"]);
    }
}
