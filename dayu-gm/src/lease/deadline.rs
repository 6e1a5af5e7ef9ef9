//! The last moment of a process that led and has not noticed yet that it leads no more.
//!
//! Whoever is stopped goes on later where it was, and where that is between a look at the clock and the system call that sends, no
//! program can look in between. The kernel can: it ends the process before others may claim the Lease, even while it is stopped.
use std::time::Duration;

use nix::{
    errno::Errno,
    sys::{
        signal::{SigEvent, SigevNotify, Signal},
        time::TimeSpec,
        timer::{Expiration, Timer, TimerSetTimeFlags},
    },
    time::{ClockId, clock_gettime},
};

/// Goes on while the machine sleeps, as the clocks of others do.
const CLOCK: ClockId = ClockId::CLOCK_BOOTTIME;

/// When the kernel kills this process; never, until it is set.
#[derive(Debug)]
pub(crate) struct Deadline(Timer);

/// A moment of the deadline's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(TimeSpec);

// SAFETY: a timer belongs to the process; its ID, which looks like a pointer, means the same to every thread.
#[expect(unsafe_code, reason = "see SAFETY")]
unsafe impl Send for Deadline {}

// SAFETY: as above, and the system calls on it may be made by several threads at once.
#[expect(unsafe_code, reason = "see SAFETY")]
unsafe impl Sync for Deadline {}

impl Deadline {
    pub(crate) fn new() -> Result<Self, Errno> {
        let kill = SigevNotify::SigevSignal { signal: Signal::SIGKILL, si_value: 0 };
        Timer::new(CLOCK, SigEvent::new(kill)).map(Self)
    }

    /// The moment so much later than now; none where there is no such clock.
    pub(super) fn moment(later: Duration) -> Option<Moment> {
        clock_gettime(CLOCK).ok().map(|now| Moment(now + TimeSpec::from(later)))
    }

    /// It is then, instead of when it was; at once where that is past.
    pub(super) fn set(&mut self, Moment(at): Moment) {
        self.arm(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME);
    }

    /// It is never.
    pub(super) fn clear(&mut self) {
        self.arm(TimeSpec::from(Duration::ZERO), TimerSetTimeFlags::empty());
    }

    /// A timer that there is can be set; if not, the clock is looked at before each write all the same.
    fn arm(&mut self, at: TimeSpec, flags: TimerSetTimeFlags) {
        if let Err(error) = self.0.set(Expiration::OneShot(at), flags) {
            tracing::warn!(%error, "the kernel does not watch over the Lease");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::{getpid, kill_process};
    use tokio::{process::Command, time::timeout};

    use super::*;

    #[tokio::test]
    async fn a_process_that_is_stopped_ends_at_it() {
        let mut stopped = Command::new(std::env::current_exe().unwrap());
        stopped.args(["--exact", "lease::deadline::tests::stops", "--ignored"]).kill_on_drop(true);
        let ended = timeout(Duration::from_secs(30), stopped.status()).await.expect("it ends").unwrap();
        assert_eq!(ended.signal(), Some(Signal::SIGKILL as i32), "{ended}");
    }

    #[test]
    #[ignore = "stops the process: run by the test above"]
    fn stops() {
        let mut deadline = Deadline::new().unwrap();
        deadline.set(Deadline::moment(Duration::from_millis(200)).unwrap());
        kill_process(getpid(), rustix::process::Signal::STOP).unwrap();
        // Another thread may be told first, and this one goes on until it is stopped, too: the deadline stays.
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn one_that_is_cleared_never_comes() {
        let mut deadline = Deadline::new().unwrap();
        deadline.set(Deadline::moment(Duration::from_secs(60)).unwrap());
        assert!(deadline.0.get().unwrap().is_some());
        deadline.clear();
        assert!(deadline.0.get().unwrap().is_none());
    }
}
