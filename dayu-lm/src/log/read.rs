//! Reading a log: the part that was chosen, line by line, and what comes after it where it is followed.
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{times::Times, wake::Wake};

/// A line beyond this is told in pieces.
const LONGEST_LINE: u64 = 1024 * 1024;

/// Which lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    /// Go on until the run ends.
    pub(crate) follow: bool,
    /// The time before each line.
    pub(crate) timestamps: bool,
    /// Only the last so many.
    pub(crate) tail: Option<usize>,
    /// Only those written since.
    pub(crate) since: Option<Timestamp>,
    /// At most so many bytes.
    pub(crate) limit: Option<usize>,
}

/// Whoever asked does not listen any more, or has had enough.
struct Done;

/// Sends the chosen lines of `log` to `out`.
pub(crate) async fn stream(log: PathBuf, choice: Choice, out: mpsc::Sender<Bytes>) -> io::Result<()> {
    // Watched before it is read: nothing is missed in between.
    let wake = if choice.follow { log.parent().map(Wake::on).transpose()? } else { None };
    let mut left = choice.limit.unwrap_or(usize::MAX);
    let older = log.with_extension("log.1");
    let mut from = 0;
    let mut lines = Vec::new();
    if older.exists() {
        lines.extend(read(&older, &mut 0, &choice)?);
    }
    let mut ended = Times::load(&log).ended;
    lines.extend(read(&log, &mut from, &choice)?);
    let skip = choice.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
    if send(lines.into_iter().skip(skip), &mut left, &out).await.is_err() {
        return Ok(());
    }
    let Some(wake) = wake else { return Ok(()) };
    while !ended && !out.is_closed() {
        tokio::select! {
            changed = wake.changed() => changed?,
            () = out.closed() => return Ok(()),
        }
        // The end is noted after the last line was written: asked first, nothing is missed.
        ended = Times::load(&log).ended;
        if fs::metadata(&log)?.len() < from {
            from = 0;
        }
        if send(read(&log, &mut from, &choice)?.into_iter(), &mut left, &out).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

async fn send(lines: impl Iterator<Item = Bytes>, left: &mut usize, out: &mpsc::Sender<Bytes>) -> Result<(), Done> {
    for line in lines {
        let line = line.slice(..line.len().min(*left));
        *left -= line.len();
        out.send(line).await.map_err(|_| Done)?;
        if *left == 0 {
            return Err(Done);
        }
    }
    Ok(())
}

/// Whole lines from `from` on, which is moved behind them; where nothing is followed, an unfinished last one too.
fn read(log: &Path, from: &mut u64, choice: &Choice) -> io::Result<Vec<Bytes>> {
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(*from))?;
    let mut reader = BufReader::new(file);
    let (times, now) = (Times::load(log), Timestamp::now());
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        let length = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? as u64;
        let whole = line.last() == Some(&b'\n') || length == LONGEST_LINE;
        if length == 0 || (choice.follow && !whole && !times.ended) {
            return Ok(lines);
        }
        let at = times.at(*from, now);
        *from += length;
        if choice.since.is_some_and(|since| at < since) {
            continue;
        }
        lines.push(if choice.timestamps { [format!("{at} ").as_bytes(), &line].concat().into() } else { line.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{attend, times};

    async fn lines(log: &Path, choice: Choice) -> String {
        let (out, mut lines) = mpsc::channel(64);
        stream(log.to_owned(), choice, out).await.unwrap();
        let mut text = String::new();
        while let Some(line) = lines.recv().await {
            text.push_str(std::str::from_utf8(&line).unwrap());
        }
        text
    }

    #[tokio::test]
    async fn what_was_chosen_comes() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("0.log");
        fs::write(folder.path().join("0.log.1"), "a\nb\n").unwrap();
        fs::write(&log, "c\nd\nhalf").unwrap();
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        times::note(&log, 2, at(1000)).unwrap();
        times::note(&log, 8, at(5000)).unwrap();
        assert_eq!(lines(&log, Choice::default()).await, "a\nb\nc\nd\nhalf");
        assert_eq!(lines(&log, Choice { tail: Some(2), ..Choice::default() }).await, "d\nhalf");
        assert_eq!(lines(&log, Choice { limit: Some(3), ..Choice::default() }).await, "a\nb");
        let recent = Choice { since: Some(at(5000)), timestamps: true, tail: Some(2), ..Choice::default() };
        assert_eq!(lines(&log, recent).await, "1970-01-01T00:00:05Z d\n1970-01-01T00:00:05Z half");
    }

    #[tokio::test]
    async fn a_followed_log_is_told_as_it_grows_and_ends_with_the_run() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("0.log");
        let mut writer = File::options().create(true).append(true).open(&log).unwrap();
        writer.write_all(b"one\n").unwrap();
        let (out, mut heard) = mpsc::channel(64);
        let following = tokio::spawn(stream(log.clone(), Choice { follow: true, ..Choice::default() }, out));
        assert_eq!(heard.recv().await.unwrap(), "one\n");
        writer.write_all(b"two\nthr").unwrap();
        assert_eq!(heard.recv().await.unwrap(), "two\n");
        writer.write_all(b"ee").unwrap();
        attend::end(&log);
        assert_eq!(heard.recv().await.unwrap(), "three");
        assert!(heard.recv().await.is_none());
        following.await.unwrap().unwrap();
    }
}
