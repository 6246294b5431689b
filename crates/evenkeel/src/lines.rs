//! Sentences in lines that fit.

use std::fmt::Write as _;

/// Fits half a screen and a mail.
pub(crate) const WIDTH: usize = 100;

/// In lines that fit, the first one after `first`, the others under it.
pub(crate) fn wrap(text: &mut String, first: &str, sentence: &str) {
    let indent = first.chars().count();
    let mut line = first.to_owned();
    let mut column = indent;
    for (number, word) in sentence.split(' ').enumerate() {
        let word = clip(word, WIDTH - indent);
        let length = word.chars().count();
        if number > 0 && column + 1 + length > WIDTH {
            writeln!(text, "{}", line.trim_end()).ok();
            line = " ".repeat(indent);
            column = indent;
        } else if number > 0 {
            line.push(' ');
            column += 1;
        }
        line.push_str(&word);
        column += length;
    }
    writeln!(text, "{}", line.trim_end()).ok();
}

/// At most so many characters, none of which drives a terminal.
pub(crate) fn clip(text: &str, width: usize) -> String {
    let clean = |c: char| if c.is_control() { '?' } else { c };
    match text.chars().count() {
        count if count <= width => text.chars().map(clean).collect(),
        _ => text.chars().map(clean).take(width - 1).chain(['…']).collect(),
    }
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
    }

    #[test]
    fn nothing_drives_the_terminal() {
        assert_eq!(clip("a\u{1b}[31m", 10), "a?[31m");
        assert_eq!(clip("abcdef", 3), "ab…");
    }
}
