//! Gives back the pages of the program itself that only its start has read: a daemon stays for months, its start takes a second.
use std::{ffi::c_void, fs, ops::Range, time::Duration};

use rustix::{
    io::Errno,
    mm::{Advice, madvise},
};

/// By then a daemon has begun, on a busy machine as well; what is still to come costs a fault per page, as at the start.
const BEGUN: Duration = Duration::from_secs(5);

/// The system maps up to 64 KiB around a page that is read, where it has them, but nothing beyond the mapping. The first of these
/// lengths that is one of whole pages is that of a mapping; pages that are larger still need no such thing.
const STRETCHES: [usize; 2] = [8 << 10, 16 << 10];

/// Lets the system take back what nobody has read since the start, once that is over. A daemon that `rests` between the few things
/// it does gets the little it needs for these in small stretches; that costs the system some 200 bytes a stretch.
pub(crate) fn once_begun(rests: bool) {
    tokio::spawn(async move {
        tokio::time::sleep(BEGUN).await;
        for pages in fs::read_to_string("/proc/self/smaps").map(|text| clean(&text)).unwrap_or_default() {
            if let Err(error) = give_back(&pages) {
                tracing::debug!(%error, ?pages, "the program's pages stay");
            }
            let _is_parted = rests && STRETCHES.iter().any(|stretch| part(&pages, *stretch).is_ok());
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
fn give_back(pages: &Range<usize>) -> Result<(), Errno> {
    advise(pages.clone(), Advice::LinuxDontNeed)
}

/// Makes every stretch of the mapping a mapping of its own, by saying of every second one that it is not for core dumps: they
/// hold nothing of a program's file anyway but its first page, which says what program it is.
fn part(pages: &Range<usize>, stretch: usize) -> Result<(), Errno> {
    let mut seconds = (pages.start + stretch..pages.end).step_by(2 * stretch);
    seconds.try_for_each(|start| advise(start..pages.end.min(start + stretch), Advice::LinuxDontDump))
}

#[allow(unsafe_code)]
fn advise(pages: Range<usize>, advice: Advice) -> Result<(), Errno> {
    // SAFETY: the pages equal those of the file and nobody can write them (`clean`), so that which is read again is the same; and
    // they are still there, for only the loader maps files that go away again, and it is done.
    unsafe { madvise(pages.start as *mut c_void, pages.len(), advice) }
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
        before.iter().try_for_each(give_back).unwrap();
        assert_eq!(pages(), before);
        let stretch = STRETCHES[1];
        before.iter().try_for_each(|pages| part(pages, stretch)).unwrap();
        let parts = pages();
        assert!(parts.len() > before.len() && parts.iter().all(|pages| pages.len() <= stretch), "{parts:x?}");
    }
}
