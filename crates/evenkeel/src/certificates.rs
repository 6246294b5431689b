//! Certificates, keys and CAs that a configuration file names, as problems of that file.

use std::path::Path;

use evenkeel_config::{Diagnostic, Loaded, Severity, Source};
use evenkeel_proxy::{TlsError, check_tls};

/// Adds what is wrong with them to what is wrong with the file itself. A file with an error has no configuration.
pub(crate) fn add(source: &Source, mut loaded: Loaded) -> Loaded {
    let Some(config) = &loaded.config else { return loaded };
    let found = check_tls(config);
    let errors = found.errors.iter().map(|error| diagnostic(source, error, Severity::Error));
    let warnings = found.warnings.iter().map(|error| diagnostic(source, error, Severity::Warning));
    let found = errors.chain(warnings).collect();
    loaded.add(source, found);
    loaded
}

fn diagnostic(source: &Source, error: &TlsError, severity: Severity) -> Diagnostic {
    let effect = match severity {
        Severity::Error if error.user.starts_with("notify ") => {
            format!("nothing of the file is applied: {} could not be told of any alarm", error.user)
        }
        Severity::Error => format!("nothing of the file is applied: {} cannot have TLS", error.user),
        Severity::Warning => format!("clients or backends of {} may refuse the connection", error.user),
    };
    Diagnostic {
        code: "tls-file",
        severity,
        span: place(source.text(), &error.file),
        message: format!("{}: {}", error.file.display(), error.problem),
        label: String::new(),
        effect: Some(effect),
        help: Some(error.help.clone()),
        related: Vec::new(),
    }
}

/// Where the file is named: with as much of its path as is written there. The beginning of the text when it is not.
fn place(text: &str, file: &Path) -> std::ops::Range<usize> {
    let parts: Vec<_> = file.components().collect();
    for from in 0..parts.len() {
        let path: std::path::PathBuf = parts[from..].iter().collect();
        for quote in ['"', '\''] {
            let written = format!("{quote}{}{quote}", path.display());
            if let Some(start) = text.find(&written) {
                return start..start + written.len();
            }
        }
    }
    0..0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_where_the_file_is_named() {
        let text = "cert = \"tls/site.pem\"\nkey = '/etc/site.key'\n";
        assert_eq!(&text[place(text, Path::new("/opt/app/tls/site.pem"))], "\"tls/site.pem\"");
        assert_eq!(&text[place(text, Path::new("/etc/site.key"))], "'/etc/site.key'");
        assert_eq!(place(text, Path::new("elsewhere")), 0..0);
    }
}
