//! Gives memory back before a long wait: starting a program of fifty megabytes brings some of them in, and a thin client or a
//! shim waits for days and needs none of them. What it needs again comes from the file, in microseconds.

/// A range of this process's memory that holds a file's bytes, unchanged.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    start: usize,
    len: usize,
}

/// Drops every page that is a plain copy of a file. Does nothing where the system does not tell which those are.
pub fn give_pages_back() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    for range in std::fs::read_to_string("/proc/self/smaps").map(|smaps| unchanged(&smaps)).unwrap_or_default() {
        drop_pages(&range);
    }
}

/// The same for the pages of our own program alone: for a process with other threads, since nothing removes these mappings or puts
/// others in their place as long as it runs.
pub fn give_program_back() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let (Ok(smaps), Ok(program)) =
        (std::fs::read_to_string("/proc/self/smaps"), std::fs::read_link("/proc/self/exe"))
    {
        for range in unchanged(&of_file(&smaps, &program.to_string_lossy())) {
            drop_pages(&range);
        }
    }
}

/// What smaps say of the mappings of one file.
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), expect(dead_code, reason = "smaps are Linux's"))]
fn of_file(smaps: &str, file: &str) -> String {
    let mut is_its = false;
    let mut kept = String::new();
    for line in smaps.lines() {
        if file_range(line).is_some() {
            is_its = line.ends_with(file) && line.split_whitespace().nth(5).is_some_and(|first| first.starts_with('/'));
        }
        if is_its {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The ranges of which no page differs from its file: they cannot be written, and none of their pages was ever made our own
/// (as the loader does where it puts addresses in, before it forbids writing).
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), expect(dead_code, reason = "smaps are Linux's"))]
fn unchanged(smaps: &str) -> Vec<Range> {
    let mut found = Vec::new();
    let mut current: Option<Range> = None;
    let (mut anonymous, mut swapped) = (None, None);
    for line in smaps.lines() {
        if let Some(of) = line.strip_prefix("Anonymous:") {
            anonymous = Some(of.trim() == "0 kB");
        } else if let Some(of) = line.strip_prefix("Swap:") {
            swapped = Some(of.trim() == "0 kB");
        } else if line.starts_with("VmFlags:") {
            found.extend(current.take().filter(|_| (anonymous.take(), swapped.take()) == (Some(true), Some(true))));
        } else if let Some(range) = file_range(line) {
            current = range;
            (anonymous, swapped) = (None, None);
        }
    }
    found
}

/// The first line of a mapping: `Some(None)` when it is one that is not to be touched, `None` for other lines.
fn file_range(line: &str) -> Option<Option<Range>> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    let may = words.next()?;
    let is_file = words.nth(3).is_some_and(|path| path.starts_with('/'));
    let is_plain = may.starts_with("r-") && may.ends_with('p') && is_file;
    Some(is_plain.then_some(Range { start, len: end.checked_sub(start)? }))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(unsafe_code, reason = "the system call takes an address")]
fn drop_pages(range: &Range) {
    let start = std::ptr::with_exposed_provenance_mut(range.start);
    // SAFETY: the kernel has just said that this range is a private, read-only mapping of a file without a single page of
    // its own. Dropping such pages changes no byte that anybody can see: the next access reads the same bytes of the same
    // file again. No mapping is removed or replaced in between: those who call `give_pages_back` have threads that read and write
    // descriptors alone, and those of the program itself, which is all that `give_program_back` takes, stay while it runs.
    let _kept = unsafe { rustix::mm::madvise(start, range.len, rustix::mm::Advice::LinuxDontNeed) };
}

#[cfg(test)]
mod tests {
    use super::{Range, of_file, unchanged};

    fn check(smaps: &str, expected: &[(usize, usize)]) {
        let expected: Vec<Range> = expected.iter().map(|(start, len)| Range { start: *start, len: *len }).collect();
        assert_eq!(unchanged(smaps), expected, "{smaps}");
    }

    #[test]
    fn of_a_process_with_threads_only_its_program_is_taken() {
        let mapping = |start: &str, path: &str| {
            format!("{start} r--p 00000000 08:01 7 {path}\nAnonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd mr\n")
        };
        let smaps =
            [mapping("1000-3000", "/usr/bin/x"), mapping("4000-5000", "/usr/lib/x.so"), mapping("6000-7000", "")];
        assert_eq!(unchanged(&of_file(&smaps.concat(), "/usr/bin/x")), [Range { start: 0x1000, len: 0x2000 }]);
    }

    #[test]
    fn only_plain_copies_of_files_are_dropped() {
        let mapping = |head: &str, anonymous: u32, swap: u32| {
            format!("{head}\nSize: 8 kB\nAnonymous:      {anonymous} kB\nSwap:      {swap} kB\nVmFlags: rd mr\n")
        };
        check(&mapping("1000-3000 r--p 00000000 08:01 7 /usr/bin/x", 0, 0), &[(0x1000, 0x2000)]);
        check(&mapping("1000-3000 r-xp 00000000 08:01 7 /usr/bin/x", 0, 0), &[(0x1000, 0x2000)]);
        check(&mapping("1000-3000 r--p 00000000 08:01 7 /usr/bin/x", 4, 0), &[]);
        check(&mapping("1000-3000 r--p 00000000 08:01 7 /usr/bin/x", 0, 4), &[]);
        check(&mapping("1000-3000 rw-p 00000000 08:01 7 /usr/bin/x", 0, 0), &[]);
        check(&mapping("1000-3000 r--s 00000000 08:01 7 /usr/bin/x", 0, 0), &[]);
        check(&mapping("1000-3000 r-xp 00000000 00:00 0 [vdso]", 0, 0), &[]);
        check(&mapping("1000-3000 r--p 00000000 00:00 0", 0, 0), &[]);
        check("1000-3000 r--p 00000000 08:01 7 /usr/bin/x\nSize: 8 kB\nVmFlags: rd\n", &[]);
        check("garbage\n-\nAnonymous: 0 kB\nSwap: 0 kB\nVmFlags: rd\n", &[]);
    }
}
