//! `"200-399"`, `"204"`.

use super::{Refusal, refuse};

/// Reads a status code or an inclusive range of them.
pub(crate) fn status_range(text: &str) -> Result<(u16, u16), Refusal> {
    let help = "write a code such as 200 or a range such as \"200-399\", within 100 to 599; list several: [\"200-299\", 401]";
    let code = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|code| digits && (100..=599).contains(code))
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (code(first), code(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        (Some(first), Some(last)) => refuse("begins above its end", format!("write \"{last}-{first}\"")),
        _ => refuse("is not a status code or a range of them", help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_ranges() {
        assert_eq!(status_range("200-399"), Ok((200, 399)));
        assert_eq!(status_range("204"), Ok((204, 204)));
        for text in ["", "2xx", "399-200", "99", "600", "200-", "200,204", "+20"] {
            assert!(status_range(text).is_err(), "{text}");
        }
    }
}
