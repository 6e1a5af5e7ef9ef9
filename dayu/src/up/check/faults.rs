//! Faults on purpose: workers killed without warning, then one device, and that one back.
use std::{collections::BTreeSet, time::Duration};

use dayu_core::{api::lean::Lean, name::Device};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use rustix::process::{Pid, Signal, kill_process};

use super::{
    Error,
    load::{self, Bodies},
    request::{Call, Outcome},
    settled,
    tally::Tally,
};
use crate::{output, up::site};

/// Between two faults, so that each falls into running load.
const PAUSE: Duration = Duration::from_millis(700);
/// Workers killed one after another.
const WORKERS: usize = 4;

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Inflicted {
    /// Workers killed one after another.
    pub(super) killed: usize,
    /// The processes of the device that was gone.
    pub(super) dead: BTreeSet<String>,
}

/// Kills workers that `calls` reach; then ends `device` with all its workers as a power cut does, and starts it again.
pub(super) async fn inflict(
    site: &mut site::Site,
    pods: &Api<Lean<Pod>>,
    calls: &[Call],
    bodies: &Bodies,
    device: &Device,
    tally: &mut Tally,
) -> Result<Inflicted, Error> {
    let killed = kill_workers(calls, bodies, tally).await;
    output::progress(&format!("  device {device} and its workers die"));
    site.cut_off(device).await;
    // Nobody is left who could say that they are gone.
    let dead = settled::processes(pods, device).await.map_err(Error::Pods)?;
    tokio::time::sleep(PAUSE).await;
    site.start_device(device).await?;
    output::progress(&format!("  device {device} is back"));
    Ok(Inflicted { killed, dead })
}

async fn kill_workers(calls: &[Call], bodies: &Bodies, tally: &mut Tally) -> usize {
    let mut killed = 0;
    for call in calls.iter().cycle().step_by(3).take(calls.len().min(64)) {
        if killed == WORKERS {
            break;
        }
        if let Outcome::Landed(worker) = load::send_one(call, bodies, tally).await
            && kill(worker.pid)
        {
            killed += 1;
            output::progress(&format!("  killed {} on {} (process {})", worker.replica, worker.device, worker.pid));
            tokio::time::sleep(PAUSE).await;
        }
    }
    killed
}

/// SIGKILL; only ever to a worker that this run started, by the process id that it told itself.
fn kill(process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}
