//! Open files that nobody is to inherit. Whoever started mcporch may have left some open to us; a server gets none of them.

use std::fs;
use std::os::fd::BorrowedFd;

/// Marks all files but the three standard streams as closed in whatever this process becomes or starts.
pub(super) fn close_all_on_exec() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
        #[expect(unsafe_code, reason = "an inherited descriptor is known by its number alone")]
        // SAFETY: the borrow lasts for the one call below, which changes a flag, closes nothing, and answers EBADF when the
        // number is no longer in use (that of the listing itself). No other thread runs yet.
        let file = unsafe { BorrowedFd::borrow_raw(number) };
        rustix::io::fcntl_setfd(file, rustix::io::FdFlags::CLOEXEC).ok();
    }
}
