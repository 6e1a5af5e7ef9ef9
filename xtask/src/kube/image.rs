//! Container images without a registry: an archive, as `docker save` writes it, made from programs of this machine.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::Error;

/// What keeps a pod's namespaces open.
pub(super) const PAUSE: &str = "registry.k8s.io/pause:3.10";
const WAITS: &str = "fn main() { loop { std::thread::park() } }";

/// An image that holds one program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Image<'a> {
    /// In full, with registry and tag.
    pub(super) name: &'a str,
    /// The program, and what it is started with.
    pub(super) command: &'a [&'a str],
}

/// The names that the manifests of `deploy/` and the example pipeline know the program `dayu` by.
pub(super) const PRODUCT: [Image<'static>; 4] = [
    Image { name: concat!("docker.io/library/dayu:", env!("CARGO_PKG_VERSION")), command: &[] },
    Image { name: "docker.io/dayu-pipeline/camera:v1", command: &["example-worker", "source"] },
    Image { name: "docker.io/dayu-pipeline/detector:v1", command: &["example-worker", "detector"] },
    Image { name: "docker.io/dayu-pipeline/aggregator:v1", command: &["example-worker", "aggregator"] },
];

/// Writes an archive with `images`, all of `program`, which lies at the root of each, beside the libraries that it is
/// linked with, if any.
///
/// # Errors
/// When the program cannot be read or the archive not be written.
pub(super) fn archive(program: &Path, images: &[Image<'_>], to: &Path) -> Result<(), Error> {
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut layer = Tar::default();
    layer.folder("tmp/");
    layer.file(&name, &read(program)?);
    for library in libraries(program)? {
        layer.file(&library.display().to_string(), &read(&library)?);
    }
    let layer = layer.end();
    let digest = hex(&layer);
    let (mut archive, mut manifest) = (Tar::default(), Vec::new());
    for image in images {
        let entry: Vec<_> =
            std::iter::once(format!("/{name}")).chain(image.command.iter().map(|&word| word.to_owned())).collect();
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": {"Entrypoint": entry, "Env": ["PATH=/"]},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
        });
        let config = config.to_string().into_bytes();
        let file = format!("{}.json", hex(&config));
        archive.file(&file, &config);
        manifest.push(json!({"Config": file, "RepoTags": [image.name], "Layers": ["layer.tar"]}));
    }
    archive.file("layer.tar", &layer);
    archive.file("manifest.json", json!(manifest).to_string().as_bytes());
    fs::write(to, archive.end()).map_err(Error::file(to))
}

/// Writes an archive with the image that every pod needs: a program that waits.
pub(super) fn pause(folder: &Path, to: &Path) -> Result<(), Error> {
    let (source, program) = (folder.join("pause.rs"), folder.join("pause"));
    fs::write(&source, WAITS).map_err(Error::file(&source))?;
    let mut rustc = Command::new("rustc");
    rustc.args(["-O", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"]).arg(&program).arg(&source);
    run(rustc, folder)?;
    archive(&program, &[Image { name: PAUSE, command: &[] }], to)
}

/// A program without what only a debugger reads: images are kept in memory.
pub(super) fn stripped(program: &Path, folder: &Path) -> Result<PathBuf, Error> {
    let to = folder.join(program.file_name().unwrap_or_default());
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&to).arg(program);
    run(strip, folder)?;
    Ok(to)
}

fn run(mut command: Command, log: &Path) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| Error::Spawn { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let command = format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Err(Error::Failed { command, status: output.status, log: log.into() })
}

/// What the loader would load, itself included; nothing for a static program.
fn libraries(program: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut ldd = Command::new("ldd");
    ldd.arg(program);
    let listed = match run(ldd, program) {
        // It fails where there is nothing to load.
        Err(Error::Failed { .. }) => String::new(),
        listed => listed?,
    };
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    Ok(listed.lines().filter_map(path).collect())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::file(path))
}

fn hex(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An archive of files that are root's and may be run.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn folder(&mut self, name: &str) {
        self.entry(name, b'5', &[]);
    }

    fn file(&mut self, name: &str, content: &[u8]) {
        self.entry(name.trim_start_matches('/'), b'0', content);
    }

    /// A header of 512 bytes with numbers in octal, then the content in blocks of the same size.
    fn entry(&mut self, name: &str, kind: u8, content: &[u8]) {
        let mut header = [0u8; 512];
        let mut put = |at: usize, text: &str| {
            let _ = (&mut header[at..]).write_all(text.as_bytes());
        };
        put(0, name);
        put(100, if kind == b'5' { "0001777" } else { "0000755" });
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}", content.len()));
        put(136, "00000000000");
        // Summed up as if its own field were blank.
        put(148, "        ");
        put(257, "ustar\x0000");
        header[156] = kind;
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        let _ = (&mut header[148..]).write_all(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(header);
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(archive: &Path) -> String {
        let mut tar = Command::new("tar");
        tar.arg("-tvf").arg(archive);
        run(tar, archive).unwrap()
    }

    #[test]
    fn an_archive_is_one_layer_under_several_names() {
        let dir = tempfile::tempdir().unwrap();
        let (program, to) = (dir.path().join("program"), dir.path().join("images"));
        fs::write(&program, "#!/bin/true\n").unwrap();
        let names = ["example/a:v1", "example/b:v1"].map(|name| Image { name, command: &["say", "it"] });
        archive(&program, &names, &to).unwrap();
        let listed = listed(&to);
        let files: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(files[2..], ["layer.tar", "manifest.json"]);
        let mut tar = Command::new("tar");
        tar.arg("-xOf").arg(&to).arg("manifest.json");
        let manifest: serde_json::Value = serde_json::from_str(&run(tar, &to).unwrap()).unwrap();
        assert_eq!(manifest[1]["RepoTags"], json!(["example/b:v1"]));
        assert_eq!(manifest[1]["Config"], *files[1]);
    }

    #[test]
    fn a_program_takes_what_it_is_linked_with() {
        let libraries = libraries(Path::new("/bin/sh")).unwrap();
        assert!(libraries.iter().any(|path| path.to_string_lossy().contains("libc")), "{libraries:?}");
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("images");
        pause(dir.path(), &to).unwrap();
        assert!(super::libraries(&dir.path().join("pause")).unwrap().is_empty());
        assert!(listed(&to).contains("layer.tar"));
    }
}
