//! What this machine allows. Tried for real, in a process of its own, since trying changes the process that tries.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::namespaces::{self, Wanted};
use super::order::{Folders, Rules};
use super::shim::{self, Stage};
use super::{Level, calls, cgroup, container, folders};

/// Longest wait for the process that tries; it takes some milliseconds.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);

/// What can be had, or why not.
type Fact = Result<(), String>;

/// What one process found out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Namespaces of processes and mounts.
    pub(super) namespaces: Fact,
    /// And one of the network.
    pub(super) network: Fact,
    /// They need a user namespace around them.
    pub(super) need_user: bool,
    pub(super) folders: Fact,
    pub(super) calls: Fact,
}

/// What can be had here, level by level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// In the order of [`Level::ALL`].
    pub levels: Vec<LevelProbe>,
    /// Why no cgroup can bound the memory, processor time and number of processes of a whole tree; `None` when one can.
    pub no_cgroup: Option<String>,
}

/// Whether a level can be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LevelProbe {
    /// Which.
    pub level: Level,
    /// Whether it can be had.
    pub is_available: bool,
    /// By what means, or why not.
    pub why: String,
    /// What to do about it; empty when there is nothing to do.
    pub advice: String,
}

impl Probe {
    /// Of one level.
    #[must_use]
    pub fn of(&self, level: Level) -> Option<&LevelProbe> {
        self.levels.iter().find(|probe| probe.level == level)
    }
}

/// Finds out what can be had here. The container engine is asked too, which may take two seconds.
///
/// Cancel safe.
pub async fn probe() -> Probe {
    let mut levels = Vec::new();
    for level in Level::ALL {
        levels.push(match of_level(level).await {
            Ok(why) => LevelProbe { level, is_available: true, why, advice: String::new() },
            Err((why, advice)) => LevelProbe { level, is_available: false, why, advice },
        });
    }
    Probe { levels, no_cgroup: cgroup::Parent::find().err() }
}

/// By what means a level can be had; else why not, and what to do.
pub(super) async fn of_level(level: Level) -> Result<String, (String, String)> {
    match level {
        Level::None => Ok("a plain child process".to_owned()),
        Level::Basic => Ok("a keeper process around each server".to_owned()),
        Level::Standard => {
            let facts = facts().await;
            let kernel = "a Linux kernel from 5.13 on with landlock among its security modules gives it";
            facts.folders.clone().map_err(|why| (format!("Landlock is refused: {why}"), kernel.to_owned()))?;
            facts.calls.clone().map_err(|why| (format!("seccomp is refused: {why}"), kernel.to_owned()))?;
            Ok(match &facts.namespaces {
                Ok(()) => "Landlock, seccomp, own process numbers".to_owned(),
                Err(why) => format!("Landlock, seccomp; without own process numbers: {why}"),
            })
        }
        Level::Strict => {
            Box::pin(of_level(Level::Standard)).await?;
            let facts = facts().await;
            let fact = facts.namespaces.clone().and_then(|()| facts.network.clone());
            match (fact, bubblewrap()) {
                (Ok(()), _) => Ok("Landlock, seccomp, own processes, mounts and network".to_owned()),
                (Err(_), Some(file)) => Ok(format!("Landlock, seccomp, {}", file.display())),
                (Err(why), None) => Err((
                    format!("namespaces are refused: {why}"),
                    "install bubblewrap, or allow unprivileged user namespaces".to_owned(),
                )),
            }
        }
        Level::Container => container::engine()
            .await
            .map(|engine| engine.said)
            .map_err(|why| (why, "install docker or podman, and see that this user may use it".to_owned())),
    }
}

/// What the trying process found; asked once.
pub(super) async fn facts() -> &'static Facts {
    static FACTS: OnceCell<Facts> = OnceCell::const_new();
    FACTS
        .get_or_init(async || {
            ask().await.unwrap_or_else(|fault| {
                let why = || Err(format!("the trial failed: {fault}"));
                Facts { namespaces: why(), network: why(), need_user: true, folders: why(), calls: why() }
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
    let facts = Facts { namespaces: all.clone(), network: all, need_user, folders, calls };
    let mut line = serde_json::to_vec(&facts)?;
    line.push(b'\n');
    io::stdout().write_all(&line)
}

/// The program bubblewrap, where it is installed.
pub(super) fn bubblewrap() -> Option<PathBuf> {
    let folders = ["/usr/bin", "/usr/local/bin", "/bin"].map(PathBuf::from);
    folders.into_iter().map(|folder| folder.join("bwrap")).find(|file| file.is_file())
}
