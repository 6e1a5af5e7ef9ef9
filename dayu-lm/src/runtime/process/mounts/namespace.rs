//! Mount namespaces, entered by a thread of its own: what it starts lives in its namespace, and it ends at once.
use std::{
    fs::{self, File},
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use dayu_core::worker::Mount;
use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change, mount_remount},
    process::{chroot, fchdir},
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space},
};

use super::root;

/// Whether this process may make mount namespaces.
pub(super) fn is_permitted() -> bool {
    within(private).is_ok()
}

/// Runs `task` on a thread that ends with it, within the present runtime.
pub(super) fn within<T: Send>(task: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let runtime = tokio::runtime::Handle::try_current().ok();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("mounts".to_owned()).spawn_scoped(scope, move || {
            let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
            task()
        })?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that mounts panicked")))
    })
}

/// Gives the present thread a mount namespace, and binds `mounts` there.
pub(super) fn bind(mounts: &[Mount], scratch: &Path) -> io::Result<()> {
    private()?;
    let mut layers = Layers { scratch, over: Vec::new() };
    for one in mounts {
        let failed = |error: io::Error| {
            io::Error::other(format!("{} at {}: {error}", one.source.display(), one.target.display()))
        };
        layers.make(&one.target, one.source.is_dir()).map_err(failed)?;
        mount_bind_recursive(&one.source, &one.target).map_err(|error| failed(error.into()))?;
        if one.read_only {
            mount_remount(&one.target, MountFlags::BIND | MountFlags::RDONLY, c"")
                .map_err(|error| failed(error.into()))?;
        }
    }
    Ok(())
}

/// Whether process `pid` lives in our own mount namespace.
pub(super) fn is_shared_with(pid: u32) -> bool {
    let own = fs::read_link("/proc/self/ns/mnt");
    own.is_ok_and(|own| fs::read_link(format!("/proc/{pid}/ns/mnt")).is_ok_and(|other| own == other))
}

/// Moves the present thread into the mount namespace of process `pid`, and to its root there.
pub(super) fn enter(pid: u32) -> io::Result<()> {
    unshare(UnshareFlags::FS)?;
    let namespace = File::open(format!("/proc/{pid}/ns/mnt"))?;
    let root = File::open(format!("/proc/{pid}/root"))?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))?;
    fchdir(root)?;
    Ok(chroot(".")?)
}

/// A namespace from which nothing leaks out.
fn private() -> io::Result<()> {
    unshare(UnshareFlags::NEWNS | UnshareFlags::FS)?;
    Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

#[expect(unsafe_code, reason = "see SAFETY")]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: neither flag touches memory or descriptors; the thread's own view of the file system is all that changes,
    // and the thread exists for nothing else.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// Layers over folders of the device, in which missing folders are made.
struct Layers<'a> {
    scratch: &'a Path,
    over: Vec<PathBuf>,
}

impl Layers<'_> {
    /// Makes `target` a folder, or a file, if it does not exist.
    fn make(&mut self, target: &Path, folder: bool) -> io::Result<()> {
        if target.exists() {
            return Ok(());
        }
        let nearest = nearest(target);
        if !self.over.iter().any(|layer| nearest.starts_with(layer)) {
            if self.over.is_empty() {
                fs::create_dir_all(self.scratch)?;
                mount("dayu", self.scratch, "tmpfs", MountFlags::empty(), Some(c"mode=0700"))?;
            }
            // Over the root there is no layer: the run gets one of its own.
            if nearest == Path::new("/") {
                root::enter(&self.scratch.join("root"))?;
                self.over.extend(target.ancestors().filter(|path| path.parent() == Some(nearest)).map(Path::to_owned));
            } else {
                self.lay(nearest)?;
                self.over.push(nearest.to_owned());
            }
        }
        if folder {
            return fs::create_dir_all(target);
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        File::create(target).map(drop)
    }

    fn lay(&self, folder: &Path) -> io::Result<()> {
        let own = self.scratch.join(self.over.len().to_string());
        let (upper, work) = (own.join("upper"), own.join("work"));
        fs::create_dir_all(&upper)?;
        fs::create_dir_all(&work)?;
        let options = format!("lowerdir={},upperdir={},workdir={}", folder.display(), upper.display(), work.display());
        let options = std::ffi::CString::new(options)?;
        Ok(mount("dayu", folder, "overlay", MountFlags::empty(), Some(options.as_c_str()))?)
    }
}

/// The nearest folder above `path` that exists.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"))
}
