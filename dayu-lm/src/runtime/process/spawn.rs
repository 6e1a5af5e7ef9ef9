//! Starting processes.
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::Stdio,
};

use dayu_core::worker::{Launch, Problem};
use tokio::process::Command;

use super::{
    births::Awaited,
    identity::{self, MARK},
    limits::Fence,
    mounts::{self, Mounting, View},
};
use crate::log;

/// Where programs are looked for when a container's environment does not say.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Starts what `launch` describes, in a process group of its own.
pub(super) fn spawn(
    root: &Path,
    launch: &Launch,
    mounting: Mounting,
    fence: Option<Fence>,
) -> Result<Awaited, Problem> {
    let view = mounts::view(mounting, launch)?;
    let env = environment(launch, &view);
    let [program, arguments @ ..] = launch.command.as_slice() else {
        return Err(Problem::new("StartFailed", format!("container {} has no command", launch.run.container)));
    };
    let program = view.translate(program);
    let path = env.iter().find(|(name, _)| name == "PATH").map_or(PATH, |(_, value)| value);
    let working_dir = launch.working_dir.as_deref().map(|dir| PathBuf::from(view.translate(&dir.to_string_lossy())));
    let executable = executable(|path| view.on_device(path), &program, path, working_dir.as_deref())?;
    // Not before it is known that there is something to run: who waits for a program waits with many a start.
    let output = output(&launch.log).map_err(|error| {
        Problem::new("LogNotWritable", format!("{}: {error}; free space or permissions may lack", launch.log.display()))
    })?;
    let mut command = Command::new(executable);
    command.args(arguments.iter().map(|argument| view.translate(argument)));
    command.env_clear().envs(env.iter().map(|(name, value)| (name, value)));
    command.env(MARK, identity::mark(root, &launch.pod, &launch.run));
    command.current_dir(working_dir.unwrap_or_else(|| PathBuf::from("/")));
    command.stdin(Stdio::null()).stdout(output.0).stderr(output.1).process_group(0);
    if let Some(fence) = fence {
        fence.hold(&mut command);
    }
    let spawned = mounts::spawn_within(&view, command);
    match &spawned {
        Ok(_) => log::keep_two(&launch.log),
        Err(_) => log::discard(&launch.log),
    }
    spawned.map_err(|error| match Fence::refusal(&error) {
        Some(why) => Problem::new(
            "LimitsNotSet",
            format!("container {} cannot enter its control group: {why}", launch.run.container),
        ),
        None => Problem::new("StartFailed", format!("{program}: {error}")),
    })
}

/// The environment as the process gets it: paths as this view shows them, and a way to find the programs that lie beside
/// our own.
fn environment(launch: &Launch, view: &View) -> Vec<(String, String)> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_string_lossy().into_owned()));
    let mut env: Vec<(String, String)> =
        launch.env.iter().map(|(name, value)| (name.clone(), view.translate(value))).collect();
    let at = env.iter().position(|(name, _)| name == "PATH").unwrap_or_else(|| {
        let inherited = std::env::var("PATH").unwrap_or_else(|_| PATH.to_owned());
        env.push(("PATH".to_owned(), inherited));
        env.len() - 1
    });
    if let Some(beside) = beside {
        env[at].1 = format!("{}:{beside}", env[at].1);
    }
    env
}

/// The file that a program's name means, as a shell would find it; said plainly where there is none. `seen` says where on
/// the device a path of the run lies.
pub(super) fn executable(
    seen: impl Fn(&Path) -> PathBuf,
    program: &str,
    path: &str,
    working_dir: Option<&Path>,
) -> Result<PathBuf, Problem> {
    if let Some(dir) = working_dir.filter(|dir| !seen(dir).is_dir()) {
        return Err(Problem::new("StartFailed", format!("workingDir {} is no folder of this device", dir.display())));
    }
    if program.contains('/') {
        let file = working_dir.unwrap_or(Path::new("/")).join(program);
        return if seen(&file).is_file() {
            Ok(file)
        } else {
            Err(Problem::new("StartFailed", format!("{program} is no file of this device")))
        };
    }
    path.split(':').map(|dir| Path::new(dir).join(program)).find(|file| seen(file).is_file()).ok_or_else(|| {
        Problem::new(
            "StartFailed",
            format!("no program {program} in {path}; install it on the device, or give its full path"),
        )
    })
}

/// The file for the run's output, twice: both streams append, so their lines keep their order.
fn output(log: &Path) -> io::Result<(File, File)> {
    let file = log::begin(log)?;
    Ok((file.try_clone()?, file))
}
