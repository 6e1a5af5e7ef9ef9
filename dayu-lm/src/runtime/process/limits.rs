//! Limits on processor and memory, by control groups where the system lets us make them.
mod fence;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use dayu_core::{name::Uid, worker::Launch};

pub(super) use self::fence::Fence;

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

/// A group as it is to be: it is made, then its files and those above it are written, in their order.
struct Group {
    path: PathBuf,
    files: Vec<(PathBuf, String)>,
}

impl Limiting {
    /// What this system permits.
    pub(super) fn probe() -> Self {
        let root = Path::new(GROUPS);
        let made = if root.join("cgroup.controllers").exists() { unified(root) } else { split(root) };
        made.unwrap_or_else(|error| Self::Not(format!("{GROUPS}: {error}")))
    }

    /// Groups with the limits of `launch`; none where it has none or nothing can be limited.
    pub(super) fn fence(&self, launch: &Launch) -> io::Result<Option<Fence>> {
        let groups = self.groups(launch);
        groups.iter().try_for_each(Group::set)?;
        (!groups.is_empty()).then(|| Fence::around(groups.iter().map(|group| &*group.path))).transpose()
    }

    fn groups(&self, launch: &Launch) -> Vec<Group> {
        let name = format!("{}_{}", launch.pod, launch.run.container);
        let quota = launch.limits.cpu_millis.map(|millis| (millis * PERIOD / 1000).max(1000));
        let memory = launch.limits.memory_bytes.map(|bytes| bytes.to_string());
        let group = |root: &Path, limits: Vec<(&str, String)>| {
            let path = root.join(&name);
            let files = limits.into_iter().map(|(file, value)| (path.join(file), value)).collect();
            Group { path, files }
        };
        match self {
            Self::Not(_) => Vec::new(),
            Self::Unified(root) => {
                let quota = quota.map(|quota| ("cpu.max", format!("{quota} {PERIOD}")));
                let limits: Vec<_> = quota.into_iter().chain(memory.map(|bytes| ("memory.max", bytes))).collect();
                if limits.is_empty() {
                    return Vec::new();
                }
                let mut group = group(root, limits);
                group.files.splice(..0, handed_down(root));
                vec![group]
            }
            Self::Split { cpu: cpu_root, memory: memory_root } => {
                let quota = quota.map(|quota| {
                    let period = ("cpu.cfs_period_us", PERIOD.to_string());
                    group(cpu_root, vec![period, ("cpu.cfs_quota_us", quota.to_string())])
                });
                let memory = memory.map(|bytes| group(memory_root, vec![("memory.limit_in_bytes", bytes)]));
                quota.into_iter().chain(memory).collect()
            }
        }
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

impl Group {
    fn set(&self) -> io::Result<()> {
        fs::create_dir_all(&self.path).map_err(|error| at(&self.path, &error))?;
        self.files.iter().try_for_each(|(file, value)| fs::write(file, value).map_err(|error| at(file, &error)))
    }
}

/// What has groups beneath `ours` in the unified hierarchy know limits. It is written for each of them, once that one is there:
/// whoever releases the last group removes `ours`, which then comes again without, and does not remove it while it holds one.
fn handed_down(ours: &Path) -> impl Iterator<Item = (PathBuf, String)> {
    let above = ours.parent().into_iter().chain([ours]);
    above.map(|group| (group.join("cgroup.subtree_control"), "+cpu +memory".to_owned()))
}

fn unified(root: &Path) -> io::Result<Limiting> {
    let ours = root.join(OURS);
    Group { files: handed_down(&ours).collect(), path: ours.clone() }.set()?;
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

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dayu_core::worker::{Limits, Run};

    use super::*;

    /// As much of the unified hierarchy as matters: each group with what it hands down to those beneath it.
    struct Kernel(BTreeMap<PathBuf, String>);

    impl Kernel {
        fn new(root: &str) -> Self {
            Self(BTreeMap::from([(root.into(), String::new())]))
        }

        fn set(&mut self, group: &Group) {
            let made: Vec<_> = group.path.ancestors().take_while(|path| !self.0.contains_key(*path)).collect();
            self.0.extend(made.into_iter().map(|path| (path.to_owned(), String::new())));
            for (file, value) in &group.files {
                // At any time another local manager may release its last.
                self.remove(group.path.parent().unwrap());
                let (group, name) = (file.parent().unwrap(), file.file_name().unwrap().to_str().unwrap());
                assert!(self.0.contains_key(group), "{group:?} is not there");
                let given = group.parent().and_then(|above| self.0.get(above)).cloned();
                match name {
                    // The root has all there is.
                    "cgroup.subtree_control" => {
                        assert!(given.is_none_or(|given| given == *value), "{group:?} has nothing to hand down");
                        self.0.insert(group.to_owned(), value.clone());
                    }
                    _ => {
                        let controller = format!("+{}", name.split_once('.').unwrap().0);
                        assert!(given.unwrap().contains(&controller), "there is no {file:?}");
                    }
                }
            }
        }

        /// What is in use stays.
        fn remove(&mut self, group: &Path) {
            if !self.0.keys().any(|other| other != group && other.starts_with(group)) {
                self.0.remove(group);
            }
        }
    }

    fn launch(pod: &str, limits: Limits) -> Launch {
        Launch {
            pod: pod.into(),
            run: Run { container: "c".into(), attempt: 1 },
            image: String::new(),
            command: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            working_dir: None,
            mounts: Vec::new(),
            limits,
            log: PathBuf::new(),
        }
    }

    const BOTH: Limits = Limits { cpu_millis: Some(500), memory_bytes: Some(64 << 20) };

    #[test]
    fn a_pod_that_comes_when_the_last_has_gone_is_limited_as_well() {
        let mut kernel = Kernel::new("/groups");
        let ours = Path::new("/groups/dayu");
        let limiting = Limiting::Unified(ours.to_owned());
        for pod in ["first", "second", "third"] {
            for group in limiting.groups(&launch(pod, BOTH)) {
                kernel.set(&group);
                kernel.remove(&group.path);
            }
            kernel.remove(ours);
            assert_eq!(kernel.0.len(), 1, "{:?}", kernel.0);
        }
    }

    #[test]
    fn what_is_asked_for_is_written_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let [all, cpu, memory] = ["all/dayu", "cpu/dayu", "memory/dayu"].map(|ours| folder.path().join(ours));
        let (unified, split) = (Limiting::Unified(all.clone()), Limiting::Split { cpu, memory });
        let written = |limiting: &Limiting, limits| {
            let groups = limiting.groups(&launch("p", limits));
            // Of the kernel's own.
            for group in &groups {
                fs::create_dir_all(&group.path).unwrap();
                fs::write(group.path.join("cgroup.procs"), "").unwrap();
            }
            let fence = limiting.fence(&launch("p", limits)).unwrap();
            assert_eq!(fence.is_some(), !groups.is_empty());
            let files = groups.into_iter().flat_map(|group| group.files);
            let read = |(file, _): (PathBuf, String)| {
                let name = file.strip_prefix(folder.path()).unwrap().display().to_string();
                format!("{name} {}", fs::read_to_string(file).unwrap())
            };
            files.map(read).collect::<Vec<_>>()
        };
        let enabled = ["all/cgroup.subtree_control +cpu +memory", "all/dayu/cgroup.subtree_control +cpu +memory"];
        let (processor, memory) = ("all/dayu/p_c/cpu.max 50000 100000", "all/dayu/p_c/memory.max 67108864");
        assert_eq!(written(&unified, BOTH), [enabled[0], enabled[1], processor, memory]);
        let only = Limits { memory_bytes: None, ..BOTH };
        assert_eq!(written(&unified, only), [enabled[0], enabled[1], processor]);
        let processor = ["cpu/dayu/p_c/cpu.cfs_period_us 100000", "cpu/dayu/p_c/cpu.cfs_quota_us 50000"];
        assert_eq!(
            written(&split, BOTH),
            [processor[0], processor[1], "memory/dayu/p_c/memory.limit_in_bytes 67108864"]
        );
        assert_eq!(written(&split, only), processor);
        for limiting in [unified, split, Limiting::Not("no".to_owned())] {
            assert!(limiting.fence(&launch("p", Limits::default())).unwrap().is_none());
        }
    }
}
