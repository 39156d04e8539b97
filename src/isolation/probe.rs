//! Which levels can be had on this machine, by what means, and why not.

use serde::Serialize;

use super::Level;
#[cfg(unix)]
use super::container;
#[cfg(target_os = "linux")]
use super::trial::{bubblewrap, facts};

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
    #[cfg(target_os = "linux")]
    let no_cgroup = super::cgroup::Parent::find().err();
    #[cfg(not(target_os = "linux"))]
    let no_cgroup = Some("only Linux has them".to_owned());
    Probe { levels, no_cgroup }
}

/// By what means a level can be had; else why not, and what to do.
pub(super) async fn of_level(level: Level) -> Result<String, (String, String)> {
    match level {
        Level::None => Ok("a plain child process".to_owned()),
        Level::Basic if cfg!(unix) => Ok("a shim process around each server".to_owned()),
        Level::Basic => Ok("a job object around each server".to_owned()),
        #[cfg(not(target_os = "linux"))]
        Level::Standard | Level::Strict => {
            Err(("only Linux gives it".to_owned(), "run mcporch where Linux is, or use a container".to_owned()))
        }
        #[cfg(target_os = "linux")]
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
        #[cfg(target_os = "linux")]
        Level::Strict => {
            Box::pin(of_level(Level::Standard)).await?;
            let facts = facts().await;
            match (facts.namespaces.clone(), bubblewrap()) {
                (Ok(()), _) => Ok("Landlock, seccomp, own processes, mounts and network".to_owned()),
                (Err(_), Some(file)) => Ok(format!(
                    "{}: a root that is read-only, own processes and network; without Landlock and seccomp",
                    file.display()
                )),
                (Err(why), None) => Err((
                    format!("namespaces are refused: {why}"),
                    "install bubblewrap, or allow unprivileged user namespaces".to_owned(),
                )),
            }
        }
        #[cfg(not(unix))]
        Level::Container => Err((
            "this version runs containers on Linux and macOS only".to_owned(),
            "write the engine's command".to_owned(),
        )),
        #[cfg(unix)]
        Level::Container => container::engine()
            .await
            .map(|engine| engine.said)
            .map_err(|why| (why, "install docker or podman, and see that this user may use it".to_owned())),
    }
}
