//! The paths that a run sees: its mounts' own, or those of links that stand for them.
use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use dayu_core::worker::{Launch, Mount};

/// What a run sees and how it is to speak of it.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Bound at their very paths.
    binds: Vec<Mount>,
    /// Seen through links.
    linked: Vec<Mount>,
    /// The folder under which the links repeat the mounts' paths.
    farm: PathBuf,
    scratch: PathBuf,
}

impl View {
    /// The mounts at their very paths.
    pub(super) fn bound(launch: &Launch) -> Self {
        let scratch = launch.log.with_file_name("scratch");
        Self { binds: needed(launch), scratch, ..Self::default() }
    }

    /// Links for the mounts, made anew.
    pub(super) fn linked(launch: &Launch) -> io::Result<Self> {
        let farm = launch.log.with_file_name("root");
        match fs::remove_dir_all(&farm) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut linked = needed(launch);
        // An outer mount comes first: what is mounted beneath it lies in the folder it shows, which is not ours to change.
        linked.sort_by_key(|mount| mount.target.components().count());
        for mount in &linked {
            let link = beneath(&farm, &mount.target);
            let inner =
                linked.iter().any(|outer| outer.target != mount.target && mount.target.starts_with(&outer.target));
            if inner {
                return Err(io::Error::other(format!(
                    "{} lies within another mount, which needs the right to mount; run the local manager as root",
                    mount.target.display()
                )));
            }
            if let Some(folder) = link.parent() {
                fs::create_dir_all(folder)?;
            }
            symlink(&mount.source, link)?;
        }
        Ok(Self { linked, farm, ..Self::default() })
    }

    pub(super) fn binds(&self) -> &[Mount] {
        &self.binds
    }

    pub(super) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// `text` with every path in it as the run sees it. Paths stand alone, behind `=`, or in a list parted by `:`.
    pub(crate) fn translate(&self, text: &str) -> String {
        if self.linked.is_empty() {
            return text.to_owned();
        }
        text.split_inclusive(['=', ':'])
            .map(|part| {
                let path = part.trim_end_matches(['=', ':']);
                if self.is_ours(Path::new(path)) {
                    format!("{}{}", beneath(&self.farm, Path::new(path)).display(), &part[path.len()..])
                } else {
                    part.to_owned()
                }
            })
            .collect()
    }

    /// Where a path of the run lies on the device.
    pub(crate) fn on_device(&self, path: &Path) -> PathBuf {
        let innermost = self.binds.iter().filter(|mount| path.starts_with(&mount.target));
        match innermost.max_by_key(|mount| mount.target.components().count()) {
            Some(mount) => path.strip_prefix(&mount.target).map_or_else(
                |_| path.to_owned(),
                |rest| if rest.as_os_str().is_empty() { mount.source.clone() } else { mount.source.join(rest) },
            ),
            None => path.to_owned(),
        }
    }

    /// A mount, something in one, or a folder that is there only because mounts lie in it.
    fn is_ours(&self, path: &Path) -> bool {
        path.is_absolute()
            && self.linked.iter().any(|mount| {
                path.starts_with(&mount.target)
                    || (mount.target.starts_with(path) && path != Path::new("/") && !path.exists())
            })
    }
}

/// The mounts that do not show a path where it is anyhow.
fn needed(launch: &Launch) -> Vec<Mount> {
    launch.mounts.iter().filter(|mount| mount.source != mount.target || mount.read_only).cloned().collect()
}

fn beneath(farm: &Path, path: &Path) -> PathBuf {
    farm.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use dayu_core::worker::{Limits, Run};

    use super::*;

    fn launch(folder: &Path, mounts: Vec<Mount>) -> Launch {
        Launch {
            pod: "u".into(),
            run: Run { container: "c".into(), attempt: 1 },
            image: String::new(),
            command: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            working_dir: None,
            mounts,
            limits: Limits::default(),
            log: folder.join("0.log"),
        }
    }

    #[test]
    fn paths_are_translated_wherever_they_begin() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("models");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("m"), "model").unwrap();
        let target = PathBuf::from("/no-such/data/volume0");
        let mount = Mount { source, target, read_only: false };
        let view = View::linked(&launch(folder.path(), vec![mount.clone()])).unwrap();
        let farm = folder.path().join("root").display().to_string();
        assert_eq!(fs::read_to_string(view.translate("/no-such/data/volume0/m")).unwrap(), "model");
        for (text, expected) in [
            ("--dir=/no-such/data/volume0", format!("--dir={farm}/no-such/data/volume0")),
            ("/usr/lib:/no-such/data/volume0/x", format!("/usr/lib:{farm}/no-such/data/volume0/x")),
            // A folder that exists only because of what is mounted in it.
            ("/no-such/data", format!("{farm}/no-such/data")),
            ("/no-such/data/volume01", "/no-such/data/volume01".to_owned()),
            ("http://host/no-such/data/volume0", "http://host/no-such/data/volume0".to_owned()),
            ("/", "/".to_owned()),
        ] {
            assert_eq!(view.translate(text), expected, "{text}");
        }
        let inner = Mount { target: mount.target.join("inner"), ..mount.clone() };
        let refused = View::linked(&launch(folder.path(), vec![inner, mount])).unwrap_err();
        assert!(refused.to_string().contains("/no-such/data/volume0/inner"), "{refused}");
    }
}
