//! Files that only their owner reads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Replaces a file as a whole, mode 0600: a reader sees the old one or the new one.
pub(crate) fn write_private(path: &Path, content: &str) -> io::Result<()> {
    replace(path, content, File::sync_all)
}

/// The same for what each start writes anew: a power cut may take it, so the disk is not waited for.
pub(crate) fn write_private_anew(path: &Path, content: &str) -> io::Result<()> {
    replace(path, content, |_| Ok(()))
}

fn replace(path: &Path, content: &str, settle: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let fresh = beside(path, ".new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(content.as_bytes())?;
    settle(&file)?;
    fs::rename(&fresh, path)
}

/// The path with something appended to its last part.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
