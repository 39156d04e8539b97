//! What mcporch itself uses.

/// At one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessUse {
    /// Resident memory, in bytes.
    pub memory_bytes: u64,
    /// Processor time since the start, in seconds.
    pub cpu_s: f64,
    /// Open file descriptors.
    pub open_files: u64,
    /// How many there may be; `None` where there is no such limit.
    pub open_files_max: Option<u64>,
}

/// What this process uses; `None` on systems other than Linux. Blocks for some ten microseconds, and one more for each open file.
#[cfg(target_os = "linux")]
#[must_use]
pub fn process_use() -> Option<ProcessUse> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in brackets, may have spaces in it. Behind it: the state is the first, and the times are the 12th and 13th.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let pages: u64 = fields.get(21)?.parse().ok()?;
    let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    #[expect(clippy::cast_precision_loss, reason = "ticks of a hundred years have 39 bits")]
    let cpu_s = ticks as f64 / rustix::param::clock_ticks_per_second().max(1) as f64;
    Some(ProcessUse {
        memory_bytes: pages * page_bytes,
        cpu_s,
        // One of them is the look itself.
        open_files: (open_files as u64).saturating_sub(1),
        open_files_max: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
    })
}

/// What this process uses; `None` on systems other than Linux.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn process_use() -> Option<ProcessUse> {
    None
}
