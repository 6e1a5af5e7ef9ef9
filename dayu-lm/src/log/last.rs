//! What a run said last: why it failed, as a rule.
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// So many bytes at the end of a log are looked at.
const TAIL: u64 = 4096;
/// So many characters of the line are told at most.
const LONGEST: usize = 300;

/// The last line of `log` that has something in it.
pub(crate) fn last_line(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail).ok()?;
    let text = String::from_utf8_lossy(&tail);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|character| !character.is_control()).take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_last_line_that_says_something_and_no_longer_than_one_reads() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("0.log");
        assert_eq!(last_line(&log), None, "nothing was written");
        let long = "x".repeat(5000);
        for (text, last) in [
            ("", None),
            ("\n \n", None),
            ("Traceback:\n  File \"a.py\"\nKeyError: 'model'\n\n", Some("KeyError: 'model'")),
            ("no newline", Some("no newline")),
            ("\u{1b}[31mred\u{1b}[0m\n", Some("[31mred[0m")),
            (&long, Some(&long[..LONGEST])),
        ] {
            std::fs::write(&log, text).unwrap();
            assert_eq!(last_line(&log).as_deref(), last, "{text:?}");
        }
    }
}
