//! A timer that is right to some microseconds: the runtime's own is right to a millisecond, which would show as latency.

use std::io;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::net::unix::pipe::Receiver;

/// Belongs to the runtime in which it was made.
#[derive(Debug)]
pub(super) struct Alarm {
    /// To the runtime a timer is one more thing that can be read, and this is its type for such that does not ask what it is.
    timer: Receiver,
}

impl Alarm {
    /// Not set.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self { timer: Receiver::from_owned_fd_unchecked(timer)? })
    }

    /// Waits for so long.
    pub(super) async fn wait(&self, duration: Duration) -> io::Result<()> {
        if duration.is_zero() {
            return Ok(());
        }
        let once = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec {
                tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(duration.subsec_nanos()),
            },
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        loop {
            self.timer.readable().await?;
            match self.timer.try_read(&mut [0; 8]) {
                Ok(_expirations) => return Ok(()),
                // Readiness of a wait that was given up before.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn it_waits_as_long_as_it_should() {
        let alarm = Alarm::new().unwrap();
        // One that is given up leaves nothing behind.
        tokio::time::timeout(Duration::from_millis(1), alarm.wait(Duration::from_secs(5))).await.unwrap_err();
        let mut shortest = Duration::MAX;
        for _ in 0..20 {
            let began = Instant::now();
            alarm.wait(Duration::from_micros(300)).await.unwrap();
            assert!(began.elapsed() >= Duration::from_micros(300));
            shortest = shortest.min(began.elapsed());
        }
        assert!(shortest < Duration::from_millis(1), "no better than the runtime's: {shortest:?}");
    }
}
