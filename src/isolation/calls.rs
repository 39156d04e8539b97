//! System calls that no MCP server needs and that lead out of a sandbox: denied with EPERM, by seccomp.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition as Condition,
    SeccompFilter, SeccompRule as Rule, TargetArch,
};

use super::order::Rules;

/// Denied whatever the arguments: they change the machine, look into other processes, make new rights, or lead around the
/// other rules (io_uring opens sockets and files without the calls that are watched here).
const DENIED: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_io_uring_setup,
    libc::SYS_setrlimit,
];
/// Protocol families that lead onto a network.
const NETWORK_FAMILIES: &[i32] = &[libc::AF_INET, libc::AF_INET6, libc::AF_PACKET, libc::AF_VSOCK];

/// Denies what the rules say, to this process and all that it starts.
pub(super) fn deny(rules: &Rules) -> io::Result<()> {
    let (denied, absent) = filters(rules).map_err(io::Error::other)?;
    for filter in [absent, denied].into_iter().flatten() {
        seccompiler::apply_filter(&filter).map_err(io::Error::other)?;
    }
    Ok(())
}

/// The filter of what is denied, and of what is as if the kernel did not have it.
fn filters(rules: &Rules) -> Result<(Option<BpfProgram>, Option<BpfProgram>), seccompiler::BackendError> {
    let is_equal = |argument, value: i32| {
        let value = u64::from(value.unsigned_abs());
        Rule::new(vec![Condition::new(argument, Len::Dword, Op::Eq, value)?])
    };
    let mut denied: BTreeMap<i64, Vec<Rule>> = BTreeMap::new();
    let mut absent: BTreeMap<i64, Vec<Rule>> = BTreeMap::new();
    if rules.deny_calls {
        denied.extend(DENIED.iter().map(|call| (*call, Vec::new())));
        // Reading a limit is the same call with no new value.
        let sets = Condition::new(2, Len::Qword, Op::Ne, 0)?;
        denied.insert(libc::SYS_prlimit64, vec![Rule::new(vec![sets])?]);
        let new_user = u64::from(libc::CLONE_NEWUSER.unsigned_abs());
        let asks = Condition::new(0, Len::Qword, Op::MaskedEq(new_user), new_user)?;
        denied.insert(libc::SYS_clone, vec![Rule::new(vec![asks])?]);
        // Its flags lie in memory, where a filter cannot look; the C library takes clone when this one is not there.
        absent.insert(libc::SYS_clone3, Vec::new());
    }
    if rules.deny_network {
        let families = NETWORK_FAMILIES.iter().map(|family| is_equal(0, *family)).collect::<Result<_, _>>()?;
        denied.insert(libc::SYS_socket, families);
        denied.entry(libc::SYS_io_uring_setup).or_default();
    }
    Ok((filter(denied, libc::EPERM)?, filter(absent, libc::ENOSYS)?))
}

fn filter(rules: BTreeMap<i64, Vec<Rule>>, answer: i32) -> Result<Option<BpfProgram>, seccompiler::BackendError> {
    if rules.is_empty() {
        return Ok(None);
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let matched = SeccompAction::Errno(answer.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, matched, arch)?;
    filter.try_into().map(Some)
}
