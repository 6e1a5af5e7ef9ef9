//! A root of a run's own, for mounts beneath `/` in folders that the device does not have.
use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use rustix::{
    mount::mount_bind_recursive,
    process::{chdir, chroot},
};

/// Makes `root`, shows everything there that the present root has, and goes there with the present thread. Once it is there, it stays.
pub(super) fn enter(root: &Path) -> io::Result<()> {
    if let Err(error) = fs::create_dir(root) {
        return if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) };
    }
    // Whoever the run becomes has to pass.
    fs::set_permissions(root, Permissions::from_mode(0o755))?;
    for entry in fs::read_dir("/")? {
        let entry = entry?;
        show(&entry.path(), entry.file_type()?, &root.join(entry.file_name()))
            .map_err(|error| io::Error::other(format!("{}: {error}", entry.path().display())))?;
    }
    chroot(root)?;
    Ok(chdir("/")?)
}

fn show(path: &Path, kind: fs::FileType, place: &Path) -> io::Result<()> {
    if kind.is_symlink() {
        return symlink(fs::read_link(path)?, place);
    }
    if kind.is_dir() {
        fs::create_dir(place)?;
    } else {
        File::create(place)?;
    }
    Ok(mount_bind_recursive(path, place)?)
}
