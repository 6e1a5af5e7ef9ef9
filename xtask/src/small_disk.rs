//! A small disk for a test, had without rights: in memory, and in namespaces of the test's own.
use std::{io, path::PathBuf, process::Command};

use crate::kube::skip;

/// Says where the disk is.
const DISK: &str = "DAYU_SMALL_DISK";
const NAMESPACES: [&str; 3] = ["--user", "--map-root-user", "--mount"];
/// Mounts the first, of the kind and with the options that follow, and goes on as the program that is next, with the test of the last name.
const INSIDE: &str = r#"mount -t "$1" -o "$2" "$1" "$0" && exec "$3" --exact "$4" --ignored --nocapture"#;

/// Runs the ignored `test` of the calling test program, by its whole name, on a disk mounted with `options` such as `size=2m`.
/// [`run_on`] does so on another kind of disk than `tmpfs`.
///
/// # Errors
/// As [`run_on`].
pub fn run(options: &str, test: &str) -> io::Result<()> {
    run_on("tmpfs", options, test)
}

/// Runs the ignored `test` of the calling test program on a disk of this `kind`, which needs no device.
/// Where there are no such namespaces it says so, which is a failure where `DAYU_TESTS_MUST_NOT_SKIP` is set.
///
/// # Errors
/// What the test said, if it fails; why it cannot be run.
pub fn run_on(kind: &str, options: &str, test: &str) -> io::Result<()> {
    let possible = Command::new("unshare").args(NAMESPACES).arg("true").status();
    if !possible.is_ok_and(|status| status.success()) {
        skip("no namespaces of one's own here");
        return Ok(());
    }
    let disk = tempfile::tempdir()?;
    let mut inside = Command::new("unshare");
    inside.args(NAMESPACES).args(["sh", "-c", INSIDE]).arg(disk.path()).args([kind, options]);
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
