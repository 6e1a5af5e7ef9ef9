//! Faults on purpose: workers killed without warning, one device gone and back.
use std::time::Duration;

use bytes::Bytes;
use dayu_core::name::Device;
use rustix::process::{Pid, Signal, kill_process};

use super::request::{self, Call, Outcome};
use crate::{output, up::site};

/// Between two faults, so that each falls into running load.
const PAUSE: Duration = Duration::from_millis(700);
/// Workers killed one after another.
const WORKERS: usize = 4;

/// Kills workers that `calls` reach, then stops `device` with all its workers and starts it again.
pub(super) async fn inflict(
    site: &mut site::Site,
    calls: &[Call],
    finding: &Bytes,
    device: &Device,
) -> Result<usize, site::Error> {
    let mut killed = 0;
    for call in calls.iter().cycle().step_by(3).take(calls.len().min(64)) {
        if killed == WORKERS {
            break;
        }
        if let Outcome::Landed(worker) = request::send(call, finding.clone()).await
            && kill(worker.pid)
        {
            killed += 1;
            output::progress(&format!("  killed {} on {} (process {})", worker.replica, worker.device, worker.pid));
            tokio::time::sleep(PAUSE).await;
        }
    }
    output::progress(&format!("  stopping device {device} and its workers"));
    site.stop_device(device).await;
    tokio::time::sleep(PAUSE).await;
    site.start_device(device).await?;
    output::progress(&format!("  device {device} is back"));
    Ok(killed)
}

/// SIGKILL; only ever to a worker that this run started, by the process id that it told itself.
fn kill(process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}
