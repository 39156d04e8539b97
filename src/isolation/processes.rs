//! The system's table of processes, as far as it can be read: children, their children, and what each uses. Everything is
//! of the moment: a process may be gone when the answer arrives.

use std::fs;
use std::path::PathBuf;

/// The process and all its descendants, parents before children. Empty when it is gone.
pub(super) fn tree(root: u32) -> Vec<u32> {
    if !folder(root).exists() {
        return Vec::new();
    }
    let mut found = vec![root];
    let mut at = 0;
    while let Some(&pid) = found.get(at) {
        // A process that is given to another parent while we look could be met twice.
        let new: Vec<u32> = children(pid).into_iter().filter(|child| !found.contains(child)).collect();
        found.extend(new);
        at += 1;
    }
    found
}

/// The children of a process, those of all its threads.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(folder(pid).join("task")) else { return Vec::new() };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        match fs::read_to_string(thread.path().join("children")) {
            Ok(list) => found.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok())),
            // A thread that is gone has no children; a kernel without this file has them in another place.
            Err(_) if fs::metadata("/proc/thread-self/children").is_err() => return children_by_scan(pid),
            Err(_) => {}
        }
    }
    found
}

/// The same for kernels that do not list children: whoever names the process as its parent.
fn children_by_scan(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| Stat::read(*pid).is_some_and(|stat| stat.parent == parent)).collect()
}

/// What `/proc/PID/stat` says of a process.
pub(super) struct Stat {
    /// One letter; `Z` and `X` are dead.
    pub(super) state: char,
    pub(super) parent: u32,
    pub(super) session: u32,
    /// Processor time of the process and of the children that it has waited for, in clock ticks.
    pub(super) cpu_ticks: u64,
    pub(super) threads: u32,
    pub(super) resident_pages: u64,
}

impl Stat {
    pub(super) fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(folder(pid).join("stat")).ok()?)
    }

    /// The name stands in brackets and may itself hold brackets and spaces, so the fields are counted from the last one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_ascii_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: u32::try_from(number(1)?).ok()?,
            session: u32::try_from(number(3)?).ok()?,
            // utime, stime, and both of the children that were waited for.
            cpu_ticks: number(11)? + number(12)? + number(13)? + number(14)?,
            threads: u32::try_from(number(17)?).ok()?,
            resident_pages: number(21)?,
        })
    }

    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// How many file descriptors it has open; 0 when we may not look.
pub(super) fn open_files(pid: u32) -> u32 {
    let entries = fs::read_dir(folder(pid).join("fd"));
    entries.map_or(0, |entries| u32::try_from(entries.count()).unwrap_or(u32::MAX))
}

/// Whether its environment, as it was when it became its program, has this variable with this value. False when we may
/// not look.
pub(super) fn has_variable(pid: u32, name: &str, value: &str) -> bool {
    let Ok(environment) = fs::read(folder(pid).join("environ")) else { return false };
    let wanted = format!("{name}={value}");
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
}

/// Its number in the innermost namespace that it is in.
pub(super) fn innermost_number(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(folder(pid).join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_ascii_whitespace().next_back()?.parse().ok()
}

/// Sends KILL; one that is gone already is fine.
pub(super) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
    }
}

fn folder(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}
