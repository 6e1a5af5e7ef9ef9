//! Who already listens where `up` plays its devices: another `up`, or workers that one left when it was killed.
use std::{
    fmt,
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    time::Duration,
};

use dayu_lm::runtime::process::root_of;
use tokio::time::{Instant, sleep};

/// The first octets of every address of a device that `up` plays, and of its workers.
const NETWORK: [u8; 2] = [127, 64];
/// So long may one that has just been killed take to go.
const PATIENCE: Duration = Duration::from_secs(2);
const PACE: Duration = Duration::from_millis(50);
/// Which field of the kernel's table is a socket's state, and its word for one that listens.
const STATE: usize = 3;
const LISTENS: &str = "0A";

/// An address in use, and what is known of whose it is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is taken by {holder}; `up` plays its devices on 127.64.0.0/16: {}", .holder.remedy())]
pub(crate) struct Taken {
    address: SocketAddrV4,
    holder: Holder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    Worker {
        pid: u32,
        command: String,
        root: PathBuf,
    },
    Process {
        pid: u32,
        command: String,
    },
    /// Of another user.
    Hidden,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker { pid, command, root } => {
                write!(f, "process {pid} ({command}), a worker of {}", data_of(root).display())
            }
            Self::Process { pid, command } => write!(f, "process {pid} ({command})"),
            Self::Hidden => f.write_str("a process of another user"),
        }
    }
}

impl Holder {
    fn remedy(&self) -> String {
        match self {
            Self::Worker { pid, root, .. } => {
                let data = data_of(root).display();
                format!(
                    "if that `up` runs, stop it; if it was killed, `dayu up --data {data}` takes its workers over, and `kill {pid}` ends this one"
                )
            }
            Self::Process { pid, .. } => format!("stop it, or `kill {pid}`; one `up` runs on a machine at a time"),
            Self::Hidden => "`ss -ltnp` as root says which; stop it".to_owned(),
        }
    }
}

/// The `--data` of the `up` whose local manager has this root.
fn data_of(root: &Path) -> &Path {
    match root.parent() {
        Some(devices) if devices.ends_with("devices") => devices.parent().unwrap_or(root),
        _ => root,
    }
}

/// Makes sure that nobody listens there but workers of `data`, which are taken over.
pub(super) async fn check(data: &Path) -> Result<(), Taken> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let table = File::open("/proc/net/tcp").map(|table| first_part(BufReader::new(table))).unwrap_or_default();
        match taken(&table, data, holder) {
            Some(taken) if Instant::now() > deadline => return Err(taken),
            Some(_) => sleep(PACE).await,
            None => return Ok(()),
        }
    }
}

/// What the kernel's table tells of listeners, which come first. Behind them are connections, also those that ended within the last
/// minute: tens of thousands where there was load, and the kernel makes their rows as they are read.
fn first_part(table: impl BufRead) -> String {
    let rows = table.lines().map_while(Result::ok).enumerate();
    let listeners = rows.take_while(|(index, row)| *index == 0 || row.split_whitespace().nth(STATE) == Some(LISTENS));
    listeners.map(|(_, row)| row + "\n").collect()
}

/// The first listener of the kernel's `table` that is none of ours.
fn taken(table: &str, data: &Path, holder: impl Fn(&str) -> Holder) -> Option<Taken> {
    let foreign = |holder: &Holder| !matches!(holder, Holder::Worker { root, .. } if root.starts_with(data));
    listeners(table).find_map(|(address, inode)| {
        let holder = Some(holder(inode)).filter(foreign)?;
        Some(Taken { address, holder })
    })
}

/// Where in our network somebody listens, with the socket's number.
fn listeners(table: &str) -> impl Iterator<Item = (SocketAddrV4, &str)> {
    table.lines().skip(1).filter_map(|row| {
        let fields: Vec<&str> = row.split_whitespace().collect();
        let (host, port) = fields.get(1)?.split_once(':')?;
        let host = Ipv4Addr::from(u32::from_str_radix(host, 16).ok()?.to_ne_bytes());
        let ours = *fields.get(STATE)? == LISTENS && host.octets().starts_with(&NETWORK);
        ours.then_some((SocketAddrV4::new(host, u16::from_str_radix(port, 16).ok()?), *fields.get(9)?))
    })
}

/// The process that has the socket open.
fn holder(inode: &str) -> Holder {
    let socket = PathBuf::from(format!("socket:[{inode}]"));
    let pids = fs::read_dir("/proc").into_iter().flatten();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.map(|entry| entry.path()).any(|path| fs::read_link(path).is_ok_and(|target| target == socket))
    };
    let Some(pid) = pids.into_iter().find(holds) else { return Holder::Hidden };
    let command = command(pid);
    match root_of(pid) {
        Some(root) => Holder::Worker { pid, command, root },
        None => Holder::Process { pid, command },
    }
}

fn command(pid: u32) -> String {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&arguments).replace('\0', " ");
    text.trim_end().chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 127.64.0.2:9000 listens as socket 77, 127.64.0.3:9000 is connected, 127.0.0.1:9000 listens as 78.
    const TABLE: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0200407F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 x 100 0 0 10 0
   1: 0300407F:2328 0300407F:9999 01 00000000:00000000 00:00000000 00000000     0        0 79 1 x 100 0 0 10 0
   2: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 78 1 x 100 0 0 10 0
";

    #[test]
    fn nothing_is_read_beyond_the_first_connection() {
        let rows: Vec<_> = TABLE.lines().collect();
        let table = [rows[0], rows[1], rows[3], rows[2], rows[1]].join("\n");
        assert_eq!(first_part(table.as_bytes()).lines().collect::<Vec<_>>(), [rows[0], rows[1], rows[3]]);
    }

    fn worker(root: &str) -> impl Fn(&str) -> Holder {
        let root = PathBuf::from(root);
        move |inode| {
            assert_eq!(inode, "77", "only listeners of our network matter");
            Holder::Worker { pid: 42, command: "python3 detector.py".to_owned(), root: root.clone() }
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_worker_of_another_folder_is_named_with_both_ways_out() {
        let taken = taken(TABLE, Path::new("/b"), worker("/a/devices/edge1")).unwrap().to_string();
        for part in ["127.64.0.2:9000", "process 42 (python3 detector.py)", "dayu up --data /a`", "kill 42"] {
            assert!(taken.contains(part), "{part:?} is not in: {taken}");
        }
    }

    #[test]
    fn workers_of_the_same_folder_are_taken_over() {
        assert_eq!(taken(TABLE, Path::new("/a"), worker("/a/devices/edge1")), None);
    }

    #[test]
    fn another_program_and_another_user_are_told_apart() {
        let process = taken(TABLE, Path::new("/a"), |_| Holder::Process { pid: 7, command: "dayu up".to_owned() });
        assert!(process.unwrap().to_string().contains("process 7 (dayu up)"));
        assert!(taken(TABLE, Path::new("/a"), |_| Holder::Hidden).unwrap().to_string().contains("ss -ltnp"));
    }
}
