//! Signals, on a thread that does nothing else.

use std::io;
use std::sync::mpsc::sync_channel;

use tokio::runtime::Builder;
use tokio::signal::unix::{self, SignalKind};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGHUP
    Reload,
    /// SIGUSR1
    ReopenLogs,
    /// SIGTERM and SIGINT
    Terminate,
}

struct Streams {
    hangup: unix::Signal,
    user1: unix::Signal,
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

/// Calls `act` for every signal from now on, one after the other. `act` must be quick: a signal that comes again
/// before the thread is back is told once, as it is by the kernel.
///
/// # Errors
/// When handlers or the thread cannot be set up.
pub(crate) fn listen(act: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (installed, outcome) = sync_channel(1);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            match Streams::install() {
                Ok(streams) => {
                    installed.send(Ok(())).ok();
                    streams.forward(act).await;
                }
                Err(error) => drop(installed.send(Err(error))),
            }
        });
    })?;
    outcome.recv().map_err(io::Error::other)?
}

impl Streams {
    fn install() -> io::Result<Self> {
        Ok(Self {
            hangup: unix::signal(SignalKind::hangup())?,
            user1: unix::signal(SignalKind::user_defined1())?,
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
        })
    }

    async fn forward(mut self, mut act: impl FnMut(Signal)) {
        loop {
            let signal = tokio::select! {
                Some(()) = self.hangup.recv() => Signal::Reload,
                Some(()) = self.user1.recv() => Signal::ReopenLogs,
                Some(()) = self.terminate.recv() => Signal::Terminate,
                Some(()) = self.interrupt.recv() => Signal::Terminate,
                else => return,
            };
            act(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use rustix::process::{Signal as Number, getpid, kill_process};

    use super::*;

    #[test]
    fn each_signal_is_told_once_and_in_order() {
        let (tell, told) = channel();
        listen(move |signal| tell.send(signal).unwrap()).unwrap();
        let expected = [
            (Number::HUP, Signal::Reload),
            (Number::USR1, Signal::ReopenLogs),
            (Number::HUP, Signal::Reload),
            (Number::HUP, Signal::Reload),
            (Number::TERM, Signal::Terminate),
            (Number::INT, Signal::Terminate),
        ];
        for (number, signal) in expected {
            kill_process(getpid(), number).unwrap();
            assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(signal));
        }
        assert!(told.try_recv().is_err());
    }
}
