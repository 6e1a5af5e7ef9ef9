//! A file that is whole or not believed, and the one that it took the place of.
use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use dayu_core::{link::Fingerprint, name::Device};

/// The first line is this, a space, and the fingerprint of all that follows. The number is the form's.
const FORM: &str = "dayu-mesh routes 1";
/// The newest generation and the one before, in the folder.
const NEWEST: &str = "routes";
const BEFORE: &str = "routes.before";
/// Where the next is written.
const DRAFT: &str = "routes.draft";
/// What a damaged one is called from then on: it must not take the place of a good one before it.
const DAMAGED: &str = "routes.damaged";
/// Bytes of a file: some 80,000 Services with three endpoints each.
const LARGEST: u64 = 64 << 20;

/// Why a generation is passed over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("{} cannot be read: {source}; give it to the user of the mesh", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} is damaged ({why}) and now called {DAMAGED}; what was known before counts, if that is there", file.display())]
    Damaged { file: PathBuf, why: String },
    #[error("{} is of device {device} of the cluster {cluster:?}, and so of no use here; name another --data", file.display())]
    Foreign { file: PathBuf, device: Device, cluster: String },
}

/// The files of one folder.
pub(crate) struct Generations {
    folder: PathBuf,
}

impl Generations {
    pub(crate) fn within(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn newest_first(&self) -> [PathBuf; 2] {
        [NEWEST, BEFORE].map(|name| self.folder.join(name))
    }

    /// Lets `file` never be a generation again.
    pub(crate) fn put_aside(&self, file: &Path) {
        // Where that cannot be, nothing can be written either.
        let _ = fs::rename(file, self.folder.join(DAMAGED));
    }

    /// Makes `text`, of this fingerprint, the newest generation. It is on the disk when this returns.
    pub(crate) fn write(&self, print: Fingerprint, text: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let draft = self.folder.join(DRAFT);
        if let Err(error) = write(&draft, print, text) {
            // Half of it would only take the space that it lacked.
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        let [newest, before] = self.newest_first();
        match fs::rename(&newest, before) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(draft, newest)?;
        File::open(&self.folder)?.sync_all()
    }
}

fn write(draft: &Path, print: Fingerprint, text: &[u8]) -> io::Result<()> {
    let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(draft)?;
    let first = first_line(print);
    if (first.len() + text.len()) as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it would be larger than {LARGEST} bytes")));
    }
    file.write_all(first.as_bytes())?;
    file.write_all(text)?;
    file.sync_all()
}

/// What is in `file`, if it is there.
pub(crate) fn read(file: &Path) -> Result<Option<(Fingerprint, Vec<u8>)>, Unusable> {
    let mut text = Vec::new();
    match File::open(file).and_then(|open| open.take(LARGEST).read_to_end(&mut text)) {
        Ok(_) => whole(text).map(Some).map_err(|why| Unusable::Damaged { file: file.to_owned(), why: why.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Unusable::Unreadable { file: file.to_owned(), source }),
    }
}

/// What follows the first line, if that is the line for it.
pub(super) fn whole(mut text: Vec<u8>) -> Result<(Fingerprint, Vec<u8>), &'static str> {
    let end = text.iter().position(|byte| *byte == b'\n').ok_or("it has no first line")?;
    let content = text.split_off(end + 1);
    let print = Fingerprint::of(&content);
    if text == first_line(print).as_bytes() { Ok((print, content)) } else { Err("it is not what was written") }
}

fn first_line(print: Fingerprint) -> String {
    format!("{FORM} {print}\n")
}
