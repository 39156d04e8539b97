//! The level `container`: docker or podman runs the server, and we run the engine's command in its place.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::{Demand, Program};

/// Longest wait for an engine to say its version. A guess.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(2);
/// Memory of a container where the registry bounds none: 2 GiB, what docker's own gateway for MCP servers gives.
const MEMORY_BYTES: u64 = 2 << 30;

/// A container engine that answers.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) file: PathBuf,
    /// What it is, for people.
    pub(super) said: String,
}

/// Docker, or else podman. Asked once; why there is none otherwise.
pub(super) async fn engine() -> Result<Engine, String> {
    static ENGINE: OnceCell<Result<Engine, String>> = OnceCell::const_new();
    ENGINE
        .get_or_init(async || {
            let mut why = Vec::new();
            for (name, format) in [("docker", "{{.Server.Version}}"), ("podman", "{{.Client.Version}}")] {
                match ask(name, format).await {
                    Ok(engine) => return Ok(engine),
                    Err(fault) => why.push(fault),
                }
            }
            Err(why.join("; "))
        })
        .await
        .clone()
}

async fn ask(name: &str, format: &str) -> Result<Engine, String> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let file = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|file| file.is_file());
    let file = file.ok_or_else(|| format!("{name} is not installed"))?;
    let mut command = tokio::process::Command::new(&file);
    command.args(["version", "--format", format]).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(ENGINE_TIMEOUT, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(fault)) => return Err(format!("{name} could not be started: {fault}")),
        Err(_) => return Err(format!("{name} did not answer within {} s", ENGINE_TIMEOUT.as_secs())),
    };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || version.is_empty() {
        return Err(format!("{name} is installed, but no engine answers it"));
    }
    Ok(Engine { file, said: format!("{name} {version}") })
}

/// The arguments of the engine that run the program in the image. Values of variables do not stand there: the engine takes
/// them from its own environment.
pub(super) fn arguments(program: &Program, declared: &[String], demand: &Demand, image: &str) -> Vec<String> {
    let mut args: Vec<String> =
        ["run", "--rm", "-i", "--init", "--security-opt", "no-new-privileges", "--pull", "never"]
            .map(str::to_owned)
            .to_vec();
    let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
    flag("--cpus", demand.cpu_cores_max.unwrap_or(1.0).to_string());
    flag("--memory", format!("{}b", demand.memory_bytes_max.unwrap_or(MEMORY_BYTES)));
    flag("--pids-limit", demand.processes_max.to_string());
    flag("--ulimit", format!("nofile={}", demand.files_max));
    if demand.network == Some(false) {
        flag("--network", "none".to_owned());
    }
    for folder in &demand.read_folders {
        flag("--mount", mount(folder, true));
    }
    for folder in &demand.write_folders {
        flag("--mount", mount(folder, false));
    }
    if let Some(folder) = &program.cwd {
        flag("--workdir", folder.display().to_string());
    }
    for name in declared {
        flag("--env", name.clone());
    }
    args.push(image.to_owned());
    // The program as the image knows it: by its name, not by its place outside.
    args.extend(program.file.file_name().map(|name| name.to_string_lossy().into_owned()));
    args.extend(program.args.iter().cloned());
    args
}

fn mount(folder: &std::path::Path, is_read_only: bool) -> String {
    let end = if is_read_only { ",readonly" } else { "" };
    format!("type=bind,source={0},target={0}{end}", folder.display())
}
