//! Namespaces: process numbers, mounts and network of a server's own. When the first process of a namespace of processes
//! ends, the system ends all others in it, whatever they did to hide.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change, mount_remount};
use rustix::process::{Pid, Signal};
use rustix::thread::{CapabilitySet, UnshareFlags};

use super::order::{Report, Rules};
use super::shim::{self, Stage};

/// Which namespaces a server gets. On the command line of the shim: letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wanted {
    /// Through a user namespace, as an ordinary user has to.
    pub(super) user: bool,
    /// And a network without any device.
    pub(super) network: bool,
}

impl Wanted {
    pub(super) fn letters(self) -> String {
        let letter = |is_wanted: bool, letter: &'static str| if is_wanted { letter } else { "" };
        format!("p{}{}", letter(self.user, "u"), letter(self.network, "n"))
    }

    fn of(letters: &str) -> Self {
        Self { user: letters.contains('u'), network: letters.contains('n') }
    }

    fn flags(self) -> UnshareFlags {
        let mut flags = UnshareFlags::NEWPID | UnshareFlags::NEWNS;
        flags.set(UnshareFlags::NEWUSER, self.user);
        // Shared memory between processes is a way out as well.
        flags.set(UnshareFlags::NEWNET | UnshareFlags::NEWIPC, self.network);
        flags
    }
}

/// The stage that makes namespaces, and waits for the shim that it starts in them.
pub(super) fn enter(name: &str, letters: &str) -> io::Result<()> {
    let control = shim::control()?;
    let wanted = Wanted::of(letters);
    // mcporch puts this process into a cgroup before it says what to start; what is started before that would stay outside.
    let mut said = [PollFd::new(&control, PollFlags::IN)];
    while poll(&mut said, None) == Err(rustix::io::Errno::INTR) {}
    let shim = leave_ours(wanted).and_then(|()| shim::command(Stage::Keep, name).stdin(Stdio::inherit()).spawn());
    match shim {
        Ok(mut shim) => end_like(&mut shim, control),
        Err(fault) => Report::failed("make namespaces for it", &fault).send(&control),
    }
}

fn end_like(shim: &mut std::process::Child, control: UnixStream) -> io::Result<()> {
    // The shim has its own copy; ours must not keep the socket open.
    drop(control);
    let status = shim.wait()?;
    let own = Pid::from_raw(i32::try_from(std::process::id()).unwrap_or_default());
    if let (Some(signal), Some(own)) = (status.signal().and_then(Signal::from_named_raw), own) {
        rustix::process::kill_process(own, signal)?;
    }
    Ok(())
}

/// Makes the namespaces; the next child is the first process in them.
pub(super) fn leave_ours(wanted: Wanted) -> io::Result<()> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    #[expect(deprecated, reason = "its successor is unsafe for the sake of a flag that is not set here")]
    rustix::thread::unshare(wanted.flags())?;
    if wanted.user {
        // The same numbers inside and outside, so that files belong to whom they belonged.
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
        // Rights in a user namespace are lost with the next exec unless they are ambient; the shim needs this one to
        // mount, and the server's process gives it up.
        let mut sets = rustix::thread::capabilities(None)?;
        sets.inheritable |= CapabilitySet::SYS_ADMIN;
        rustix::thread::set_capabilities(None, sets)?;
        rustix::thread::configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)?;
    }
    // Nothing that is mounted inside shows outside.
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    Ok(())
}

/// As the first process of the namespaces: its own list of processes, and the mounts that the rules ask for.
pub(super) fn furnish(rules: &Rules) -> io::Result<()> {
    if std::process::id() != 1 {
        return Ok(());
    }
    if rules.private_mounts {
        let keep = rules.folders.iter().flat_map(|folders| folders.write.iter().chain(folders.read.iter().flatten()));
        let mut keep: Vec<PathBuf> = keep.chain(&rules.visible).cloned().collect();
        // Folders before what is in them.
        keep.sort();
        keep.dedup();
        own_mounts(&keep)?;
    }
    // In some containers it may not be mounted; then the server sees the numbers of the outside, and can do nothing with them.
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).ok();
    Ok(())
}

/// Folders for what is temporary, hidden under empty ones of our own.
pub(super) const TEMPORARY: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];

fn own_mounts(keep: &[PathBuf]) -> io::Result<()> {
    let here = std::env::current_dir();
    // What is to stay visible below a folder that is about to be hidden is held open and bound again over it.
    let mut held = Vec::new();
    for folder in keep.iter().filter(|folder| folder.exists()) {
        held.push((folder, rustix::fs::openat(CWD, folder, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?));
    }
    for folder in TEMPORARY.iter().filter(|folder| Path::new(folder).is_dir()) {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("tmpfs", *folder, "tmpfs", flags, Some(c"mode=1777,size=50%"))?;
    }
    for (folder, file) in &held {
        if TEMPORARY.iter().any(|hidden| Path::new(hidden) == folder.as_path()) {
            continue;
        }
        if TEMPORARY.iter().any(|hidden| folder.starts_with(hidden)) {
            if folder.exists() {
                // It came with the folder that it is in.
                continue;
            }
            make_place(folder, file)?;
        }
        let source = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
        mount_bind_recursive(source, folder.as_path())?;
    }
    // Landlock is the wall; this is the second one, where the system allows it.
    mount_remount("/", MountFlags::BIND | MountFlags::RDONLY | locked_flags(), c"").ok();
    // The old folder lies below what was mounted.
    if let Ok(here) = here {
        std::env::set_current_dir(here).ok();
    }
    Ok(())
}

fn make_place(folder: &Path, file: &std::os::fd::OwnedFd) -> io::Result<()> {
    let is_folder = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(file)?.st_mode).is_dir();
    if is_folder {
        return fs::create_dir_all(folder);
    }
    folder.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::File::create_new(folder).map(drop)
}

/// Flags of the root's mount that may not be taken away in a user namespace.
fn locked_flags() -> MountFlags {
    let Ok(now) = rustix::fs::statvfs("/") else { return MountFlags::empty() };
    let pairs = [
        (rustix::fs::StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (rustix::fs::StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (rustix::fs::StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (rustix::fs::StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (rustix::fs::StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    pairs.into_iter().filter(|(is, _)| now.f_flag.contains(*is)).map(|(_, flag)| flag).collect()
}
