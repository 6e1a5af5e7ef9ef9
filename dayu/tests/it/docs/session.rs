//! A shell that types commands as somebody does who reads them.
use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command as Process, time::timeout};

use super::block::Command;

/// What runs this is not run by it.
pub(super) const OURSELVES: &str = "cargo test --workspace";
/// The program that is tested, as it is called before it is installed.
const UNINSTALLED: &str = "cargo run --release -- ";
/// What the repository has to show, and the shell's folder therefore has.
const SHOWN: [&str; 2] = ["deploy", "examples"];

/// How a shell begins: it stops at the first command that fails, and ends what still runs.
const BEGIN: &str = r#"
set -euo pipefail
up() { # ARGUMENTS: everything is ready when this returns
    dayu up "$@" </dev/null >up.out 2>up.err & UP=$!
    until grep -q "$READY" up.err; do
        kill -0 "$UP" 2>/dev/null || { cat up.err >&2; return 1; }
        sleep 0.05
    done
}
stream() { # COMMAND: it has said something when this returns
    # What another said before is not its word.
    : >stream.out
    "$@" >stream.out & STREAM=$!
    until [ -s stream.out ]; do
        kill -0 "$STREAM" 2>/dev/null || return 1
        sleep 0.05
    done
    kill "$STREAM"
    wait "$STREAM" || true
    STREAM=
}
UP= STREAM=
trap 'for left in $UP $STREAM; do kill -KILL "$left" 2>/dev/null || true; done' EXIT
"#;
/// How it ends: what goes on in the background gets a Ctrl-C, and ends well.
const END: &str = r#"
if [ -n "$UP" ]; then
    kill -INT "$UP"
    wait "$UP"
    UP=
fi
"#;

/// A folder, and what the shell finds there.
pub(super) struct Session {
    folder: PathBuf,
}

impl Session {
    /// Puts into `folder` what is needed of `root`.
    pub(super) fn prepare(folder: &Path, root: &Path) -> Self {
        for name in SHOWN {
            symlink(root.join(name), folder.join(name)).unwrap();
        }
        let programs = folder.join(".bin");
        fs::create_dir(&programs).unwrap();
        symlink(env!("CARGO_BIN_EXE_dayu"), programs.join("dayu")).unwrap();
        // An answer that tells of a mistake is a failure.
        fs::write(folder.join(".curlrc"), "fail\nsilent\nshow-error\nmax-time = 20\n").unwrap();
        Self { folder: folder.to_owned() }
    }

    /// Types `commands`; an error says what the shell said.
    pub(super) async fn run(&self, commands: &[Command], limit: Duration) -> Result<(), String> {
        let script = self.folder.join(".session");
        fs::write(&script, written(commands)).unwrap();
        let path = format!("{}:{}", self.folder.join(".bin").display(), std::env::var("PATH").unwrap());
        let mut shell = Process::new("bash");
        shell.arg("-x").arg(&script).current_dir(&self.folder).env("PATH", path).env("CURL_HOME", &self.folder);
        shell.env_remove("KUBECONFIG").stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(limit, shell.output()).await.map_err(|_| format!("not over after {limit:?}"))?.unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all = || format!("{}: {}\n{}", output.status, said(&output.stdout), said(&output.stderr));
        if output.status.success() { Ok(()) } else { Err(all()) }
    }
}

/// The script that types `commands`.
fn written(commands: &[Command]) -> String {
    let mut script = BEGIN.to_owned();
    for command in commands.iter().filter(|command| command.text != OURSELVES) {
        let text = match command.text.strip_prefix(UNINSTALLED) {
            Some(arguments) => format!("dayu {arguments}"),
            None => command.text.clone(),
        };
        let _ = match text.strip_prefix("dayu up") {
            Some(arguments) if !arguments.contains("--check") => {
                let ready = if arguments.contains("--empty") { "kubeconfig: " } else { "every worker is ready" };
                writeln!(script, "READY='{ready}' up{arguments}")
            }
            _ if command.streams => writeln!(script, "stream {text}"),
            _ => writeln!(script, "{text}"),
        };
    }
    script + END
}
