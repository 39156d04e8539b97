//! What the kernel allows. Tried for real, in a process of its own, since trying changes the process that tries.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::namespaces::{self, Wanted};
use super::order::{Folders, Rules};
use super::shim::{self, Stage};
use super::{calls, folders};

/// Longest wait for the process that tries; it takes some milliseconds.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);

/// What can be had, or why not.
type Fact = Result<(), String>;

/// What one process found out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Namespaces of processes, mounts and the network.
    pub(super) namespaces: Fact,
    /// They need a user namespace around them.
    pub(super) need_user: bool,
    /// Landlock.
    pub(super) folders: Fact,
    /// Seccomp.
    pub(super) calls: Fact,
}

/// What the trying process found; asked once.
pub(super) async fn facts() -> &'static Facts {
    static FACTS: OnceCell<Facts> = OnceCell::const_new();
    FACTS
        .get_or_init(async || {
            ask().await.unwrap_or_else(|fault| {
                let why = || Err(format!("the trial failed: {fault}"));
                Facts { namespaces: why(), need_user: true, folders: why(), calls: why() }
            })
        })
        .await
}

async fn ask() -> io::Result<Facts> {
    let mut trial = tokio::process::Command::from(shim::command(Stage::Probe, ""));
    trial.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(TRY_TIMEOUT, trial.output()).await.map_err(|_| io::ErrorKind::TimedOut)??;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The trying process: tries everything, and writes what came of it to standard output.
pub(super) fn answer() -> io::Result<()> {
    let user = Wanted { user: !rustix::process::geteuid().is_root(), network: true };
    // One try each: what half worked has already changed this process.
    let mut need_user = user.user;
    let mut all = namespaces::leave_ours(user);
    if all.is_err() && !need_user {
        need_user = true;
        all = namespaces::leave_ours(Wanted { user: true, network: true });
    }
    let said = |fault: io::Error| fault.to_string();
    let all = all.map_err(said);
    let read_all = Folders { read: None, write: Vec::new() };
    let folders = rustix::thread::set_no_new_privs(true)
        .map_err(io::Error::from)
        .and_then(|()| folders::confine(&read_all))
        .map_err(said);
    let rules = Rules { deny_calls: true, deny_network: true, ..Rules::default() };
    let calls = calls::deny(&rules).map_err(said);
    let facts = Facts { namespaces: all, need_user, folders, calls };
    let mut line = serde_json::to_vec(&facts)?;
    line.push(b'\n');
    io::stdout().write_all(&line)
}

/// The program bubblewrap, where it is installed.
pub(super) fn bubblewrap() -> Option<PathBuf> {
    let folders = ["/usr/bin", "/usr/local/bin", "/bin"].map(PathBuf::from);
    folders.into_iter().map(|folder| folder.join("bwrap")).find(|file| file.is_file())
}
