//! Names of files.

use super::{Refusal, refuse};

/// Reads the name of a file in PEM. Whether there is one is for who reads it.
pub(crate) fn pem_file(text: &str) -> Result<String, Refusal> {
    let help = "write the name of a file, such as \"web.pem\"";
    if text.trim().is_empty() {
        return refuse("is empty", help);
    }
    if text.contains("-----BEGIN") {
        return refuse("is the content of a file", "save it as a file, and write that file's name");
    }
    match text.contains(['\0', '\n']) {
        true => refuse("cannot be a file name", help),
        false => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_names() {
        assert_eq!(pem_file("certs/my web.pem"), Ok("certs/my web.pem".into()));
        for (text, why) in
            [("", "is empty"), (" ", "is empty"), ("a\0b", "cannot be"), ("-----BEGIN X\n", "is the content")]
        {
            assert!(pem_file(text).expect_err(text).why.starts_with(why), "{text:?}");
        }
    }
}
