//! A program on a terminal of its own, and what is on that terminal.

use std::io::Read;
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Failure;

pub(super) const ROWS: u16 = 32;
pub(super) const COLUMNS: u16 = 100;

/// An empty one.
pub(super) fn blank() -> vt100::Parser {
    let of = |size| NonZeroU16::new(size).unwrap_or(NonZeroU16::MIN);
    vt100::Parser::new(of(ROWS), of(COLUMNS), 0)
}

/// Runs `program` with `arguments` to its end, and gives the last screen that showed `wanted`.
pub(super) fn watch(program: &Path, arguments: &str, wanted: &str) -> Result<vt100::Screen, Failure> {
    let mut child = start(program, arguments)?;
    let mut output = child.stdout.take().ok_or("no output")?;
    let mut parser = blank();
    let (mut piece, mut found) = ([0; 4096], None);
    loop {
        let read = output.read(&mut piece).map_err(|error| format!("reading the terminal: {error}"))?;
        if read == 0 {
            break;
        }
        parser.process(&piece[..read]);
        if parser.screen().contents().contains(wanted) {
            found = Some(parser.screen().clone());
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    match found {
        Some(screen) if status.success() => Ok(screen),
        Some(_) => Err(format!("`{arguments}` ended with {status}: {}", parser.screen().contents())),
        None => Err(format!("{wanted:?} was never on the screen: {}", parser.screen().contents())),
    }
}

/// `script` gives it a terminal.
fn start(program: &Path, arguments: &str) -> Result<Child, Failure> {
    let command = format!("stty cols {COLUMNS} rows {ROWS}; exec {} {arguments}", program.display());
    Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("script (util-linux): {error}"))
}
