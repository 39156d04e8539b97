//! What falls to mcporch itself when a shim is killed: as a subreaper it becomes the parent of what the server had
//! started. It knows its own by a word in their environment, and ends them.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, WaitOptions};

use super::processes::{Stat, children, has_variable, kill, tree};

/// The variable that says by which start a process came to be.
pub(super) const VARIABLE: &str = "MCPORCH_INSTANCE";
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Looks before it is given up: a process that does not die of KILL hangs in the kernel. About four seconds.
const LOOKS_MAX: usize = 2000;

/// A word for a new start, told apart from those of all others that live.
pub(super) fn new_token() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// From now on, what loses its parent below us becomes our child.
pub(super) fn adopt_orphans() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Err(fault) = rustix::process::set_child_subreaper(Pid::from_raw(1)) {
            tracing::warn!(error = %fault, "mcporch cannot adopt orphans; what a killed server leaves behind may stay");
        }
    });
}

/// Ends everything of this start that has fallen to us, and asks about each, so that no dead process stays in the list.
pub(super) async fn sweep(token: &str, server: u32, parent: Option<u32>) {
    let mut ours: Vec<u32> = parent.into_iter().chain([server]).collect();
    for _ in 0..LOOKS_MAX {
        // The server led a session, so the session's number is as good a mark; it even stays with those that are dead.
        let is_of_it = |pid: u32| {
            (server != 0 && pid == server)
                || has_variable(pid, VARIABLE, token)
                || (server != 0 && Stat::read(pid).is_some_and(|stat| stat.session == server))
        };
        let found: Vec<u32> = children(std::process::id()).into_iter().filter(|pid| is_of_it(*pid)).collect();
        for pid in found.iter().flat_map(|child| tree(*child)) {
            kill(pid);
            if !ours.contains(&pid) {
                ours.push(pid);
            }
        }
        ours.retain(|pid| !is_gone(*pid));
        if found.is_empty() && ours.is_empty() {
            return;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    tracing::error!(left = ours.len(), "processes that a killed server left behind do not end");
}

/// Asks how our child ended; true when it did. One that is not our child yet may fall to us dead, when its parent dies before
/// it asked; so it counts as gone only when the system no longer lists it.
fn is_gone(number: u32) -> bool {
    let Some(pid) = i32::try_from(number).ok().and_then(Pid::from_raw) else { return true };
    match rustix::process::waitpid(Some(pid), WaitOptions::NOHANG) {
        Ok(Some(_)) => true,
        Ok(None) => false,
        Err(_) => Stat::read(number).is_none(),
    }
}
