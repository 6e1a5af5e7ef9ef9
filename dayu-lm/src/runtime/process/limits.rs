//! Limits on processor and memory, by control groups where the system lets us make them.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use dayu_core::{name::Uid, worker::Launch};

/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";
/// Our own groups lie beneath this one.
const OURS: &str = "dayu";
/// Processor time is shared out in periods of so many microseconds.
const PERIOD: u64 = 100_000;

/// How limits are kept on this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limiting {
    /// By the unified hierarchy.
    Unified(PathBuf),
    /// By one hierarchy each, as older systems have them.
    Split {
        /// That of the processor.
        cpu: PathBuf,
        /// That of memory.
        memory: PathBuf,
    },
    /// Not at all, for this reason.
    Not(String),
}

/// The groups that one run is put into.
#[derive(Debug)]
pub(super) struct Fence(Vec<PathBuf>);

impl Limiting {
    /// What this system permits.
    pub(super) fn probe() -> Self {
        let root = Path::new(GROUPS);
        let made = if root.join("cgroup.controllers").exists() { unified(root) } else { split(root) };
        made.unwrap_or_else(|error| Self::Not(format!("{GROUPS}: {error}")))
    }

    /// Groups with the limits of `launch`; none where it has none or nothing can be limited.
    pub(super) fn fence(&self, launch: &Launch) -> io::Result<Option<Fence>> {
        let name = format!("{}_{}", launch.pod, launch.run.container);
        let (cpu, memory) = (launch.limits.cpu_millis, launch.limits.memory_bytes);
        let mut groups = Vec::new();
        let mut set = |root: &Path, files: &[(&str, String)]| -> io::Result<()> {
            let group = root.join(&name);
            fs::create_dir_all(&group)?;
            for (file, value) in files {
                fs::write(group.join(file), value)?;
            }
            groups.push(group);
            Ok(())
        };
        let quota = |millis: u64| (millis * PERIOD / 1000).max(1000);
        match self {
            Self::Not(_) => {}
            Self::Unified(root) => {
                let files = [
                    cpu.map(|millis| ("cpu.max", format!("{} {PERIOD}", quota(millis)))),
                    memory.map(|bytes| ("memory.max", bytes.to_string())),
                ];
                let files: Vec<_> = files.into_iter().flatten().collect();
                if !files.is_empty() {
                    set(root, &files)?;
                }
            }
            Self::Split { cpu: cpu_root, memory: memory_root } => {
                if let Some(millis) = cpu {
                    let files =
                        [("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", quota(millis).to_string())];
                    set(cpu_root, &files)?;
                }
                if let Some(bytes) = memory {
                    set(memory_root, &[("memory.limit_in_bytes", bytes.to_string())])?;
                }
            }
        }
        Ok((!groups.is_empty()).then_some(Fence(groups)))
    }

    /// Removes the groups of a pod, and ours when they were the last.
    pub(super) fn release(&self, pod: &Uid) {
        let roots: &[&PathBuf] = match self {
            Self::Not(_) => &[],
            Self::Unified(root) => &[root],
            Self::Split { cpu, memory } => &[cpu, memory],
        };
        for root in roots {
            for entry in fs::read_dir(root).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with(&format!("{pod}_")) {
                    // A group with something in it stays; the next release tries again.
                    let _ = fs::remove_dir(entry.path());
                }
            }
            let _ = fs::remove_dir(root);
        }
    }
}

impl Fence {
    /// Puts a process into the groups, and with it all that it will start.
    pub(super) fn hold(&self, pid: u32) {
        for group in &self.0 {
            if let Err(error) = fs::write(group.join("cgroup.procs"), pid.to_string()) {
                tracing::warn!(pid, group = %group.display(), %error, "a limit is not kept");
            }
        }
    }
}

fn unified(root: &Path) -> io::Result<Limiting> {
    let ours = root.join(OURS);
    fs::write(root.join("cgroup.subtree_control"), "+cpu +memory")?;
    fs::create_dir_all(&ours)?;
    fs::write(ours.join("cgroup.subtree_control"), "+cpu +memory")?;
    Ok(Limiting::Unified(ours))
}

fn split(root: &Path) -> io::Result<Limiting> {
    let (cpu, memory) = (root.join("cpu").join(OURS), root.join("memory").join(OURS));
    for group in [&cpu, &memory] {
        fs::create_dir_all(group)?;
        fs::remove_dir(group)?;
    }
    Ok(Limiting::Split { cpu, memory })
}
