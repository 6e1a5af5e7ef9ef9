//! What the operating system says: who runs, who listens.
use std::{
    fs::{self, File},
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    process::{Pid, Signal, kill_process},
};

/// Two `dayu up` on one machine would take the same addresses: their tests run one at a time, whoever starts them.
pub(crate) async fn alone() -> File {
    tokio::task::spawn_blocking(|| {
        let lock = File::create(std::env::temp_dir().join("dayu-up-tests.lock")).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        lock
    })
    .await
    .unwrap()
}

/// The processes that a local manager started which keeps its state in `data` or below: their environment has its mark.
pub(crate) fn workers_of(data: &Path) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let marked = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let mark = variables.find(|variable| variable.starts_with("DAYU_WORKER="));
        mark.is_some_and(|mark| mark.split_once('@').is_some_and(|(_, root)| Path::new(root).starts_with(data)))
    };
    processes.filter(marked).collect()
}

/// Kills what is left of the workers below a folder when a test ends; one that passed has left none.
pub(crate) struct Leftovers(pub(crate) PathBuf);

impl Drop for Leftovers {
    fn drop(&mut self) {
        for pid in workers_of(&self.0) {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

pub(crate) fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Where something listens within `networks` (first two octets), as the kernel's table has it.
pub(crate) fn listening(networks: &[[u8; 2]]) -> Vec<String> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let listeners = rows.filter(|row| row[3] == "0A").filter_map(|row| {
        let (address, port) = row[1].split_once(':')?;
        let address = Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?.swap_bytes());
        let ours = networks.contains(&[address.octets()[0], address.octets()[1]]);
        ours.then(|| format!("{address}:{}", u16::from_str_radix(port, 16).unwrap_or_default()))
    });
    listeners.collect()
}
