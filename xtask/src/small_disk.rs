//! A small disk for a test, had without rights: in memory, and in namespaces of the test's own.
use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::kube::skip;

/// Says where the disk is.
const DISK: &str = "DAYU_SMALL_DISK";
const NAMESPACES: [&str; 3] = ["--user", "--map-root-user", "--mount"];
/// Mounts the first with the options that are the second, and goes on as the third, which runs the test of the fourth's name.
const INSIDE: &str = r#"mount -t tmpfs -o "$1" tmpfs "$0" && exec "$2" --exact "$3" --ignored --nocapture"#;

/// Runs the ignored `test` of the calling test program, by its whole name, on a disk mounted with `options` such as `size=2m`.
/// Where there are no such namespaces it says so, which is a failure where `DAYU_TESTS_MUST_NOT_SKIP` is set.
///
/// # Errors
/// What the test said, if it fails; why it cannot be run.
pub fn run(options: &str, test: &str) -> io::Result<()> {
    let possible = Command::new("unshare").args(NAMESPACES).arg("true").status();
    if !possible.is_ok_and(|status| status.success()) {
        skip("no namespaces of one's own here");
        return Ok(());
    }
    let disk = tempfile::tempdir()?;
    let mut inside = Command::new("unshare");
    inside.args(NAMESPACES).args(["sh", "-c", INSIDE]).args([disk.path(), Path::new(options)]);
    let output = inside.arg(std::env::current_exe()?).arg(test).env(DISK, disk.path()).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && told.contains("1 passed") {
        return Ok(());
    }
    Err(io::Error::other(format!("{test}: {told}\n{}", String::from_utf8_lossy(&output.stderr))))
}

/// Where the disk is, for a test that [`run`] runs; `None` in any other.
#[must_use]
pub fn path() -> Option<PathBuf> {
    std::env::var_os(DISK).map(PathBuf::from)
}
