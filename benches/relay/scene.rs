//! Homes, registries and tool lists for the programs under measurement; all gone afterwards.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::peer::Peer;
use super::{FLOOR, Plan};

/// A folder with a registry, and a home that is empty at first.
pub(crate) struct Scene {
    folder: TempDir,
    program: PathBuf,
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
        Ok(Self { folder, program: plan.program.clone() })
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
        command.env("MCPORCH_HOME", self.folder.path().join("home"));
        command
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

fn bench_args(more: &[&str]) -> Vec<String> {
    ["--kind", "bench"].iter().chain(more).map(|arg| (*arg).to_owned()).collect()
}
