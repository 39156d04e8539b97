//! Homes, registries and tool lists for the programs under measurement; all gone afterwards.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::http_peer::Service;
use super::peer::Peer;
use super::{FLOOR, HTTP_FLOOR, Plan};

/// A folder with a registry, and a home that is empty at first.
pub(crate) struct Scene {
    folder: TempDir,
    program: PathBuf,
    env: Vec<(&'static str, &'static str)>,
}

impl Scene {
    /// Servers by name, each with the arguments of `mcporch demo-server`.
    pub(crate) fn new(plan: &Plan, servers: &[(String, Vec<String>)]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let entry = |(name, args): &(String, Vec<String>)| {
            let args: Vec<&str> = std::iter::once("demo-server").chain(args.iter().map(String::as_str)).collect();
            (name.clone(), json!({"command": plan.server, "args": args}))
        };
        let servers: Map<String, Value> = servers.iter().map(entry).collect();
        std::fs::write(folder.path().join("registry.json"), json!({"mcpServers": servers}).to_string())?;
        Ok(Self { folder, program: plan.program.clone(), env: Vec::new() })
    }

    /// One server `bench`.
    pub(crate) fn with_bench(plan: &Plan, more: &[&str]) -> anyhow::Result<Self> {
        Self::new(plan, &[("bench".to_owned(), bench_args(more))])
    }

    /// `count` servers of ten tools each.
    pub(crate) fn with_many(plan: &Plan, count: usize) -> anyhow::Result<Self> {
        let servers: Vec<_> = (0..count).map(|number| (format!("bench{number}"), bench_args(&[]))).collect();
        Self::new(plan, &servers)
    }

    /// Results are handed over, however large.
    pub(crate) fn all_inline(self) -> Self {
        self.with_env("MCPORCH_RESULTS_INLINE_BYTES_MAX", "0")
    }

    /// With one more variable for mcporch.
    pub(crate) fn with_env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    /// Forgets all that mcporch wrote.
    pub(crate) fn forget(&self) -> anyhow::Result<()> {
        let home = self.folder.path().join("home");
        if home.exists() {
            std::fs::remove_dir_all(home)?;
        }
        Ok(())
    }

    /// mcporch on this scene.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--registry").arg(self.folder.path().join("registry.json")).args(args);
        command.env("MCPORCH_HOME", self.folder.path().join("home")).envs(self.env.iter().copied());
        command
    }

    /// mcporch as a service over HTTP, for as long as the second lives.
    pub(crate) fn serve(&self) -> anyhow::Result<(Service, Running)> {
        let command = self.command(&["--standalone", "--json", "serve", "--http", "127.0.0.1:0"]);
        served(command, |line| {
            let told: Value = serde_json::from_str(line)?;
            let address = told["url"].as_str().and_then(|url| url.split('/').nth(2)).context("no url was told")?;
            Ok(address.parse()?)
        })
    }

    /// mcporch as a server, past its handshake.
    pub(crate) fn gateway(&self, args: &[&str]) -> anyhow::Result<Peer> {
        let mut gateway = Peer::start(self.command(&[&["--standalone"], args].concat()))?;
        gateway.initialize()?;
        Ok(gateway)
    }

    /// Runs a command of mcporch to its end and reads the JSON that it prints.
    pub(crate) fn run_json(&self, args: &[&str]) -> anyhow::Result<Value> {
        let output = self.command(&[args, &["--json"]].concat()).output()?;
        let fault = || format!("mcporch {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), fault());
        serde_json::from_slice(&output.stdout).with_context(fault)
    }
}

/// The server itself, past its handshake.
pub(crate) fn direct(plan: &Plan, more: &[&str]) -> anyhow::Result<Peer> {
    let mut command = Command::new(&plan.server);
    command.arg("demo-server").args(bench_args(more));
    let mut server = Peer::start(command)?;
    server.initialize()?;
    Ok(server)
}

/// The least possible relay before such a server, past the handshake.
pub(crate) fn floor(plan: &Plan, more: &[&str]) -> anyhow::Result<Peer> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(FLOOR).arg(&plan.server).arg("demo-server").args(bench_args(more));
    let mut relay = Peer::start(command)?;
    relay.initialize()?;
    Ok(relay)
}

/// A process that is killed when this is dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _status = self.0.wait();
    }
}

/// A server of HTTP that answers out of prepared bytes.
pub(crate) fn http_direct() -> anyhow::Result<(Service, Running)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(HTTP_FLOOR);
    served(command, |line| Ok(line.parse()?))
}

/// The least possible relay from HTTP to a server over pipes.
pub(crate) fn http_floor(plan: &Plan, more: &[&str]) -> anyhow::Result<(Service, Running)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(HTTP_FLOOR).arg(&plan.server).arg("demo-server").args(bench_args(more));
    served(command, |line| Ok(line.parse()?))
}

/// Starts what says in its first line where it listens.
fn served(
    mut command: Command,
    address: impl Fn(&str) -> anyhow::Result<SocketAddr>,
) -> anyhow::Result<(Service, Running)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let stdout = child.stdout.take().context("stdout is piped")?;
    let (pid, running) = (child.id(), Running(child));
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let address = address(line.trim()).with_context(|| format!("where it listens: {line:?}"))?;
    Ok((Service { address, pid }, running))
}

fn bench_args(more: &[&str]) -> Vec<String> {
    ["--kind", "bench"].iter().chain(more).map(|arg| (*arg).to_owned()).collect()
}
