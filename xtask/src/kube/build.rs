//! The programs from Go modules.
//!
//! Kubernetes is an ordinary Go module whose staging libraries are replaced by folders of its own repository, which
//! `go install` refuses. A module of ours that requires it, and replaces each of them by its published version,
//! builds it with nothing but Go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Assets, COMMANDS, ETCD, Error, Home};

const KUBERNETES: &str = "k8s.io/kubernetes";
const ETCD_MODULE: &str = "go.etcd.io/etcd/server/v3";

/// Builds every program that the cache lacks and tells each step.
///
/// A program gets its name when it is whole, so an interrupted build is not taken for a finished one; who builds at
/// the same time waits for the other.
///
/// # Errors
/// When Go is missing or fails, or the cache cannot be written.
pub fn build(home: &Home, mut tell: impl FnMut(&str)) -> Result<Assets, Error> {
    let bin = home.bin();
    fs::create_dir_all(&bin).map_err(Error::file(&bin))?;
    let lock = home.dir().join("lock");
    let lock = fs::File::create(&lock).and_then(|file| file.lock().map(|()| file)).map_err(Error::file(&lock))?;

    let lacking: Vec<_> = COMMANDS.into_iter().filter(|command| !bin.join(command).is_file()).collect();
    if !lacking.is_empty() {
        tell(&format!("Kubernetes {}: resolving its modules", home.version()));
        let module = Module::kubernetes(home)?;
        for command in lacking {
            tell(&format!("Kubernetes {}: building {command}", home.version()));
            module.build(&format!("{KUBERNETES}/cmd/{command}"), &flags(home.version()), &bin.join(command))?;
        }
    }
    if !bin.join("etcd").is_file() {
        tell(&format!("etcd {ETCD}: building"));
        let head = format!("module etcdbuild\n\ngo 1.25\n\nrequire {ETCD_MODULE} v{ETCD}\n");
        let module = Module::new(home.dir().join("etcd"), &head, &[ETCD_MODULE.to_owned()])?;
        module.build(ETCD_MODULE, "-s -w", &bin.join("etcd"))?;
    }
    drop(lock);
    Assets::at(bin)
}

/// A Go module that exists only to build others' commands.
struct Module(PathBuf);

impl Module {
    fn new(dir: PathBuf, head: &str, imports: &[String]) -> Result<Self, Error> {
        let imports: String = imports.iter().map(|path| format!("import _ \"{path}\"\n")).collect();
        let tools = format!("//go:build tools\n\npackage tools\n\n{imports}");
        fs::create_dir_all(&dir).map_err(Error::file(&dir))?;
        for (name, content) in [("go.mod", head), ("tools.go", &tools)] {
            let path = dir.join(name);
            fs::write(&path, content).map_err(Error::file(&path))?;
        }
        let module = Self(dir);
        module.go(&["mod", "tidy"])?;
        Ok(module)
    }

    fn kubernetes(home: &Home) -> Result<Self, Error> {
        let dir = home.dir().join("kubernetes");
        fs::create_dir_all(&dir).map_err(Error::file(&dir))?;
        let original = Self(dir.clone());
        let downloaded = original.json(&["mod", "download", "-json", &format!("{KUBERNETES}@v{}", home.version())])?;
        let theirs = original.json(&["mod", "edit", "-json", text(&downloaded, "GoMod")?])?;
        let imports: Vec<_> = COMMANDS.iter().map(|command| format!("{KUBERNETES}/cmd/{command}")).collect();
        Self::new(dir, &head(home.version(), &theirs)?, &imports)
    }

    fn build(&self, package: &str, flags: &str, to: &Path) -> Result<(), Error> {
        let partial = to.with_extension("partial");
        self.go(&["build", "-ldflags", flags, "-o", &partial.to_string_lossy(), package])?;
        fs::rename(&partial, to).map_err(Error::file(to))
    }

    /// Go's own progress and complaints go where ours go.
    fn go(&self, arguments: &[&str]) -> Result<Vec<u8>, Error> {
        let mut go = Command::new("go");
        go.args(arguments).current_dir(&self.0).env("GOFLAGS", "-mod=mod").env("CGO_ENABLED", "0").env("GOWORK", "off");
        let output =
            go.stderr(Stdio::inherit()).output().map_err(|source| Error::Spawn { program: "go".into(), source })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let command = format!("go {}", arguments.join(" "));
        Err(Error::Failed { command, status: output.status, log: self.0.clone() })
    }

    fn json(&self, arguments: &[&str]) -> Result<Value, Error> {
        let said = self.go(arguments)?;
        serde_json::from_slice(&said).map_err(|error| said_otherwise(&arguments.join(" "), &error.to_string()))
    }
}

/// The `go.mod` that requires Kubernetes and names the published version of each library it has in a folder.
fn head(version: &str, theirs: &Value) -> Result<String, Error> {
    let mut head = format!("module kubebuild\n\ngo {}\n\nrequire {KUBERNETES} v{version}\n\n", text(theirs, "Go")?);
    let replaced = theirs["Replace"].as_array().map(Vec::as_slice).unwrap_or_default();
    let staged =
        replaced.iter().filter(|line| line["New"]["Path"].as_str().is_some_and(|at| at.starts_with("./staging/")));
    for library in staged {
        let path = text(&library["Old"], "Path")?;
        // Kubernetes 1.37.2 goes with version 0.37.2 of its libraries.
        head += &format!("replace {path} => {path} v0{}\n", version.trim_start_matches('1'));
    }
    Ok(head)
}

/// What makes `/version` tell the truth.
fn flags(version: &str) -> String {
    let minor = version.split('.').nth(1).unwrap_or_default();
    let mut flags = "-s -w".to_owned();
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        for (name, value) in
            [("gitVersion", &*format!("v{version}")), ("gitMajor", "1"), ("gitMinor", minor), ("gitTreeState", "clean")]
        {
            flags += &format!(" -X {package}.{name}={value}");
        }
    }
    flags
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, Error> {
    value[field].as_str().ok_or_else(|| said_otherwise("mod", &format!("no field {field} in {value}")))
}

fn said_otherwise(command: &str, reason: &str) -> Error {
    Error::Said { command: format!("go {command}"), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_staged_library_is_replaced_by_its_published_version() {
        let theirs = serde_json::json!({"Go": "1.26.0", "Replace": [
            {"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}},
            {"Old": {"Path": "example.com/other"}, "New": {"Path": "example.com/fork", "Version": "v1.1.1"}},
        ]});
        let head = head("1.37.2", &theirs).unwrap();
        let lines: Vec<_> = head.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(
            lines[1..],
            ["go 1.26.0", "require k8s.io/kubernetes v1.37.2", "replace k8s.io/api => k8s.io/api v0.37.2"]
        );
    }

    #[test]
    fn the_version_is_told_to_both_libraries() {
        let flags = flags("1.34.4");
        assert!(flags.contains("-X k8s.io/component-base/version.gitVersion=v1.34.4"));
        assert!(flags.contains("-X k8s.io/client-go/pkg/version.gitMinor=34"));
    }
}
