//! Bounds for a whole tree of processes: cgroup v2, where a part of the hierarchy was handed to us (systemd's `Delegate=`,
//! a user's own session). Writing a few files, so no crate is needed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Demand;

/// The controllers that bounds need.
const CONTROLLERS: &[&str] = &["memory", "cpu", "pids"];
/// The group that mcporch itself moves to: a group with processes in it cannot bound groups below it.
const OWN_LEAF: &str = "mcporch";
/// The period that processor time is counted in, in microseconds: the kernel's default.
const CPU_PERIOD_US: f64 = 100_000.0;

/// A group under which groups for servers can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent {
    folder: PathBuf,
}

impl Parent {
    /// The group that this process is in, if it was handed to us. Says why not otherwise.
    pub(super) fn find() -> Result<Self, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|fault| fault.to_string())?;
        let path = own.lines().find_map(|line| line.strip_prefix("0::")).ok_or("the system has no cgroup v2")?;
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let root = roots.into_iter().find(|root| root.join("cgroup.controllers").exists());
        let root = root.ok_or("cgroup v2 is not mounted")?;
        // When we have already moved, the group above is the one.
        let path = path.strip_suffix(&format!("/{OWN_LEAF}")).unwrap_or(path);
        Self::at(&root.join(path.trim_start_matches('/')))
    }

    /// The group of this folder, if it has the controllers and was handed to us.
    pub(super) fn at(folder: &Path) -> Result<Self, String> {
        let file = folder.join("cgroup.controllers");
        let controllers = fs::read_to_string(&file).map_err(|fault| format!("{}: {fault}", file.display()))?;
        let has = |name: &&&str| controllers.split_whitespace().any(|word| word == **name);
        let missing: Vec<&str> = CONTROLLERS.iter().filter(|name| !has(name)).copied().collect();
        if !missing.is_empty() {
            return Err(format!("{} lacks the controllers {}", folder.display(), missing.join(", ")));
        }
        if !is_handed_to_us(folder) {
            return Err(format!("{} was not delegated to this user (systemd: Delegate=yes)", folder.display()));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Makes a group with the bounds of the demand. The first one moves mcporch into a group of its own.
    pub(super) fn make(&self, server: &str, demand: &Demand) -> io::Result<Group> {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let own = self.folder.join(OWN_LEAF);
        if !own.is_dir() {
            fs::create_dir(&own)?;
        }
        fs::write(own.join("cgroup.procs"), std::process::id().to_string())?;
        fs::write(self.folder.join("cgroup.subtree_control"), "+memory +cpu +pids")?;
        let plain: String = server.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let group = Group { folder: self.folder.join(format!("server-{plain}-{}-{number}", std::process::id())) };
        fs::create_dir(&group.folder)?;
        for (file, value) in bounds(demand) {
            fs::write(group.folder.join(file), value)?;
        }
        Ok(group)
    }
}

/// Files of a group and what is written to them.
pub(super) fn bounds(demand: &Demand) -> Vec<(&'static str, String)> {
    let mut bounds = vec![("pids.max", demand.processes_max.to_string())];
    if let Some(bytes) = demand.memory_bytes_max {
        bounds.push(("memory.max", bytes.to_string()));
        // Without swap to flee to, and as a whole: half a server is of no use.
        bounds.push(("memory.swap.max", "0".to_owned()));
        bounds.push(("memory.oom.group", "1".to_owned()));
    }
    if let Some(cores) = demand.cpu_cores_max {
        // Less than a millisecond a period is refused by the kernel.
        let quota = (cores * CPU_PERIOD_US).max(1000.0).round();
        bounds.push(("cpu.max", format!("{quota:.0} {CPU_PERIOD_US:.0}")));
    }
    bounds
}

/// Root may write everywhere, so for it only the mark counts that systemd sets on what it hands over.
fn is_handed_to_us(folder: &Path) -> bool {
    let is_marked = ["user.delegate", "trusted.delegate"].iter().any(|name| {
        let mut value = [0_u8; 8];
        rustix::fs::getxattr(folder, *name, &mut value).is_ok_and(|len| value[..len].starts_with(b"1"))
    });
    let may_write = rustix::fs::access(folder.join("cgroup.procs"), rustix::fs::Access::WRITE_OK).is_ok();
    may_write && (is_marked || !rustix::process::geteuid().is_root())
}

/// The group of one server. Removed when it is dropped, if nothing is left in it.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
}

impl Group {
    /// Moves a process into it; what that starts is born there.
    pub(super) fn take(&self, pid: u32) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string())
    }

    /// Ends everything in it.
    pub(super) fn kill(&self) {
        // Kernels before 5.14 have no such file; the shim does it too.
        fs::write(self.folder.join("cgroup.kill"), "1").ok();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        fs::remove_dir(&self.folder).ok();
    }
}
