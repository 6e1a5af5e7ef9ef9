//! The logs of a container's runs: of two there is one, of the latest that started and of the one before it, however often it
//! starts. A start that failed leaves none.
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// What belongs to the log of a run, by the endings of the names.
const PARTS: [&str; 4] = ["log", "log.1", "times", "times.1"];

/// A file of a run's log.
struct Part {
    run: u32,
    ending: &'static str,
}

impl Part {
    /// What a file's name says, if it is one of ours.
    fn parse(name: &str) -> Option<Self> {
        let (run, ending) = name.split_once('.')?;
        Some(Self { run: run.parse().ok()?, ending: PARTS.into_iter().find(|part| *part == ending)? })
    }

    fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.{}", self.run, self.ending))
    }
}

/// A log for a run that is about to start. What lies there under its number is of a time of which nothing is known any more.
pub(crate) fn begin(log: &Path) -> io::Result<File> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    discard(log);
    File::options().create(true).append(true).open(log)
}

/// Removes the log of a run that did not start.
pub(crate) fn discard(log: &Path) {
    PARTS.iter().for_each(|ending| remove(&log.with_extension(ending)));
}

/// Removes what nobody can ask for any more now that the run of `log` has started: all but this one and the one before.
///
/// Whatever of earlier ones is left, as by a crash in between, goes with the next start.
pub(crate) fn keep_two(log: &Path) {
    let Some((folder, Part { run, .. })) = place(log) else { return };
    let parts = parts(folder);
    let before = parts.iter().filter(|part| part.ending == "log" && part.run < run).map(|part| part.run).max();
    let gone = parts.iter().filter(|part| part.run != run && Some(part.run) != before);
    gone.for_each(|part| remove(&part.path(folder)));
}

/// The log in a container's folder of the latest run, or of the one before it.
pub(crate) fn find(folder: &Path, previous: bool) -> Option<PathBuf> {
    let mut logs: Vec<Part> = parts(folder).into_iter().filter(|part| part.ending == "log").collect();
    logs.sort_unstable_by_key(|part| part.run);
    logs.iter().rev().nth(usize::from(previous)).map(|part| part.path(folder))
}

fn place(log: &Path) -> Option<(&Path, Part)> {
    Some((log.parent()?, Part::parse(log.file_name()?.to_str()?)?))
}

fn parts(folder: &Path) -> Vec<Part> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Part::parse(entry.file_name().to_str()?)).collect()
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(log = %path.display(), %error, "an old log stays");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts a run, with all that one of much output has in the end.
    fn start(folder: &Path, run: u32) {
        let log = folder.join(format!("{run}.log"));
        begin(&log).unwrap();
        keep_two(&log);
        PARTS.iter().for_each(|ending| fs::write(log.with_extension(ending), format!("{run}")).unwrap());
    }

    fn fail(folder: &Path, run: u32) {
        let log = folder.join(format!("{run}.log"));
        begin(&log).unwrap();
        discard(&log);
    }

    /// Which runs are shown, and how many files there are.
    fn shown(folder: &Path) -> (Option<String>, Option<String>, usize) {
        let read = |previous| find(folder, previous).map(|log| fs::read_to_string(log).unwrap());
        (read(false), read(true), fs::read_dir(folder).unwrap().count())
    }

    fn runs(last: u32, before: u32, files: usize) -> (Option<String>, Option<String>, usize) {
        (Some(last.to_string()), Some(before.to_string()), files)
    }

    #[test]
    fn the_last_two_that_started_are_kept_and_shown() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("c");
        assert_eq!(find(&folder, false), None);
        start(&folder, 0);
        assert_eq!(shown(&folder), (Some("0".into()), None, 4));
        (1..12).for_each(|run| start(&folder, run));
        assert_eq!(shown(&folder), runs(11, 10, 8), "by their numbers, not by their names");
        (12..100).for_each(|run| fail(&folder, run));
        assert_eq!(shown(&folder), runs(11, 10, 8));
        start(&folder, 100);
        assert_eq!(shown(&folder), runs(100, 11, 8));
    }

    #[test]
    fn what_others_left_goes_with_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        // Of a version that removed nothing, or of a crash between a start and the removal.
        (0..50).for_each(|run| fs::write(folder.join(format!("{run}.log")), run.to_string()).unwrap());
        fs::write(folder.join("3.times"), "").unwrap();
        for kept in ["launch.json", "x.log", "7.model"] {
            fs::write(folder.join(kept), "").unwrap();
        }
        start(folder, 50);
        assert_eq!(shown(folder), runs(50, 49, 4 + 1 + 3));
        // Numbers begin anew where a state was lost: the end of the run that had this one is not that of this run.
        start(folder, 0);
        assert_eq!(shown(folder), (Some("0".into()), None, 4 + 3));
        begin(&folder.join("0.log")).unwrap();
        assert!(!folder.join("0.times").exists());
    }
}
