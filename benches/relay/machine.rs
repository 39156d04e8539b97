//! What the system knows of processes, read from /proc, and of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Memory of a process, in kB.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// All that is in memory, the program's own file included.
    pub(crate) resident_kb: u64,
    /// What it alone uses.
    pub(crate) private_kb: u64,
    /// The most that was ever in memory.
    pub(crate) peak_kb: u64,
}

/// Memory of the process now.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("reading /proc; this bench needs Linux")?;
    let value = |key: &str| -> anyhow::Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("no {key}"))?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    Ok(Memory { resident_kb: value("VmRSS:")?, private_kb: value("RssAnon:")?, peak_kb: value("VmHWM:")? })
}

/// Time on a processor, of all threads that the process has now.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let mut all = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).context("reading /proc; this bench needs Linux")? {
        let times = fs::read_to_string(thread?.path().join("schedstat"))?;
        all += times.split(' ').next().context("schedstat is empty")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(all))
}

/// Processes whose parent is `pid`.
pub(crate) fn children(pid: u32) -> anyhow::Result<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").context("reading /proc; this bench needs Linux")? {
        let Some(candidate) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // One that ends while we look is no child any more.
        let Ok(stat) = fs::read_to_string(format!("/proc/{candidate}/stat")) else { continue };
        // The name before it is in brackets and may hold anything, spaces and brackets too.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if parent == Some(&pid.to_string()) {
            found.insert(candidate);
        }
    }
    Ok(found)
}

/// How many of the processes still run `wait` from now at the latest; returns as soon as none does.
pub(crate) fn survivors(pids: &BTreeSet<u32>, wait: Duration) -> usize {
    let started = Instant::now();
    loop {
        let left = pids.iter().filter(|pid| is_running(**pid)).count();
        if left == 0 || started.elapsed() >= wait {
            return left;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether it runs. A dead one that nobody has asked about yet does not.
fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Processor, number of cores, and what else was running when the bench began.
pub(crate) fn description() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "{cores} cores, {}, Linux {}, load {} at the start",
        model.trim_start_matches(['\t', ':', ' ']),
        kernel.trim(),
        load.split(' ').next().unwrap_or("unknown")
    )
}
