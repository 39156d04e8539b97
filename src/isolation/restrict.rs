//! What a server's process lays down before it becomes the server: limits, rights, folders, system calls.

use std::io;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit};

use super::order::Order;

/// Gives what was being done when it failed.
pub(super) fn lay_down(order: &Order) -> Result<(), (&'static str, io::Error)> {
    let rules = &order.rules;
    let failed = |doing: &'static str| move |fault: rustix::io::Errno| (doing, io::Error::from(fault));
    // A session of its own: no terminal's signals reach it, and its process group is its own.
    rustix::process::setsid().map_err(failed("give it a session of its own"))?;
    #[cfg(target_os = "linux")]
    {
        // Should the shim be killed, the server goes too, and what it had started falls to mcporch.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
            .map_err(failed("bind its life to ours"))?;
        if !rules.may_gain_rights {
            rustix::thread::set_no_new_privs(true).map_err(failed("keep it from gaining rights"))?;
        }
        rustix::thread::clear_ambient_capability_set().ok();
    }
    // What it creates is never writable for others, whatever we were started with.
    let umask = rustix::process::umask(Mode::WGRP | Mode::WOTH);
    rustix::process::umask(umask | Mode::WGRP | Mode::WOTH);
    bound(Resource::Core, 0).map_err(failed("forbid core files"))?;
    bound(Resource::Nofile, rules.files_max).map_err(failed("bound its open files"))?;
    if let Some(bytes) = rules.data_bytes_max {
        // Data and not address space: node reserves far more of the latter than it ever uses.
        bound(Resource::Data, bytes).map_err(failed("bound its memory"))?;
    }
    let folder = order.cwd.clone().map_or_else(std::env::current_dir, Ok);
    let mut entered = folder.and_then(|folder| std::env::set_current_dir(&folder));
    if entered.is_err() && order.cwd.is_none() && rules.private_mounts {
        // Ours is hidden from it, and nobody asked for it.
        entered = std::env::set_current_dir("/");
    }
    entered.map_err(|fault| ("enter the folder of `cwd`", fault))?;
    #[cfg(target_os = "linux")]
    {
        if let Some(folders) = &rules.folders {
            super::folders::confine(folders).map_err(|fault| ("confine it to its folders", fault))?;
        }
        super::calls::deny(rules).map_err(|fault| ("deny it dangerous system calls", fault))?;
    }
    Ok(())
}

/// Lowers a limit, the hard one too; never raises one.
fn bound(resource: Resource, max: u64) -> rustix::io::Result<()> {
    let now = rustix::process::getrlimit(resource);
    let hard = now.maximum.map_or(max, |now| now.min(max));
    let soft = now.current.map_or(hard, |now| now.min(hard));
    rustix::process::setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) })
}
