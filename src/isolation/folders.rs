//! Which folders a server may use: Landlock, which holds for the process and all that it starts, and cannot be taken back.

use std::io;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
    path_beneath_rules,
};

use super::order::Folders;

/// The rules are written for this version of Landlock; an older kernel (from 5.13 on) keeps those that it knows. From
/// this version on signals to processes outside are refused too.
const WRITTEN_FOR: ABI = ABI::V6;
/// Devices that programs write to as a matter of course.
const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts"];
/// What programs read to run at all.
pub(super) const SYSTEM_FOLDERS: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/lib32",
    "/etc",
    "/opt",
    "/nix",
    "/snap",
    "/proc",
    "/sys",
    "/dev",
    "/run/systemd/resolve",
    "/home/linuxbrew",
];

/// Confines this process.
pub(super) fn confine(folders: &Folders) -> io::Result<()> {
    restrict(folders).map_err(io::Error::other)
}

fn restrict(folders: &Folders) -> Result<(), RulesetError> {
    let read = AccessFs::from_read(WRITTEN_FOR);
    let all = AccessFs::from_all(WRITTEN_FOR) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    let rules = Ruleset::default()
        // Of Landlock's first version nothing may be missing: it is what makes the level.
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WRITTEN_FOR))?
        .scope(Scope::Signal)?
        .scope(Scope::AbstractUnixSocket)?
        .create()?;
    let rules = match &folders.read {
        None => rules.add_rules(path_beneath_rules(["/"], read))?,
        Some(folders) => {
            rules.add_rules(path_beneath_rules(SYSTEM_FOLDERS, read))?.add_rules(path_beneath_rules(folders, read))?
        }
    };
    rules
        .add_rules(path_beneath_rules(DEVICES, all))?
        .add_rules(path_beneath_rules(&folders.write, all))?
        .restrict_self()?;
    Ok(())
}
