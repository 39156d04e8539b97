//! What a server uses: summed over its process and everything that this has started.

use std::time::Duration;

/// What a tree of processes uses at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeUsage {
    /// Processor time so far. It may shrink when a process ends whose parent does not ask how it ended.
    pub cpu_time: Duration,
    /// Memory that is really there (the sum of resident sets, so what processes share counts once for each), in bytes.
    pub memory_bytes: u64,
    /// Threads.
    pub threads: u32,
    /// Open file descriptors; those of processes that we may not look into count as none.
    pub fds: u32,
    /// Processes, at least 1. Dead ones that nobody asked about yet are left out.
    pub processes: u32,
}

/// What the process `root_pid` and all its descendants use. `None` when it is gone, and on systems other than Linux.
///
/// Blocks for some ten microseconds for each process.
#[cfg(target_os = "linux")]
#[must_use]
pub fn tree_usage(root_pid: u32) -> Option<TreeUsage> {
    use super::processes::{Stat, open_files, tree};

    let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
    let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let mut usage = TreeUsage::default();
    let mut ticks = 0;
    for pid in tree(root_pid) {
        let Some(stat) = Stat::read(pid).filter(|stat| !stat.is_dead()) else { continue };
        ticks += stat.cpu_ticks;
        usage.memory_bytes += stat.resident_pages * page_bytes;
        usage.threads += stat.threads;
        usage.fds += open_files(pid);
        usage.processes += 1;
    }
    usage.cpu_time = Duration::from_millis(ticks.saturating_mul(1000) / ticks_per_second);
    (usage.processes > 0).then_some(usage)
}

/// What the process `root_pid` and all its descendants use. `None` when it is gone, and on systems other than Linux.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn tree_usage(_root_pid: u32) -> Option<TreeUsage> {
    None
}
