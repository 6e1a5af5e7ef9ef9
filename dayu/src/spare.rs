//! Gives back the pages of the program itself that only its start has read: a daemon stays for months, its start takes a second.
use std::{ffi::c_void, fs, ops::Range, time::Duration};

use rustix::mm::{Advice, madvise};

/// By then a daemon has begun; what is still to come costs a fault per page, as at the start.
const BEGUN: Duration = Duration::from_secs(2);

/// Lets the system take back what nobody has read since the start, once that is over.
pub(crate) fn once_begun() {
    tokio::spawn(async {
        tokio::time::sleep(BEGUN).await;
        for pages in fs::read_to_string("/proc/self/smaps").map(|text| clean(&text)).unwrap_or_default() {
            give_back(pages);
        }
    });
}

/// The mappings of files that are as the file is: none of their pages has ever been written, in memory or in swap.
fn clean(smaps: &str) -> Vec<Range<usize>> {
    let mut clean = Vec::new();
    let mut mapping = None;
    for line in smaps.lines() {
        if let Some(file) = unwritable_file(line) {
            mapping = file;
        } else if is_more_than_none(line, "Anonymous:") || is_more_than_none(line, "Swap:") {
            mapping = None;
        } else if line.starts_with("VmFlags:") {
            clean.extend(mapping.take());
        }
    }
    clean
}

/// The first line of a mapping, `55e0-55f0 r-xp 0000 08:01 42 /bin/dayu`: where it lies, if it is of a file and cannot be written.
fn unwritable_file(line: &str) -> Option<Option<Range<usize>>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
    let writable = words.next()?.contains('w');
    let is_file = words.nth(3).is_some_and(|path| path.starts_with('/'));
    Some((is_file && !writable).then_some(range))
}

fn is_more_than_none(line: &str, field: &str) -> bool {
    line.strip_prefix(field).is_some_and(|kib| kib.trim() != "0 kB")
}

/// Whoever reads there again gets the page from the file, which the system still holds as long as it has room.
#[allow(unsafe_code)]
fn give_back(pages: Range<usize>) {
    // SAFETY: the pages equal those of the file (`clean`) and nobody can write them, so that which is read again is the same.
    let given = unsafe { madvise(pages.start as *mut c_void, pages.len(), Advice::LinuxDontNeed) };
    if let Err(error) = given {
        tracing::debug!(%error, "the program's pages stay");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_equals_its_file_is_given_back() {
        let mapping = |range: &str, mode: &str, path: &str, own: u32, swapped: u32| {
            format!(
                "{range} {mode} 00001000 fe:00 42    {path}\nSize:    4 kB\nAnonymous:   {own} kB\nSwap:   {swapped} kB\nVmFlags: rd mr\n"
            )
        };
        let smaps = [
            mapping("1000-2000", "r-xp", "/bin/dayu", 0, 0),
            mapping("2000-3000", "rw-p", "/bin/dayu", 0, 0),
            mapping("3000-4000", "r--p", "/bin/dayu", 4, 0),
            mapping("4000-5000", "r--p", "/bin/dayu", 0, 4),
            mapping("5000-6000", "r-xp", "[vdso]", 0, 0),
            mapping("6000-7000", "r--p", "", 0, 0),
            mapping("7000-9000", "r--p", "/lib/libc.so.6", 0, 0),
        ];
        assert_eq!(clean(&smaps.concat()), [0x1000..0x2000, 0x7000..0x9000]);
    }

    #[test]
    fn the_program_goes_on_without_them() {
        let pages = || clean(&fs::read_to_string("/proc/self/smaps").unwrap());
        let before = pages();
        assert!(!before.is_empty(), "a program has code");
        before.iter().cloned().for_each(give_back);
        assert_eq!(pages(), before);
    }
}
