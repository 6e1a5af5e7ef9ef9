//! What a process has used so far.
use std::io;

/// Kernel ticks per second, in which processor time is told everywhere that this runs.
const TICKS: f64 = 100.0;

/// Memory that is held, and processor time in user and kernel mode.
pub(crate) struct Usage {
    /// KiB.
    pub(crate) resident: u64,
    pub(crate) seconds: f64,
}

impl Usage {
    pub(crate) fn of_process(process: u32) -> io::Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        let resident = resident.trim().trim_end_matches(" kB").parse().map_err(io::Error::other)?;
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        // Behind the name, which may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        Ok(Self { resident, seconds: (ticks(11) + ticks(12)) / TICKS })
    }

    pub(crate) fn of_this() -> io::Result<Self> {
        Self::of_process(std::process::id())
    }

    /// Held now, and the time between two moments.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self { resident: self.resident, seconds: self.seconds - before.seconds }
    }
}
