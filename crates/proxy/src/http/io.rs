//! Writing all of something, in as few system calls as it takes and in bounded time.

use std::time::Duration;

use tokio::time::Instant;

use crate::lifecycle::Stage;
use crate::transport::Transport;

use super::timer::{Interrupted, Timer};

/// Bounds on the waits of one direction of a connection.
pub(crate) struct Pace<'a> {
    pub(crate) timer: &'a mut Timer,
    pub(crate) stage: &'a Stage,
    /// The end of the whole request.
    pub(crate) not_after: Option<Instant>,
}

/// Why a write did not end.
#[derive(Debug)]
pub(crate) enum WriteError {
    Broken,
    Interrupted(Interrupted),
}

/// Writes the parts in order; `idle` bounds the time without any progress.
pub(crate) async fn write_parts<const N: usize>(
    pace: &mut Pace<'_>,
    to: &Transport,
    idle: Duration,
    mut parts: [&[u8]; N],
) -> Result<(), WriteError> {
    while parts.iter().any(|part| !part.is_empty()) {
        let write = std::future::poll_fn(|context| to.poll_send(context, &parts));
        let written = match pace.timer.limit(pace.stage, idle, pace.not_after, write).await {
            Ok(Ok(written)) if written > 0 => written,
            Ok(_) => return Err(WriteError::Broken),
            Err(interrupted) => return Err(WriteError::Interrupted(interrupted)),
        };
        advance(&mut parts, written);
    }
    if to.plain().is_some() {
        return Ok(());
    }
    let flush = std::future::poll_fn(|context| to.poll_flush(context));
    match pace.timer.limit(pace.stage, idle, pace.not_after, flush).await {
        Ok(flushed) => flushed.map_err(|_| WriteError::Broken),
        Err(interrupted) => Err(WriteError::Interrupted(interrupted)),
    }
}

fn advance<const N: usize>(parts: &mut [&[u8]; N], mut written: usize) {
    for part in parts {
        let from_this = written.min(part.len());
        *part = &part[from_this..];
        written -= from_this;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advances_over_part_boundaries() {
        let mut parts: [&[u8]; 3] = [b"ab", b"", b"cde"];
        advance(&mut parts, 3);
        assert_eq!(parts, [&b""[..], b"", b"de"]);
        advance(&mut parts, 2);
        assert!(parts.iter().all(|part| part.is_empty()));
    }
}
