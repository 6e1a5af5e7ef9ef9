//! A program that runs for as long as it is held.
use std::{
    fs,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

pub(super) struct Process {
    child: Child,
    /// Progress and errors both go there.
    says: BufReader<ChildStderr>,
}

/// In MB of 10⁶ bytes.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    pub(super) resident: f64,
    /// Of it what no file backs.
    pub(super) own: f64,
}

impl Process {
    pub(super) fn start(binary: &Path, arguments: &[&str]) -> io::Result<Self> {
        let mut child = Command::new(binary)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let says = BufReader::new(child.stderr.take().ok_or_else(|| io::Error::other("no output"))?);
        Ok(Self { child, says })
    }

    /// Waits for a line that begins with `text`.
    pub(super) fn says(&mut self, text: &str) -> io::Result<()> {
        let mut line = String::new();
        while self.says.read_line(&mut line)? > 0 {
            if line.starts_with(text) {
                return Ok(());
            }
            line.clear();
        }
        Err(self.ended())
    }

    pub(super) fn is_alive(&mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_some() { Err(self.ended()) } else { Ok(()) }
    }

    pub(super) fn memory(&mut self) -> io::Result<Memory> {
        self.is_alive()?;
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
            kib.map(|kib| kib * 1024.0 / 1e6).ok_or_else(|| io::Error::other(format!("no {name} in smaps_rollup")))
        };
        Ok(Memory { resident: field("Rss:")?, own: field("Anonymous:")? })
    }

    fn ended(&mut self) -> io::Error {
        let mut why = String::new();
        let _ = self.says.read_to_string(&mut why);
        io::Error::other(format!("it has ended: {}", why.trim()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.child.wait();
    }
}
