//! Which children this process has, as the system says.
use std::{fs, io};

/// All of them, whichever of its threads they belong to. One that goes meanwhile may hide another; where there is none in the
/// list, there is none.
pub(super) fn all() -> Vec<u32> {
    let own = std::process::id();
    by_thread(own).unwrap_or_else(|_| numbered("/proc").filter(|pid| is_below(*pid, own)).collect())
}

/// Asks for those of each thread. That of the first comes last, since it gets those of a thread that ends, as well as those that
/// lost their parent.
fn by_thread(first: u32) -> io::Result<Vec<u32>> {
    let of = |thread: u32| fs::read_to_string(format!("/proc/self/task/{thread}/children"));
    let others = numbered("/proc/self/task").filter(|thread| *thread != first);
    let mut children: String = others.filter_map(|thread| of(thread).ok()).collect();
    // Not every kernel is built to tell.
    children += &of(first)?;
    Ok(children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

fn is_below(pid: u32, own: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| parent(&stat) == Some(own))
}

/// The second field behind the command's name, which stands in parentheses and may hold anything.
fn parent(stat: &str) -> Option<u32> {
    stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The entries of a folder whose names are numbers.
fn numbered(folder: &str) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_parent_is_found_behind_any_name() {
        assert_eq!(parent("42 (sleep) S 7 42 42 0 -1"), Some(7));
        assert_eq!(parent("42 (a) Z 1 (b) R 7 42 42 0 -1"), Some(7));
        assert_eq!(parent("42 (sleep"), None);
        assert_eq!(parent("42 (sleep) S"), None);
    }

    #[test]
    fn the_child_of_any_thread_is_there_either_way_until_it_is_waited_for() {
        let own = std::process::id();
        let start = || Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut child = std::thread::spawn(start).join().unwrap();
        assert!(all().contains(&child.id()));
        assert!(is_below(child.id(), own));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!all().contains(&child.id()));
        assert!(!is_below(child.id(), own));
    }
}
