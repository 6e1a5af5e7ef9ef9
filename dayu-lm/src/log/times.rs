//! When a log grew.
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

/// The last line: the run is over.
const END: &str = "end";

/// When each part of a log was written, to the second.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// Bytes so far, and when it were so many.
    samples: Vec<(u64, Timestamp)>,
    /// Nothing is to come.
    pub(super) ended: bool,
}

/// The file with the times of `log`.
pub(super) fn path(log: &Path) -> PathBuf {
    let text = log.to_string_lossy();
    match text.strip_suffix(".log.1") {
        Some(stem) => PathBuf::from(format!("{stem}.times.1")),
        None => log.with_extension("times"),
    }
}

/// Notes that `log` has `size` bytes at `now`.
pub(super) fn note(log: &Path, size: u64, now: Timestamp) -> io::Result<()> {
    append(log, &format!("{size} {}", now.as_millisecond()))
}

/// Notes that nothing more comes.
pub(super) fn note_end(log: &Path) -> io::Result<()> {
    append(log, END)
}

fn append(log: &Path, line: &str) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(path(log))?;
    file.write_all(format!("{line}\n").as_bytes())
}

impl Times {
    /// Those of `log`; none are known where nobody looked.
    pub(super) fn load(log: &Path) -> Self {
        Self::parse(&fs::read_to_string(path(log)).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let sample = |line: &str| {
            let (size, at) = line.split_once(' ')?;
            Some((size.parse().ok()?, Timestamp::from_millisecond(at.parse().ok()?).ok()?))
        };
        Self { samples: text.lines().filter_map(sample).collect(), ended: text.lines().any(|line| line == END) }
    }

    /// When the byte at `offset` was there at the latest; the present where nobody has looked since.
    pub(super) fn at(&self, offset: u64, now: Timestamp) -> Timestamp {
        let next = self.samples.partition_point(|(size, _)| *size <= offset);
        self.samples.get(next).map_or(now, |(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_as_old_as_the_first_look_that_saw_it() {
        let times = Times::parse("10 1000\n30 2000\nbroken\nend\n");
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        assert!(times.ended);
        for (offset, expected) in [(0, 1000), (9, 1000), (10, 2000), (29, 2000), (30, 9000)] {
            assert_eq!(times.at(offset, at(9000)), at(expected), "{offset}");
        }
        assert_eq!(path(Path::new("/a/0.log.1")), Path::new("/a/0.times.1"));
        assert_eq!(path(Path::new("/a/0.log")), Path::new("/a/0.times"));
    }
}
