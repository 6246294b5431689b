//! A receiver as configured, with what the files say that its configuration names.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use evenkeel_config::{Config, Notify, NotifyTo, WebUrl, header_line};

use crate::tls::{self, Securely, TlsError};

/// Ready for use. Neither the path of the URL nor header fields are ever shown.
pub(crate) struct Settings {
    pub(super) config: Notify,
    pub(super) url: WebUrl,
    /// Name and value.
    pub(super) headers: Vec<(String, String)>,
    pub(super) tls: Option<Securely>,
}

/// A URL and some header fields take less.
const FILE_MAX: u64 = 16 * 1024;

impl Settings {
    /// Whether both are for the same receiver, and tell it the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.config == other.config && self.url == other.url && self.headers == other.headers
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.config.name)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Reads the files of all receivers.
///
/// # Errors
/// Every file that cannot be used.
pub(crate) fn load(config: &Config) -> Result<Vec<Settings>, Vec<TlsError>> {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for notify in &config.notify {
        match one(notify) {
            Ok(settings) => all.push(settings),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

fn one(notify: &Notify) -> Result<Settings, TlsError> {
    let user = format!("notify {}", notify.name);
    let wrong = |file: &Path, problem: String, help: &str| TlsError {
        user: user.clone(),
        file: file.to_owned(),
        problem,
        help: help.to_owned(),
    };
    let url = match &notify.to {
        NotifyTo::Url(url) => url.clone(),
        NotifyTo::File(file) => {
            let help = "write the URL as its only line";
            let text = read(file).map_err(|problem| wrong(file, problem, help))?;
            text.trim().parse().map_err(|problem| wrong(file, format!("its line {problem}"), help))?
        }
    };
    let mut headers = notify.headers.clone();
    if let Some(file) = &notify.headers_file {
        let help = "write a line for each field, such as Authorization: Bearer TOKEN";
        let text = read(file).map_err(|problem| wrong(file, problem, help))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let field = header_line(line);
            headers
                .push(field.map_err(|problem| wrong(file, format!("line {} {problem}", number + 1), help))?);
        }
    }
    let tls = url.secure.then(|| tls::to_receiver(&user, &url.host, notify.ca.as_deref())).transpose()?;
    Ok(Settings { config: notify.clone(), url, headers, tls })
}

/// What is in a file, which is not told.
fn read(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let opened = File::open(file).and_then(|file| file.take(FILE_MAX + 1).read_to_string(&mut text));
    match opened {
        Ok(length) if length as u64 > FILE_MAX => Err("is larger than 16 KiB".to_owned()),
        Ok(_) => Ok(text),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}
